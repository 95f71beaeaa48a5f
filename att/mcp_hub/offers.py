"""Who offers what: tools and resources of several servers as one list, each with the servers in their order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from att.mcp_hub.models import (
    McpResource,
    McpResourceList,
    McpTool,
    McpToolList,
    OfferedResource,
    OfferedTool,
)

if TYPE_CHECKING:
    from att.mcp_hub.actor import ServerActor

__all__ = ["fits", "offers_resource", "resources_of", "tools_of"]


def tools_of(actors: Sequence[ServerActor]) -> McpToolList:
    """Return the tools by name, as the first server describes them."""
    first: dict[str, OfferedTool] = {}
    servers: dict[str, list[str]] = {}
    for actor in actors:
        for tool in actor.view.snapshot.tools if actor.view.snapshot else ():
            first.setdefault(tool.name, tool)
            servers.setdefault(tool.name, []).append(actor.entry.server.name)
    return McpToolList(tools=[McpTool(**dict(first[name]), servers=servers[name]) for name in sorted(first)])


def resources_of(actors: Sequence[ServerActor]) -> McpResourceList:
    """Return the resources by URI, as the first server describes them, and then the templates."""
    first: dict[tuple[bool, str], OfferedResource] = {}
    servers: dict[tuple[bool, str], list[str]] = {}
    for actor in actors:
        for item in actor.view.snapshot.resources if actor.view.snapshot else ():
            key = (item.template, item.uri)
            first.setdefault(key, item)
            servers.setdefault(key, []).append(actor.entry.server.name)
    return McpResourceList(resources=[McpResource(**dict(first[key]), servers=servers[key]) for key in sorted(first)])


def offers_resource(actor: ServerActor, uri: str) -> bool:
    """Say whether a server lists a URI, or has a template for it."""
    from mcp.shared.uri_template import UriTemplate

    for item in actor.view.snapshot.resources if actor.view.snapshot else ():
        if item.uri == uri or (item.template and UriTemplate.parse(item.uri).match(uri) is not None):
            return True
    return False


def fits(actor: ServerActor, tool: str, arguments: dict[str, Any]) -> bool:
    """Say whether arguments are meant for a server's tool: another server's tool may only share the name."""
    from jsonschema import Draft202012Validator, SchemaError

    offered = actor.view.snapshot.tools if actor.view.snapshot else ()
    schema = next((item.input_schema for item in offered if item.name == tool), None)
    if schema is None:
        return False
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError:
        return True
    return Draft202012Validator(schema).is_valid(arguments)
