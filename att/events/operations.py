"""Operations on the event log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from att.events.models import EventPage
from att.operations import Cursor, Limit, Operations, ProjectId, operation

if TYPE_CHECKING:
    from att.events.manager import EventLog

__all__ = ["EventOperations"]

Kinds = Annotated[
    list[str] | None, Field(max_length=50, description="Only these kinds; 'runtime' stands for all 'runtime.*'.")
]
Tail = Annotated[int | None, Field(ge=1, le=10_000, description="Start at the last N events.")]


class EventOperations(Operations):
    """Read what happened, from a cursor on."""

    def __init__(self, events: EventLog) -> None:
        self.events = events

    @operation("event.list", get="/events", python="s.events.list")
    def list(self, cursor: Cursor = None, limit: Limit = 500, kinds: Kinds = None, tail: Tail = None) -> EventPage:
        """Read the events of all projects."""
        return self.events.read(cursor, limit, kinds=kinds, tail=tail)

    @operation("project.events", get="/projects/{project}/events", python="p.events.list")
    def of_project(
        self, project: ProjectId, cursor: Cursor = None, limit: Limit = 500, kinds: Kinds = None, tail: Tail = None
    ) -> EventPage:
        """Read the events of one project; those of a deleted one stay readable."""
        return self.events.read_project(project, cursor, limit, kinds=kinds, tail=tail)
