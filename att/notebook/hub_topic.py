"""What the panel of the MCP hub shows: the servers with their health, and the tools that they offer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from att.client.session import Session
from att.errors import ATTError
from att.events.models import Event
from att.mcp_hub.models import McpServerList, McpServerStatus, McpTool, McpToolList
from att.models import now

__all__ = ["McpTopic", "McpValue", "is_new"]

_RESTING_SECONDS, _FAILED_SECONDS, _SOONEST_SECONDS = 10.0, 2.0, 0.5


@dataclass(frozen=True)
class McpValue:
    """The servers, None before they were read; `error` says that reading failed, and the rest is as it was before."""

    servers: tuple[McpServerStatus, ...] | None = None
    tools: tuple[McpTool, ...] = ()
    error: ATTError | None = None


@dataclass(frozen=True)
class McpTopic:
    """The MCP servers of the workspace, and those of a project."""

    project: str | None = None

    @property
    def key(self) -> str:
        return f"MCP servers of {self.project or 'the workspace'}"

    def read(self, session: Session, before: McpValue | None) -> McpValue:
        given: dict[str, Any] = {"project": self.project} if self.project else {}
        found: McpServerList = session.caller.ask("mcp.servers", given)
        if any(is_new(item) for item in found.servers):
            # A list of tools would wait for their first answer; an event tells when they are past it.
            return McpValue(tuple(found.servers), before.tools if before else ())
        offered: McpToolList = session.caller.ask("mcp.tools", given)
        return McpValue(tuple(found.servers), tuple(offered.tools))

    def failed(self, before: McpValue | None, error: ATTError) -> McpValue:
        return replace(before or McpValue(), error=error)

    def seconds(self, value: McpValue) -> float:
        """Events tell every change of state; latencies and attempts that fail as before have none."""
        if value.error is not None:
            return _FAILED_SECONDS
        planned = [item.next_attempt_at for item in value.servers or () if item.next_attempt_at is not None]
        soonest = min(((moment - now()) / timedelta(seconds=1) for moment in planned), default=_RESTING_SECONDS)
        return min(_RESTING_SECONDS, max(0.0, soonest) + _SOONEST_SECONDS)

    def concerns(self, event: Event) -> bool:
        told = event.kind.startswith("mcp.") and event.kind != "mcp.attempt"
        return told and event.project in (None, self.project)


def is_new(item: McpServerStatus) -> bool:
    """Say whether a server is in the first attempt to connect it."""
    return item.state == "connecting" and item.tools is None
