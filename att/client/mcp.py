"""External MCP servers in the caller's hands: `s.mcp`, and what they look like."""

from __future__ import annotations

from typing import TYPE_CHECKING

from att.client.cockpit import cockpit
from att.client.remote import Group, remote
from att.client.views import Facts, Table, Text, View, view
from att.client.wording import brief
from att.mcp_hub.models import (
    McpAttempt,
    McpContents,
    McpImport,
    McpResourceList,
    McpServerList,
    McpServerStatus,
    McpState,
    McpToolList,
    McpToolResult,
)
from att.mcp_hub.operations import McpOperations

if TYPE_CHECKING:
    from att.notebook import McpPanel

__all__ = ["Mcp", "server_state"]

_SYMBOLS: dict[McpState, str] = {
    "connecting": "◐",
    "healthy": "✓",
    "degraded": "~",
    "unreachable": "✗",
    "disconnected": "○",
}
_NOTHING = "-"


class Mcp(Group):
    """External MCP servers: `s.mcp`."""

    servers = remote(McpOperations.servers)
    status = remote(McpOperations.status)
    add = remote(McpOperations.add)
    remove = remote(McpOperations.remove)
    load = remote(McpOperations.load)
    connect = remote(McpOperations.connect)
    disconnect = remote(McpOperations.disconnect)
    prefer = remote(McpOperations.prefer)
    tools = remote(McpOperations.tools)
    resources = remote(McpOperations.resources)
    call = remote(McpOperations.call)
    read = remote(McpOperations.read)

    def view(self, *, project: str | None = None) -> McpPanel:
        """Return a panel of the servers with their health, for a notebook; with `project`, also of that project.

        Close it when done; the servers stay as they are.
        """
        made: McpPanel = cockpit("McpPanel")(self._session, project=project)
        return made


def server_state(state: McpState) -> str:
    """Return a state with its symbol."""
    return f"{_SYMBOLS[state]} {state}"


@view.register
def _servers(value: McpServerList) -> View:
    rows = [
        [
            item.server.name,
            item.server.project or _NOTHING,
            server_state(item.state),
            brief(item.tools),
            item.server_version or _NOTHING,
            item.server.where,
            item.reason,
        ]
        for item in value.servers
    ]
    columns = ["server", "project", "state", "tools", "version", "address", "reason"]
    return Table(columns, rows, "No MCP servers yet. Add one: att mcp add NAME --command PROGRAM, or --address URL")


@view.register
def _server(item: McpServerStatus) -> View:
    pairs = [
        ("server", item.server.name),
        ("project", item.server.project or _NOTHING),
        ("state", f"{server_state(item.state)}{f' ({item.reason})' if item.reason else ''}"),
        ("since", brief(item.since)),
        ("address", item.server.where),
        ("version", item.server_version or _NOTHING),
        ("protocol", item.protocol_version or _NOTHING),
        ("offers", "nothing known yet" if item.tools is None else f"{item.tools} tools, {item.resources} resources"),
        ("checked", brief(item.checked_at)),
        ("latency", brief(item.latency_seconds, "latency_seconds")),
        ("next attempt", brief(item.next_attempt_at)),
    ]
    lines = [Text("\n".join(item.last_lines), output=True)] if item.last_lines else []
    return Facts([pair for pair in pairs if pair[1] != _NOTHING], parts=lines)


@view.register
def _tools(value: McpToolList) -> View:
    rows = [[tool.name, " ".join(tool.servers), tool.description.partition("\n")[0]] for tool in value.tools]
    return Table(["tool", "servers", "what it does"], rows, "No tools.")


@view.register
def _resources(value: McpResourceList) -> View:
    rows = [[item.uri, " ".join(item.servers), item.mime_type or _NOTHING, item.name] for item in value.resources]
    return Table(["resource", "servers", "type", "name"], rows, "No resources.")


@view.register
def _result(value: McpToolResult) -> View:
    others = [f"({block.get('type')})" for block in value.content if block.get("type") != "text"]
    text = "\n".join([*([value.text] if value.text else []), *others])
    failed = " and failed" if value.is_error else ""
    title = f"{value.tool}: {value.server} answered{failed} after {brief(value.seconds, 'seconds_seconds')}"
    return Facts([], title=title, parts=[Text(text), *_attempts(value.attempts)])


@view.register
def _contents(value: McpContents) -> View:
    blobs = [f"(binary, {part.get('mimeType', 'of unknown type')})" for part in value.contents if "text" not in part]
    text = "\n".join([*([value.text] if value.text else []), *blobs])
    return Facts([], title=f"{value.uri} of {value.server}", parts=[Text(text), *_attempts(value.attempts)])


@view.register
def _import(value: McpImport) -> View:
    return Table(["server", "result", "reason"], [[item.name, item.result, item.reason] for item in value.servers])


def _attempts(attempts: list[McpAttempt]) -> list[Table]:
    """Show the attempts when there was more than the one that was answered."""
    if len(attempts) < 2:
        return []
    rows = [[a.server, a.outcome.replace("_", " "), brief(a.seconds, "seconds_seconds"), a.error] for a in attempts]
    return [Table(["server", "attempt", "took", "reason"], rows)]
