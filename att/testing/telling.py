"""Tell a test run as events: in batches, each thing once, also when another process took the run over."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select

from att.store import tables
from att.testing.models import TestOutcome, TestRun
from att.testing.suiterun import SuiteRun

if TYPE_CHECKING:
    from att.events.manager import EventLog
    from att.store import Store

__all__ = ["KEPT_RUNS", "Teller", "forget_old_events"]

BATCH_TESTS = 500
"""Most tests in one event."""
BATCH_SECONDS = 0.5
PROGRESS_SECONDS = 1.0
KEPT_RUNS = 5
"""Runs of a project whose single tests stay in the event log; the history keeps all."""
_COUNTS = ("passed", "failed", "skipped", "errors", "xfailed", "xpassed")
_MANY = ("test.outcome", "test.progress")


class Teller:
    """Writes the events of one run. Whoever follows the run owns it; it takes no locks."""

    def __init__(self, suite: SuiteRun, store: Store, events: EventLog) -> None:
        self._suite = suite
        self._store = store
        self._events = events
        self._told: dict[int, int] | None = None
        """Outcomes told of each shard; None until the log was asked what an earlier follower has told."""
        self._kinds: set[str] = set()
        self._batch_at = 0.0
        self._progress_at = 0.0
        self._progress: dict[str, Any] = {}

    def tell(self, *, everything: bool = False) -> None:
        """Tell what is new, if it is time for that or everything has to be told."""
        told = self._recall() if self._told is None else self._told
        at = time.monotonic()
        if everything or at - self._batch_at >= BATCH_SECONDS:
            self._batch_at = at
            for shard, first, outcomes in self._untold(told):
                values = [_brief(outcome) for outcome in outcomes]
                self._append("test.outcome", shard=shard, first=first, outcomes=values)
                told[shard] = first + len(outcomes)
        if not everything and at - self._progress_at >= PROGRESS_SECONDS:
            self._tell_progress(at)

    def tell_end(self, final: TestRun) -> None:
        """Tell how the run ended, unless that was told, and forget the single tests of older runs."""
        if self._told is None:
            self._recall()
        if "test.ended" in self._kinds:
            return
        self._append(
            "test.ended",
            status=final.status,
            state=final.state,
            message=final.message,
            returncode=final.returncode,
            duration_seconds=final.duration_seconds,
            **{name: getattr(final, name) for name in _COUNTS},
        )
        forget_old_events(self._store, final.project)

    def _recall(self) -> dict[int, int]:
        """Ask the log what was told, and say that the run began if nobody has."""
        events = tables.events.c
        run = self._suite.run
        query = select(events.kind, events.data).where(events.project == run.project, events.run_id == run.run_id)
        with self._store.read() as connection:
            rows = connection.execute(query).all()
        self._kinds = {row.kind for row in rows}
        told: dict[int, int] = {}
        for data in (json.loads(row.data) for row in rows if row.kind == "test.outcome"):
            told[data["shard"]] = max(told.get(data["shard"], 0), data["first"] + len(data["outcomes"]))
        self._told = told
        if "test.started" not in self._kinds:
            begun = self._suite.begun
            asked = begun.request.model_dump(exclude_defaults=True, exclude={"env"}) if begun.request else {}
            self._append("test.started", request=asked, commit=begun.commit, branch=begun.branch)
        return told

    def _untold(self, told: dict[int, int]) -> Iterator[tuple[int, int, list[TestOutcome]]]:
        for shard, state in enumerate(self._suite.shards):
            for first in range(told.get(shard, 0), len(state.outcomes), BATCH_TESTS):
                yield shard, first, state.outcomes[first : first + BATCH_TESTS]

    def _tell_progress(self, at: float) -> None:
        self._progress_at = at
        state = self._suite.state()
        counts = {name: state.counts.get("error" if name == "errors" else name, 0) for name in _COUNTS}
        progress = {"collected": state.collected, "finished": state.finished, "progress": state.progress, **counts}
        if progress != self._progress:
            self._progress = progress
            self._append("test.progress", **progress)

    def _append(self, kind: str, **data: Any) -> None:
        run = self._suite.run
        self._events.append(kind, project=run.project, run_id=run.run_id, **data)


def forget_old_events(store: Store, project: str, keep: int = KEPT_RUNS) -> None:
    """Delete the many events of all but the newest ended runs of a project, so that the log stays small."""
    events = tables.events
    mine = events.c.project == project
    ended = select(events.c.run_id).where(mine, events.c.kind == "test.ended").order_by(events.c.id.desc()).offset(keep)
    with store.write() as connection:
        connection.execute(
            delete(events).where(mine, events.c.kind.in_(_MANY), events.c.run_id.in_(ended.scalar_subquery()))
        )


def _brief(outcome: TestOutcome) -> dict[str, Any]:
    brief: dict[str, Any] = {
        "nodeid": outcome.nodeid,
        "outcome": outcome.outcome,
        "seconds": round(outcome.duration_seconds, 4),
    }
    return brief if outcome.attempt == 1 else {**brief, "attempt": outcome.attempt}
