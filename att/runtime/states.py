"""The states of a project's process as data, and the one writer that moves between them.

stopped: nothing runs and nothing should. starting: a run is being launched. running: the program was executed.
stopping: asked to end, or its descendants are being ended. exited: ended by itself, and stays so. backoff: ended, and
restarts when the delay is over. crash_loop: failed too often, waits for a start by hand. lost: its end was not seen.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, TypeVar

from pydantic import Field, ValidationError
from sqlalchemy import Connection, delete, insert, select, update

from att.errors import Internal
from att.events.manager import EventLog
from att.events.models import Event
from att.models import Model, Timestamp, now, rewritten
from att.runtime.models import Health, ProbeResult, ProbeStatus, ProcessState, RestartRecord
from att.runtime.proctree import host_name
from att.runtime.rundir import RunDirectory
from att.store import Store, tables

__all__ = [
    "ARROWS",
    "IDLE",
    "Change",
    "Desired",
    "Row",
    "Snapshot",
    "StateBook",
    "Trigger",
]

KEPT_RESTARTS = 50
Desired = Literal["running", "stopped"]
Trigger = Literal["exit", "liveness", "startup", "manual", "watchdog"]
M = TypeVar("M", bound=Model)
_log = logging.getLogger("att")

IDLE: frozenset[ProcessState] = frozenset({"stopped", "exited", "lost", "backoff", "crash_loop"})
"""Nothing runs."""

ARROWS: dict[ProcessState, frozenset[ProcessState]] = {
    "stopped": frozenset(
        {
            "starting",  # start
            "running",  # found alive: whoever started it was killed before saying so
        }
    ),
    "starting": frozenset(
        {
            "running",  # the program was executed
            "stopping",  # stop, before whoever started it has said that it runs
            "stopped",  # a start by hand could not execute the program
            "exited",  # a start that its beginner left behind could not execute the program
            "backoff",  # a restart could not execute the program
            "crash_loop",  # the same, too often
        }
    ),
    "running": frozenset(
        {
            "starting",  # ended unseen, and started again by hand
            "stopping",  # stop, restart, a liveness or startup failure, or descendants outlive the main process
            "stopped",  # ended on request before anybody saw it stopping
            "exited",  # ended by itself, and the policy leaves it so
            "lost",  # its shim was killed, and the policy leaves it so
            "backoff",  # ended, and the policy restarts it
            "crash_loop",  # failed too often
        }
    ),
    "stopping": frozenset(
        {
            "running",  # a new run is found alive: whoever restarted it was killed before saying so
            "starting",  # restart by hand, or start while it was being stopped
            "stopped",  # stop is done
            "exited",  # the main process had ended by itself, its descendants are gone now
            "lost",  # its shim was killed meanwhile
            "backoff",  # a liveness or startup failure, or an end by itself, that the policy restarts
            "crash_loop",  # the same, too often
        }
    ),
    "exited": frozenset(
        {
            "starting",  # start
            "stopped",  # stop: it shall not run
            "running",  # found alive
        }
    ),
    "lost": frozenset(
        {
            "starting",  # start
            "stopped",  # stop
            "running",  # found alive
        }
    ),
    "backoff": frozenset(
        {
            "starting",  # the delay is over, or start
            "stopped",  # stop
            "running",  # found alive
        }
    ),
    "crash_loop": frozenset(
        {
            "starting",  # start
            "stopped",  # stop
            "running",  # found alive
        }
    ),
}


class Snapshot(Model):
    """What is known of a project's process, as it is kept in the store."""

    state: ProcessState = "stopped"
    reason: str = ""
    run_id: str | None = None
    host: str | None = Field(
        default=None, description="Where it was started; its processes are out of reach elsewhere."
    )
    health: Health = "unknown"
    health_reason: str = ""
    observer: str | None = Field(default=None, description="Who watches the run; health counts only while it does.")
    healthy_since: Timestamp | None = None
    unhealthy_since: Timestamp | None = None
    startup_passed: bool = False
    probes: list[ProbeStatus] = Field(default_factory=list)
    results: list[ProbeResult] = Field(default_factory=list)
    restarts: int = 0
    failures: list[Timestamp] = Field(default_factory=list)
    attempts: int = 0
    next_restart_at: Timestamp | None = None
    pending: Trigger | None = Field(default=None, description="Why the next start is a restart.")
    restart_id: int | None = Field(default=None, description="The restart record that waits for its new run.")


@dataclass(frozen=True)
class Row:
    """A project's line in the store."""

    desired: Desired = "stopped"
    snapshot: Snapshot = field(default_factory=Snapshot)
    observed_at: datetime | None = None
    record: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    """The snapshot as it lies in the store, where a later ATT may have written more."""

    def elsewhere(self, latest: RunDirectory | None) -> bool:
        """Say whether another machine that shares the data directory runs the project, or is about to.

        A run that lies here is not: this machine had another name, as a container has each time it is made.
        """
        known = self.snapshot
        if (known.state in IDLE and known.state != "backoff") or known.host in (None, host_name()):
            return False
        return latest is None or latest.run_id != known.run_id

    def with_(self, *, desired: Desired | None = None, **changes: Any) -> Row:
        """Return the row with another desired state and other fields of the snapshot; the state stays."""
        return replace(self, desired=desired or self.desired, snapshot=self.snapshot.model_copy(update=changes))

    def to(self, state: ProcessState, reason: str, *, desired: Desired | None = None, **changes: Any) -> Row:
        """Return the row after an arrow. Raises Internal when there is no such arrow."""
        here = self.snapshot.state
        if state != here and state not in ARROWS[here]:
            raise Internal(f"A process cannot go from {here} to {state} ({reason}).", state=here, to=state)
        return self.with_(desired=desired, state=state, reason=reason, **changes)


@dataclass(frozen=True)
class Change:
    """A new row, with the restart record to be written along with it."""

    row: Row
    record: RestartRecord | None = None


Decide = Callable[[Row, datetime], Row | Change | None]


class StateBook:
    """Reads and writes the rows; every change is one transaction, and is followed by its events.

    Any process may write. A decision is made from the row inside the transaction, so that two writers cannot
    overlook each other.
    """

    def __init__(self, store: Store, events: EventLog, clock: Callable[[], datetime] = now) -> None:
        self._store = store
        self._events = events
        self._clock = clock

    def read(self, project: str) -> Row:
        """Return the row; that of a project that never ran is the default one."""
        with self._store.read() as connection:
            return _read(connection, project) or Row()

    def read_all(self) -> dict[str, Row]:
        """Return the rows of all projects that ever ran."""
        with self._store.read() as connection:
            rows = connection.execute(select(tables.runtime)).all()
        return {row.project: _row(row.desired, row.snapshot, row.observed_at) for row in rows}

    def change(self, project: str, decide: Decide) -> Row:
        """Let `decide` see the row and the time, write what it returns, tell what changed, and return the row.

        `decide` returns None to leave everything as it is. It must not touch the store.
        """
        with self._store.write() as connection:
            stored = _read(connection, project)
            before = stored or Row()
            at = self._clock()
            change = decide(before, at)
            if change is None or change == before:
                return before
            after, record = (change.row, change.record) if isinstance(change, Change) else (change, None)
            if record is not None:
                after = after.with_(restart_id=_insert_restart(connection, project, record))
            after = replace(after, observed_at=at)
            _save(connection, project, before, after, new=stored is None)
            told = list(self._written_events(connection, project, before.snapshot, after.snapshot))
        for event in told:
            self._events.tell(event)
        return after

    def restarts(self, project: str) -> list[RestartRecord]:
        """Return the kept restart records, oldest first."""
        table = tables.restarts
        with self._store.read() as connection:
            query = select(table.c.record).where(table.c.project == project).order_by(table.c.id)
            stored = connection.execute(query).scalars().all()
        return [record for values in stored if (record := _readable(RestartRecord, values)) is not None]

    def name_restarted(self, restart_id: int, new_run_id: str | None) -> None:
        """Name the run that follows in a restart record; None when it could not be launched."""
        table = tables.restarts
        with self._store.write() as connection:
            stored = connection.execute(select(table.c.record).where(table.c.id == restart_id)).scalar()
            known = None if stored is None else _readable(RestartRecord, stored)
            if stored is not None and known is not None:
                record = rewritten(stored, known, known.model_copy(update={"new_run_id": new_run_id}))
                connection.execute(update(table).where(table.c.id == restart_id).values(record=record))

    def tell_restarted(self, project: str, restart_id: int) -> None:
        """Tell of a restart whose new run is there."""
        table = tables.restarts
        with self._store.write() as connection:
            stored = connection.execute(select(table.c.record).where(table.c.id == restart_id)).scalar()
            record = None if stored is None else _readable(RestartRecord, stored)
            if record is None:
                return
            event = self._events.write(
                connection,
                "runtime.restarted",
                project=project,
                run_id=record.new_run_id,
                old_run_id=record.old_run_id,
                trigger=record.trigger,
                delay_seconds=round(record.delay_seconds, 3),
                count_in_window=record.count_in_window,
            )
        self._events.tell(event)

    def forget(self, project: str) -> None:
        """Delete what is kept of a project."""
        with self._store.write() as connection:
            for table in (tables.runtime, tables.restarts):
                connection.execute(delete(table).where(table.c.project == project))

    def _written_events(
        self, connection: Connection, project: str, before: Snapshot, after: Snapshot
    ) -> Iterator[Event]:
        """Write what changed, in the transaction that changes it."""
        for kind, old, new, reason in (
            ("runtime.state", before.state, after.state, after.reason),
            ("runtime.health", before.health, after.health, after.health_reason),
        ):
            if old != new:
                data = {"from": old, "to": new, "reason": reason}
                yield self._events.write(connection, kind, project=project, run_id=after.run_id, **data)


def _read(connection: Connection, project: str) -> Row | None:
    row = connection.execute(select(tables.runtime).where(tables.runtime.c.project == project)).one_or_none()
    return None if row is None else _row(row.desired, row.snapshot, row.observed_at)


def _save(connection: Connection, project: str, before: Row, row: Row, *, new: bool) -> None:
    table = tables.runtime
    snapshot = rewritten(before.record, before.snapshot, row.snapshot)
    values = {"desired": row.desired, "snapshot": snapshot, "observed_at": row.observed_at}
    if new:
        connection.execute(insert(table).values(project=project, **values))
    else:
        connection.execute(update(table).where(table.c.project == project).values(**values))


def _row(desired: Desired, snapshot: dict[str, Any], observed_at: datetime) -> Row:
    # What lives is told by the run directories, so an unreadable snapshot costs counters only.
    known = _readable(Snapshot, snapshot)
    return Row(desired, known or Snapshot(), observed_at, {} if known is None else snapshot)


def _readable(model: type[M], values: Any) -> M | None:
    """Return the stored value, or None when another version of ATT has written what this one cannot read."""
    try:
        return model.stored(values)
    except ValidationError as error:
        _log.warning("A stored %s cannot be read: %s", model.__name__, error)
        return None


def _insert_restart(connection: Connection, project: str, record: RestartRecord) -> int:
    """Keep a restart record, and only the newest ones of the project."""
    table = tables.restarts
    values = {"project": project, "at": record.at, "record": record.to_json()}
    key = connection.execute(insert(table).values(values)).inserted_primary_key
    newest = select(table.c.id).where(table.c.project == project).order_by(table.c.id.desc()).limit(KEPT_RESTARTS)
    connection.execute(delete(table).where(table.c.project == project, table.c.id.not_in(newest)))
    return int(key[0]) if key else 0
