"""The append-only event log, with a bus for listeners in this process."""

from __future__ import annotations

import json
import logging
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, insert, or_, select
from sqlalchemy.engine import Row

from att.errors import Invalid, NotFound
from att.events.kinds import EVENT_KINDS, KEPT_EVENTS
from att.events.models import Event, EventPage
from att.models import now
from att.store import Store, tables
from att.store.memo import Memo

__all__ = ["EventLog"]

Listener = Callable[[Event], None]
_PRUNED_EACH = 100
"""Events of a bounded kind are pruned with the first that a process writes, and then with every hundredth."""
_log = logging.getLogger("att")


class EventLog:
    """Writes events to the store and tells listeners.

    `_lock` guards the list of listeners and the counters; listeners are called outside it, in the writer's thread, and
    must return quickly.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._listeners: list[Listener] = []
        self._written: Counter[str] = Counter()
        self._quiet: Memo[EventPage] = Memo(store)

    def append(self, kind: str, *, project: str | None = None, run_id: str | None = None, **data: Any) -> Event:
        """Write an event and return it.

        Raises KeyError for a kind that is not declared in EVENT_KINDS.
        """
        with self._store.write() as connection:
            event = self.write(connection, kind, project=project, run_id=run_id, **data)
        self.tell(event)
        return event

    def write(
        self, connection: Connection, kind: str, *, project: str | None = None, run_id: str | None = None, **data: Any
    ) -> Event:
        """Write an event as part of a transaction, so that events come in the order of what they tell.

        Call `tell` with it once that is committed. Raises KeyError for a kind that is not declared in EVENT_KINDS.
        """
        EVENT_KINDS[kind]
        at = now()
        row = {"at": at, "kind": kind, "project": project, "run_id": run_id, "data": json.dumps(data)}
        key = connection.execute(insert(tables.events).values(row)).inserted_primary_key
        if kind in KEPT_EVENTS:
            self._prune(connection, kind)
        return Event(id=key[0] if key else 0, at=at, kind=kind, project=project, run_id=run_id, data=data)

    def _prune(self, connection: Connection, kind: str) -> None:
        """Delete the oldest of a bounded kind now and then."""
        with self._lock:
            due = self._written[kind] % _PRUNED_EACH == 0
            self._written[kind] += 1
        if due:
            column = tables.events.c
            newest = select(column.id).where(column.kind == kind).order_by(column.id.desc())
            last = newest.offset(KEPT_EVENTS[kind]).limit(1).scalar_subquery()
            connection.execute(delete(tables.events).where(column.kind == kind, column.id <= last))

    def read(
        self,
        cursor: str | None = None,
        limit: int = 500,
        *,
        project: str | None = None,
        kinds: list[str] | None = None,
        tail: int | None = None,
    ) -> EventPage:
        """Return the events after `cursor`, oldest first.

        A cursor beyond the newest event is one of a log that is gone: reading goes on after the newest.
        Raises Invalid for a cursor that is not one of ours.
        """
        question = (cursor, limit, project, tuple(kinds or ()), tail)
        return self._quiet.get(
            question,
            lambda: self._read(cursor, limit, _conditions(project, kinds), tail),
            worth=lambda page: not page.events,
        )

    def _read(
        self, cursor: str | None, limit: int, conditions: list[ColumnElement[bool]], tail: int | None
    ) -> EventPage:
        table = tables.events
        query = select(table).where(*conditions)
        with self._store.read() as connection:
            after = _after(cursor)
            if tail is not None and cursor is None:
                newest = select(table.c.id).where(*conditions).order_by(table.c.id.desc()).limit(tail)
                after = min(connection.execute(newest).scalars(), default=1) - 1
            rows = connection.execute(query.where(table.c.id > after).order_by(table.c.id).limit(limit + 1)).all()
            if not rows and after:
                after = min(after, connection.execute(select(func.max(table.c.id))).scalar() or 0)
        found = [_event(row) for row in rows[:limit]]
        last = found[-1].id if found else after
        return EventPage(events=found, cursor=str(last), has_more=len(rows) > limit)

    def read_project(
        self,
        project: str,
        cursor: str | None = None,
        limit: int = 500,
        *,
        kinds: list[str] | None = None,
        tail: int | None = None,
    ) -> EventPage:
        """Return the events of one project, which may have been deleted, as `read` does.

        Raises NotFound, offering close names, when there was never such a project.
        """
        page = self.read(cursor, limit, project=project, kinds=kinds, tail=tail)
        if cursor is None and not page.events and not self.read(limit=1, project=project).events:
            with self._store.read() as connection:
                known = connection.execute(select(tables.events.c.project).distinct()).scalars().all()
            raise NotFound.named("project", project, [name for name in known if name is not None])
        return page

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with each event written by this process; returns what ends it."""
        with self._lock:
            self._listeners.append(listener)

        def unsubscribe() -> None:
            with self._lock:
                self._listeners.remove(listener)

        return unsubscribe

    def tell(self, event: Event) -> None:
        """Call the listeners with an event that was written."""
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            try:
                listener(event)
            except Exception:  # noqa: BLE001 - a bad listener must not undo what has happened
                _log.exception("A listener failed on the event %s", event.kind)


def _after(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 18:
        raise Invalid(f"{cursor!r} is not a cursor of the event log; use the cursor of the page before.", cursor=cursor)
    return int(cursor)


def _conditions(project: str | None, kinds: list[str] | None) -> list[ColumnElement[bool]]:
    table = tables.events
    found: list[ColumnElement[bool]] = []
    if project is not None:
        found.append(table.c.project == project)
    if kinds:
        exact = table.c.kind.in_(kinds)
        found.append(or_(exact, *(table.c.kind.startswith(f"{kind}.", autoescape=True) for kind in kinds)))
    return found


def _event(row: Row[Any]) -> Event:
    values = dict(row._mapping)
    return Event(**{**values, "data": json.loads(values["data"])})
