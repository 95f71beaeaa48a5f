"""MCP servers and their tools as HTML: health, the latest error with a remedy, and the buttons of each server."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from html import escape
from typing import Any

from att.client.mcp import server_state
from att.client.wording import brief
from att.mcp_hub.models import McpServerStatus, McpTool
from att.notebook.markup import as_shown, badge, empty, facts
from att.notebook.tones import SERVERS

__all__ = ["key_of", "servers_html", "summary", "tools_html"]

_BY_REFERENCE = "Remove it and add it again with the secret by reference, like Authorization: Bearer ${env:NAME}."
_REMEDIES = (
    # These reasons say themselves what to do.
    (("There is no program", "not set where ATT runs", "secret in"), ""),
    (("ermission denied",), "Make the program executable for the user that ATT runs as."),
    (("401", "403", "Unauthorized", "Forbidden"), f"It wants other credentials. {_BY_REFERENCE}"),
    (("ConnectError", "onnection refused", "attempts failed"), "Start the server at that address, or correct it."),
)
_STDIO_REMEDY = "Run its command in a terminal: it has to stay, and to write nothing but MCP to its standard output."
_HTTP_REMEDY = "Look whether the address speaks MCP over Streamable HTTP; often its path is /mcp."
_DEGRADED_REMEDY = "It is asked again with the next check; Disconnect and Connect begin anew."
_SHOWN_LINES, _SHOWN_TOOLS = 15, 200


def key_of(item: McpServerStatus) -> str:
    """Return what names a server among those of the workspace and of projects."""
    return f"{item.server.project or ''}/{item.server.name}"


def summary(servers: Sequence[McpServerStatus]) -> str:
    """Return how many servers are in which state, to be read out when that changes."""
    counts = Counter(item.state for item in servers)
    badges = [badge(SERVERS[state], f"{server_state(state)} {counts[state]}") for state in SERVERS if counts[state]]
    return f"<div class='att-flex' role='status'><span class='att-title'>MCP servers</span> {''.join(badges)}</div>"


def servers_html(
    servers: Sequence[McpServerStatus], *, buttons: bool = True, busy: Collection[str] = (), removing: str = ""
) -> str:
    """Return a list of servers, the preferred first; `busy` and `removing` are keys."""
    if not servers:
        return empty("No MCP servers yet", "Add a command or an address, or import the mcpServers file of an editor.")
    rows = []
    for item in servers:
        key = key_of(item)
        row = _buttons(item, key in busy, key == removing) if buttons else ""
        rows.append(
            f"<li class='att-server' data-state='{item.state}'>{_head(item, row)}{_facts(item)}{_why(item)}</li>"
        )
    return f"<ul class='att-list' aria-label='MCP servers, the preferred first'>{''.join(rows)}</ul>"


def _head(item: McpServerStatus, buttons: str) -> str:
    state = badge(SERVERS[item.state], server_state(item.state), label=f"State: {item.state}")
    where = escape(item.server.where)
    return (
        f"<div class='att-flex'><span class='att-title'>{escape(item.server.name)}</span> {state}"
        f"<span class='att-faint att-small'>{item.server.transport}</span>"
        f"<code class='att-cut att-faint' title='{where}'>{where}</code>{buttons}</div>"
    )


def _buttons(item: McpServerStatus, busy: bool, removing: bool) -> str:
    key, name = escape(key_of(item)), escape(item.server.name)

    def made(act: str, text: str, label: str, focus: str = "") -> str:
        off = " disabled" if busy else ""
        return (
            f"<button class='att-small-button' data-act='{act}' data-value='{key}' data-focus='{focus or act} {key}'"
            f" aria-label='{label} {name}'{off}>{text}</button>"
        )

    if removing:
        # The focus stays where it is, so that a second key press removes nothing.
        asked = f"<b>Forget {name}?</b>{made('keep', 'Keep', 'Keep', 'remove')}{made('forget', '✗ Forget', 'Forget')}"
        return f"<span class='att-flex' role='group' aria-label='Forget {name}?'>{asked}</span>"
    parts = []
    if item.state in ("disconnected", "unreachable"):
        parts.append(made("connect", "▶ Connect", "Connect", "turn"))
    if item.state != "disconnected":
        parts.append(made("disconnect", "○ Disconnect", "Disconnect", "turn" if not parts else "leave"))
    parts.append(made("remove", "✗ Remove", "Remove"))
    return f"<span class='att-flex' role='group' aria-label='{name}'>{''.join(parts)}</span>"


def _facts(item: McpServerStatus) -> str:
    pairs = {"project": escape(item.server.project)} if item.server.project else {}
    if item.tools is not None:
        pairs["tools"], pairs["resources"] = str(item.tools), str(item.resources)
    if item.server_version:
        pairs["server"] = escape(item.server_version)
    if item.protocol_version:
        pairs["protocol"] = escape(item.protocol_version)
    if item.state in ("healthy", "degraded"):
        if item.latency_seconds is not None:
            pairs["latency"] = brief(item.latency_seconds, "latency_seconds")
        if item.checked_at is not None:
            pairs["checked"] = brief(item.checked_at)
    if item.next_attempt_at is not None:
        pairs["next attempt"] = brief(item.next_attempt_at)
    if item.failures:
        pairs["failures in a row"] = str(item.failures)
    return facts(pairs) if pairs else "<div class='att-faint att-small'>Nothing is known of what it offers yet.</div>"


def _why(item: McpServerStatus) -> str:
    lines = "\n".join(item.last_lines[-_SHOWN_LINES:])
    shown = (
        f"<details data-key='lines {escape(key_of(item))}'><summary class='att-small att-faint'>Last lines of its error"
        f" output</summary><pre tabindex='0'>{as_shown(lines)}</pre></details>"
        if lines
        else ""
    )
    if not item.reason:
        return shown
    # No role=alert: the summary is read out; this is written anew with every attempt.
    tone = SERVERS[item.state]
    advice = _remedy(item)
    remedy = f"<p>{escape(advice)}</p>" if advice else ""
    return f"<div class='att-alert att-{tone}'><div class='att-head'>{as_shown(item.reason)}</div>{remedy}{shown}</div>"


def _remedy(item: McpServerStatus) -> str:
    if item.state not in ("unreachable", "degraded"):
        return ""
    for signs, remedy in _REMEDIES:
        if any(sign in item.reason for sign in signs):
            return remedy
    if item.state == "degraded":
        return _DEGRADED_REMEDY
    return _STDIO_REMEDY if item.server.transport == "stdio" else _HTTP_REMEDY


def tools_html(tools: Sequence[McpTool]) -> str:
    """Return the tools by name, each with the servers that offer it and what it takes."""
    if not tools:
        return ""
    items = "".join(_tool(tool) for tool in tools[:_SHOWN_TOOLS])
    more = len(tools) - _SHOWN_TOOLS
    rest = f"<p class='att-faint'>and {more} more in s.mcp.tools()</p>" if more > 0 else ""
    return (
        f"<details data-key='tools'><summary><b>Tools</b> <span class='att-faint'>{len(tools)}</span></summary>"
        f"<ul class='att-list att-tools' aria-label='Tools of the MCP servers'>{items}</ul>{rest}</details>"
    )


def _tool(tool: McpTool) -> str:
    first = tool.description.strip().partition("\n")[0] or tool.title or ""
    words = (
        f"<p>{escape(tool.description.strip())}</p>" if tool.description.strip() else "<p>It has no description.</p>"
    )
    return (
        f"<li><details data-key='tool {escape(tool.name)}'><summary><span class='att-test'>{escape(tool.name)}</span>"
        f"<span class='att-faint att-small'>{escape(', '.join(tool.servers))}</span>"
        f"<span class='att-cut att-faint'>{escape(first)}</span></summary>"
        f"<div class='att-words'>{words}{_arguments(tool.input_schema)}</div></details></li>"
    )


def _arguments(schema: dict[str, Any]) -> str:
    taken = schema.get("properties")
    if not isinstance(taken, dict) or not taken:
        return "<p class='att-faint'>It takes no arguments.</p>"
    required = schema.get("required")
    needed = required if isinstance(required, list) else []
    rows = []
    for name, given in taken.items():
        told = given if isinstance(given, dict) else {}
        kind = " ".join(filter(None, [str(told.get("type") or ""), "" if name in needed else "optional"]))
        words = escape(str(told.get("description") or ""))
        rows.append(f"<li><code>{escape(str(name))}</code> <span class='att-faint'>{escape(kind)}</span> {words}</li>")
    return f"<ul class='att-steps' aria-label='Arguments'>{''.join(rows)}</ul>"
