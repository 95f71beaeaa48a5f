"""An MCP server with what the conformance suite asks for; it does nothing else."""

from __future__ import annotations

import json
import warnings
from typing import Any

import mcp_types as types
from mcp.server.caching import CacheHint
from mcp.server.lowlevel import Server
from mcp.server.streamable_http import EventCallback, EventMessage, EventStore
from mcp.server.subscriptions import (
    InMemorySubscriptionBus,
    ListenHandler,
    PromptsListChanged,
    ServerEvent,
    ToolsListChanged,
)
from mcp.shared.exceptions import MCPError

from tests.mcp.fixture_tools import CONTEXT, NOTHING, PNG, PROMPTS, SCHEMAS, TOOLS, Context, missing, text_content

__all__ = ["MemoryEvents", "fixture_server"]


class MemoryEvents(EventStore):
    """Keeps what was sent, so that a stream that broke off can be resumed."""

    def __init__(self) -> None:
        self._events: list[tuple[str, Any]] = []

    async def store_event(self, stream_id: str, message: Any) -> str:
        self._events.append((stream_id, message))
        return str(len(self._events))

    async def replay_events_after(self, last_event_id: str, send_callback: EventCallback) -> str | None:
        last = int(last_event_id)
        if not 0 < last <= len(self._events):
            return None
        stream = self._events[last - 1][0]
        for number, (of, message) in enumerate(self._events[last:], last + 1):
            if of == stream and message is not None:
                await send_callback(EventMessage(message, str(number)))
        return stream


def fixture_server() -> Server[Any]:
    """Return the server."""
    bus = InMemorySubscriptionBus()
    changes: dict[str, ServerEvent] = {
        "test_trigger_tool_change": ToolsListChanged(),
        "test_trigger_prompt_change": PromptsListChanged(),
    }

    async def list_tools(_: Context, __: Any) -> types.ListToolsResult:
        names = [*TOOLS, *changes]
        listed = [types.Tool(name=n, description=f"{n}.", input_schema=SCHEMAS.get(n, NOTHING)) for n in names]
        return types.ListToolsResult(tools=listed)

    async def call_tool(ctx: Context, params: types.CallToolRequestParams) -> Any:
        if params.name in changes:
            await bus.publish(changes[params.name])
            return types.CallToolResult(content=[text_content("Changed.")])
        if params.name not in TOOLS:
            raise MCPError(types.INVALID_PARAMS, f"Unknown tool: {params.name}")
        return await TOOLS[params.name](ctx, params)

    async def read(_: Context, params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
        return types.ReadResourceResult(contents=[_resource(str(params.uri))])

    async def list_resources(_: Context, __: Any) -> types.ListResourcesResult:
        listed = [types.Resource(uri=f"test://{n}", name=n, description=n) for n in _STATIC]
        return types.ListResourcesResult(resources=listed)

    async def list_templates(_: Context, __: Any) -> types.ListResourceTemplatesResult:
        found = types.ResourceTemplate(name="template", uri_template="test://template/{id}/data")
        return types.ListResourceTemplatesResult(resource_templates=[found])

    async def list_prompts(_: Context, __: Any) -> types.ListPromptsResult:
        listed = [
            types.Prompt(
                name=name,
                description=name,
                arguments=[types.PromptArgument(name=a, description=a, required=True) for a in arguments],
            )
            for name, (arguments, _) in PROMPTS.items()
        ]
        return types.ListPromptsResult(prompts=listed)

    async def get_prompt(_: Context, params: types.GetPromptRequestParams) -> Any:
        if params.name not in PROMPTS:
            raise MCPError(types.INVALID_PARAMS, f"Unknown prompt: {params.name}")
        if params.name == "test_input_required_result_prompt" and (again := missing(CONTEXT, params)):
            return again
        content = PROMPTS[params.name][1](params.arguments or {})
        return types.GetPromptResult(messages=[types.PromptMessage(role="user", content=c) for c in content])

    async def complete(_: Context, __: Any) -> types.CompleteResult:
        return types.CompleteResult(completion=types.Completion(values=[], total=0, has_more=False))

    async def nothing(_: Context, __: Any) -> types.EmptyResult:
        return types.EmptyResult()

    with warnings.catch_warnings(action="ignore"):
        return Server(
            "fixture",
            version="1",
            cache_hints={name: CacheHint() for name in ("tools/list", "resources/read")},
            on_list_tools=list_tools,
            on_call_tool=call_tool,
            on_list_resources=list_resources,
            on_list_resource_templates=list_templates,
            on_read_resource=read,
            on_subscribe_resource=nothing,
            on_unsubscribe_resource=nothing,
            on_subscriptions_listen=ListenHandler(bus),
            on_list_prompts=list_prompts,
            on_get_prompt=get_prompt,
            on_completion=complete,
            on_set_logging_level=nothing,
        )


_STATIC = ("static-text", "static-binary", "watched-resource", "example-resource")


def _resource(uri: str) -> types.TextResourceContents | types.BlobResourceContents:
    name = uri.removeprefix("test://")
    if name == "static-binary":
        return types.BlobResourceContents(uri=uri, mime_type="image/png", blob=PNG)
    if name in _STATIC:
        return types.TextResourceContents(
            uri=uri, mime_type="text/plain", text="This is the content of the static text resource."
        )
    head, _, rest = name.partition("/")
    if head == "template" and rest.endswith("/data"):
        found = rest.removesuffix("/data")
        data = {"id": found, "templateTest": True, "data": f"Data for ID: {found}"}
        return types.TextResourceContents(uri=uri, mime_type="application/json", text=json.dumps(data))
    raise MCPError(types.INVALID_PARAMS, "Resource not found", {"uri": uri})
