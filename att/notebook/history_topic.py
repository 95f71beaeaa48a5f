"""What a chart of a test history waits for: the last thing that has changed the history."""

from __future__ import annotations

from dataclasses import dataclass, replace

from att.client.session import Session
from att.errors import ATTError
from att.events.models import Event, EventPage

__all__ = ["HistoryTopic", "HistoryValue"]

_CHANGES = ["test.ended", "test.imported"]
_RESTING_SECONDS = 10.0


@dataclass(frozen=True)
class HistoryValue:
    """The event of the last change; 0 when there was none yet."""

    changed: int = 0
    error: ATTError | None = None


@dataclass(frozen=True)
class HistoryTopic:
    """Runs that join the history of a project: those that ended, and those of loaded reports."""

    project: str

    @property
    def key(self) -> str:
        return f"test history of {self.project}"

    def read(self, session: Session, before: HistoryValue | None) -> HistoryValue:  # noqa: ARG002
        given = {"project": self.project, "kinds": _CHANGES, "tail": 1}
        page: EventPage = session.caller.ask("project.events", given)
        return HistoryValue(page.events[-1].id if page.events else 0)

    def failed(self, before: HistoryValue | None, error: ATTError) -> HistoryValue:
        return replace(before or HistoryValue(), error=error)

    def seconds(self, value: HistoryValue) -> float:  # noqa: ARG002
        return _RESTING_SECONDS

    def concerns(self, event: Event) -> bool:
        return event.project == self.project and event.kind in _CHANGES
