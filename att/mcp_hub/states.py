"""The states of a server, and the pauses between attempts to reach it, as data."""

from __future__ import annotations

from att.mcp_hub.models import McpState

__all__ = ["ALLOWED", "USABLE", "pause_after"]

ALLOWED: dict[McpState, frozenset[McpState]] = {
    "disconnected": frozenset({"connecting"}),
    "connecting": frozenset({"healthy", "unreachable", "disconnected"}),
    "healthy": frozenset({"degraded", "connecting", "unreachable", "disconnected"}),
    "degraded": frozenset({"healthy", "connecting", "unreachable", "disconnected"}),
    "unreachable": frozenset({"healthy", "disconnected", "connecting"}),
}
"""Where each state may go. `degraded` is connected and did not answer the last check; `unreachable` is not connected
and tried again and again; `disconnected` was asked for. A server that forgot its session is `connecting` at once."""

USABLE: frozenset[McpState] = frozenset({"healthy", "degraded"})
"""States in which a server can be asked."""

_PAUSES = (1.0, 2.0, 4.0, 8.0)


def pause_after(failures: int) -> float:
    """Return the seconds to wait after this many failed attempts in a row: 1, 2, 4, 8, and 8 from then on."""
    return _PAUSES[min(failures, len(_PAUSES)) - 1] if failures > 0 else 0.0
