"""Values of the event log."""

from __future__ import annotations

from typing import Any, ClassVar

from att.models import Model, Page, Timestamp

__all__ = ["Event", "EventPage"]


class Event(Model):
    """Something that happened; never changed once it is written."""

    id: int
    at: Timestamp
    kind: str
    project: str | None = None
    run_id: str | None = None
    data: dict[str, Any]


class EventPage(Page):
    """Events, oldest first."""

    items_field: ClassVar[str] = "events"

    events: list[Event]
