"""What a server offers, asked of it and written down."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from att.mcp_hub.models import McpSnapshot, OfferedResource, OfferedTool
from att.models import now

if TYPE_CHECKING:
    from mcp import Client

__all__ = ["look", "look_again"]

_MOST_PAGES = 100
"""Pages of one list that are read: a paginator that never ends cannot hang a check."""


async def look(client: Client) -> McpSnapshot:
    """Ask a server for everything it offers."""
    return await look_again(client, McpSnapshot(protocol_version=client.protocol_version, taken_at=now()), all=True)


async def look_again(client: Client, before: McpSnapshot, *, all: bool = False) -> McpSnapshot:  # noqa: A002
    """Ask a server for its tools, and for its resources with `all` or when it has no tools; this proves its health."""
    can = client.server_capabilities
    changes: dict[str, Any] = {}
    if can.tools is not None:
        changes["tools"] = [_tool(tool) for tool in await _pages(client.list_tools, "tools")]
    if can.resources is not None and (all or can.tools is None):
        changes["resources"] = await _resources(client)
    info = client.server_info
    told = {
        "protocol_version": client.protocol_version,
        "server_name": info.name if info else None,
        "server_version": info.version if info else None,
        "instructions": client.instructions,
        "taken_at": now(),
    }
    return before.model_copy(update={**told, **changes})


async def _resources(client: Client) -> list[OfferedResource]:
    from mcp import MCPError
    from mcp_types import METHOD_NOT_FOUND

    plain = [_resource(item) for item in await _pages(client.list_resources, "resources")]
    try:
        templates = await _pages(client.list_resource_templates, "resource_templates")
    except MCPError as error:
        if error.code != METHOD_NOT_FOUND:
            raise
        templates = []
    return plain + [_template(item) for item in templates]


async def _pages(ask: Callable[..., Awaitable[Any]], field: str) -> list[Any]:
    found: list[Any] = []
    cursor: str | None = None
    for _ in range(_MOST_PAGES):
        page = await ask(cursor=cursor, cache_mode="bypass")
        found += getattr(page, field)
        cursor = page.next_cursor
        if cursor is None:
            break
    return found


def _tool(tool: Any) -> OfferedTool:
    hints = tool.annotations.model_dump(mode="json", by_alias=True, exclude_none=True) if tool.annotations else {}
    return OfferedTool(
        name=tool.name,
        title=tool.title,
        description=tool.description or "",
        input_schema=tool.input_schema,
        output_schema=tool.output_schema,
        annotations=hints,
    )


def _resource(item: Any) -> OfferedResource:
    return OfferedResource(uri=str(item.uri), size_bytes=item.size, **_shared(item))


def _template(item: Any) -> OfferedResource:
    return OfferedResource(uri=item.uri_template, template=True, **_shared(item))


def _shared(item: Any) -> dict[str, Any]:
    return {
        "name": item.name,
        "title": item.title,
        "description": item.description or "",
        "mime_type": item.mime_type,
    }
