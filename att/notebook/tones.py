"""Which tone and sign states, healths, probe results, outcomes and events have."""

from __future__ import annotations

from att.client.mcp import server_state
from att.client.wording import health, state
from att.events.models import Event
from att.mcp_hub.models import McpState
from att.notebook.markup import badge
from att.runtime.models import RuntimeStatus

__all__ = [
    "OUTCOMES",
    "SERVERS",
    "event_look",
    "health_badge",
    "state_badge",
    "status_badge",
    "tone_of_state",
    "verdict",
]

_STATES = {
    "running": "good",
    "starting": "busy",
    "stopping": "busy",
    "stopped": "idle",
    "exited": "bad",
    "backoff": "warn",
    "crash_loop": "bad",
    "lost": "odd",
}
_HEALTHS = {"healthy": "good", "starting": "busy", "transient": "warn", "unhealthy": "bad", "unknown": "idle"}
OUTCOMES = {
    "passed": ("good", "✓"),
    "failed": ("bad", "✗"),
    "errors": ("bad", "‼"),
    "skipped": ("warn", "↷"),
    "xfailed": ("idle", "⊘"),
    "xpassed": ("warn", "⊕"),
    "rerun": ("busy", "↻"),
}
_VERDICTS = {
    "passed": ("good", "✓"),
    "no_tests": ("warn", "∅"),
    "cancelled": ("idle", "-"),
    "interrupted": ("warn", "-"),
}
SERVERS: dict[McpState, str] = {
    "healthy": "good",
    "connecting": "busy",
    "degraded": "warn",
    "unreachable": "bad",
    "disconnected": "idle",
}
_KINDS = {
    "supervisor.started": ("idle", "◉"),
    "supervisor.stopped": ("idle", "○"),
    "project.created": ("busy", "+"),
    "project.updated": ("busy", "✎"),
    "project.deleted": ("warn", "x"),
    "runtime.restarted": ("warn", "↻"),
    "code.written": ("busy", "✎"),
    "test.started": ("busy", "▷"),
    "test.imported": ("busy", "+"),
    "mcp.added": ("busy", "+"),
    "mcp.removed": ("warn", "x"),
}


def tone_of_state(status: RuntimeStatus) -> str:
    """Return the tone of a state; an end that was asked for, or in order, is no bad news."""
    return "idle" if status.state == "exited" and not _crashed(status) else _STATES.get(status.state, "odd")


def state_badge(status: RuntimeStatus) -> str:
    words = "✗ crashed" if _crashed(status) else state(status.state)
    return badge(tone_of_state(status), words, label=f"State: {status.state}")


def _crashed(status: RuntimeStatus) -> bool:
    end = status.exit
    return status.state == "exited" and not (end is not None and (end.requested or end.code == 0))


def health_badge(name: str) -> str:
    return badge(_HEALTHS.get(name, "odd"), health(name), label=f"Health: {name}")


def verdict(status: str) -> tuple[str, str]:
    """Return tone and sign of how a test run ended."""
    return _VERDICTS.get(status, ("bad", "✗"))


def status_badge(status: str) -> str:
    tone, sign = verdict(status)
    return badge(tone, f"{sign} {status.replace('_', ' ')}", label=f"Tests: {status}")


def event_look(event: Event) -> tuple[str, str]:
    """Return tone and sign of an event."""
    data = event.data
    if event.kind == "runtime.state":
        name = str(data.get("to"))
        return _STATES.get(name, "odd"), state(name).partition(" ")[0]
    if event.kind == "runtime.health":
        name = str(data.get("to"))
        return _HEALTHS.get(name, "odd"), health(name).partition(" ")[0]
    if event.kind == "test.ended":
        return verdict(str(data.get("status")))
    if event.kind == "mcp.state" and data.get("after") in SERVERS:
        name = data["after"]
        return SERVERS[name], server_state(name).partition(" ")[0]
    if event.kind == "project.setup_ended":
        return ("good", "✓") if data.get("state") == "succeeded" else ("bad", "✗")
    return _KINDS.get(event.kind, ("idle", "·"))
