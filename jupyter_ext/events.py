"""Repeats ATT's events as Jupyter events, so that other extensions and front ends can listen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jupyter_events import EventLogger

    from att.events.manager import EventLog
    from att.events.models import Event

__all__ = ["SCHEMA_FILE", "SCHEMA_ID", "repeat_events"]

SCHEMA_ID = "urn:att:jupyter-event:event:1"
SCHEMA_FILE = Path(__file__).parent / "event_schemas" / "event.yaml"


def repeat_events(
    events: EventLog, logger: EventLogger, loop: asyncio.AbstractEventLoop, changed: Callable[[], None]
) -> Callable[[], None]:
    """Emit each event that this process writes, on the event loop; `changed` is called after each state change.

    Returns what ends it.
    """

    def emit(event: Event) -> None:
        logger.emit(schema_id=SCHEMA_ID, data=_fields(event))
        if event.kind == "runtime.state":
            changed()

    def hear(event: Event) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(emit, event)

    return events.subscribe(hear)


def _fields(event: Event) -> dict[str, Any]:
    found = event.to_json()
    return {name: found[name] for name in ("id", "at", "kind", "project", "run_id", "data")}
