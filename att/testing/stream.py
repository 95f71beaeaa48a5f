"""Fold the events of the plugin into the state of the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from att.testing import records
from att.testing.attempts import Attempt, failure_of, moment, phase_outcome, verdict
from att.testing.driver.planning import worst
from att.testing.models import InFlight, TestFailure, TestOutcome
from att.testing.records import FailureDetail, Record
from att.testing.streamfile import StreamReader

__all__ = ["StreamState"]

_CONCATENATED = ("internal_errors", "workers_down", "warnings", "outcomes", "failures", "rerun_failures")


@dataclass
class StreamState:
    """What is known of a run so far. One owner feeds it; it takes no locks."""

    boot: records.Boot | None = None
    session: records.Session | None = None
    interrupt: records.Interrupt | None = None
    end: records.End | None = None
    exited: bool = False
    """The interpreter ended by itself."""
    internal_errors: list[str] = field(default_factory=list)
    workers_down: list[records.WorkerDown] = field(default_factory=list)
    warnings: list[records.Warned] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    """Pytest's own categories: passed, failed, error, skipped, xfailed, xpassed, rerun, warnings, deselected, ..."""
    nodeids: list[str] = field(default_factory=list)
    """Every test by its number in the stream."""
    collected: int | None = None
    collect_errors: int = 0
    finished: int = 0
    """Tests that ended; attempts that are run again do not count."""
    outcomes: list[TestOutcome] = field(default_factory=list)
    """One an attempt, in the order in which they ended."""
    failures: list[TestFailure] = field(default_factory=list)
    rerun_failures: list[TestFailure] = field(default_factory=list)
    """Failures of attempts that were run again."""
    last_at: float | None = None
    _open: dict[int, Attempt] = field(default_factory=dict)
    _attempts: dict[int, int] = field(default_factory=dict)

    @property
    def ended(self) -> bool:
        """Pytest came to the end of its session."""
        return self.end is not None

    @property
    def progress(self) -> float | None:
        """Share of the collected tests that ended; None before collection ended."""
        if self.collected is None:
            return None
        return min(1.0, self.finished / self.collected) if self.collected else 1.0

    @property
    def complete(self) -> bool:
        """The session ended in order and every selected test has a result."""
        return self.ended and self.interrupt is None and not self._open and self.finished >= (self.collected or 0)

    @property
    def started_at(self) -> datetime | None:
        """When the session began."""
        return None if self.session is None else moment(self.session.at)

    def duration_seconds(self, at: datetime | None) -> float | None:
        """Seconds from the start of the session to its end, or to `at` while it has none.

        `at` is the time now, or when the process of a session without an end was gone; None when nobody knows.
        """
        if self.session is None or self.last_at is None:
            return None
        last = self.last_at if at is None else at.timestamp()
        return max(0.0, (self.end.at if self.end else last) - self.session.at)

    @property
    def in_flight(self) -> list[InFlight]:
        """Tests that began and did not end, oldest first."""
        return [
            InFlight(
                nodeid=self.nodeids[number],
                attempt=attempt.number,
                phase=attempt.phase,
                worker=attempt.worker,
                started_at=moment(attempt.started_at),
            )
            for number, attempt in self._open.items()
        ]

    def eta_seconds(self, durations: Mapping[str, float], at: datetime | None = None) -> float | None:
        """Estimate the seconds that are left from earlier durations by nodeid; None when nothing is known.

        A test without history counts as the mean of those of this run that have one or have ended; workers share
        what is left. Of a test in flight counts what is left of it at the time `at`.
        """
        if self.collected is None or self.ended:
            return None
        ended = {o.nodeid: o.duration_seconds for o in self.outcomes if o.outcome != "rerun"}
        left = [nodeid for nodeid in self.nodeids if nodeid not in ended]
        expected = [durations[nodeid] for nodeid in left if nodeid in durations]
        known = [*expected, *ended.values()]
        if not known:
            return None
        mean = sum(known) / len(known)
        seconds = sum(expected) + (len(left) - len(expected)) * mean
        if at is not None:
            open_tests = ((self.nodeids[number], at.timestamp() - a.started_at) for number, a in self._open.items())
            seconds -= sum(min(durations.get(nodeid, mean), max(0.0, elapsed)) for nodeid, elapsed in open_tests)
        return max(0.0, seconds) / max(1, self.session.workers if self.session else 1)

    def update(self, reader: StreamReader) -> list[TestOutcome]:
        """Take in what the reader has; return the outcomes that are new."""
        known = len(self.outcomes)
        for record in reader.read():
            self.apply(record)
        return self.outcomes[known:]

    @classmethod
    def merged(cls, states: Sequence[StreamState]) -> StreamState:
        """Return the shards of one run as one state, which is read and not fed: they ran at the same time."""
        whole = cls(exited=all(state.exited for state in states))
        for state in states:
            first = len(whole.nodeids)
            whole.nodeids += state.nodeids
            whole._open.update({first + number: attempt for number, attempt in state._open.items()})
            for category, number in state.counts.items():
                whole._count(category, number)
            for name in _CONCATENATED:
                getattr(whole, name).extend(getattr(state, name))
            whole.boot = whole.boot or state.boot
            whole.interrupt = whole.interrupt or state.interrupt
            whole.collect_errors += state.collect_errors
            whole.finished += state.finished
        whole._merge_times(states)
        return whole

    def _merge_times(self, states: Sequence[StreamState]) -> None:
        sessions = [state.session for state in states if state.session is not None]
        ends = [state.end for state in states if state.end is not None]
        if sessions:
            first = min(sessions, key=lambda session: session.at)
            workers = sum(max(1, session.workers) for session in sessions)
            self.session = first.model_copy(update={"workers": workers})
        if len(ends) == len(states) and ends:
            last = max(ends, key=lambda end: end.at)
            exitstatus = worst([end.exitstatus for end in ends])
            self.end = last.model_copy(update={"counts": self.counts, "exitstatus": exitstatus})
        self.last_at = max((state.last_at for state in states if state.last_at is not None), default=None)
        known = [state.collected for state in states if state.collected is not None]
        self.collected = sum(known) if len(known) == len(states) else None

    def apply(self, record: Record) -> None:
        """Take in one event."""
        self.last_at = record.at
        match record:
            case records.Phase():
                self._phase(record)
            case records.Start():
                self._start(record)
            case records.Enter():
                self._attempt(record.id, record.at).phase = record.when
            case records.Finish():
                self._close(record.id)
            case records.NewTest():
                self._name(record.id, [record.nodeid])
            case records.Collected():
                self._name(record.first_id, record.nodeids)
                self.collected = (self.collected or 0) + record.count
            case _:
                self._session_event(record)

    def _session_event(self, record: Record) -> None:
        match record:
            case records.Boot():
                self.boot = record
            case records.Session():
                self.session = record
            case records.CollectError():
                self._count("error")
                self.collect_errors += 1
                self.failures.append(self._failure(record, record.nodeid, "error", "collect"))
            case records.CollectSkip():
                self._count("skipped")
            case records.Deselected():
                self._count("deselected", record.count)
            case records.Warned():
                self._count("warnings")
                self.warnings.append(record)
            case records.WorkerDown():
                self.workers_down.append(record)
            case records.InternalError():
                self.internal_errors.append(record.longrepr)
            case records.Interrupt():
                self.interrupt = record
            case records.End():
                self._end(record)
            case _:
                self.exited = True

    def _end(self, record: records.End) -> None:
        self.end = record
        self.counts = dict(record.counts)  # right even when lines were lost
        if self.interrupt is None or self.interrupt.type == "Interrupted":
            # At --maxfail xdist does not wait for the teardown.
            for number in [number for number, attempt in self._open.items() if attempt.phase == "teardown"]:
                self._close(number)
        if sum(failure.outcome == "failed" for failure in self.failures) > self.counts.get("failed", 0):
            self._withdraw_repeated_subtests()

    def _withdraw_repeated_subtests(self) -> None:
        # pytest-rerunfailures takes back the subtests of an attempt that it repeats.
        repeated = {(outcome.nodeid, outcome.attempt) for outcome in self.outcomes if outcome.outcome == "rerun"}
        kept: list[TestFailure] = []
        for failure in self.failures:
            withdrawn = failure.subtest is not None and (failure.nodeid, failure.attempt) in repeated
            (self.rerun_failures if withdrawn else kept).append(failure)
        self.failures = kept

    def _count(self, category: str, number: int = 1) -> None:
        if category:
            self.counts[category] = self.counts.get(category, 0) + number

    def _name(self, first: int, nodeids: list[str]) -> None:
        missing = first - len(self.nodeids)
        self.nodeids.extend(f"<test {len(self.nodeids) + index}>" for index in range(missing))
        self.nodeids[first : first + len(nodeids)] = nodeids

    def _start(self, record: records.Start) -> None:
        self._close(record.id)
        self._attempt(record.id, record.at)

    def _attempt(self, number: int, at: float) -> Attempt:
        attempt = self._open.get(number)
        if attempt is None:
            if number >= len(self.nodeids):
                self._name(number, [f"<test {number}>"])
            self._attempts[number] = self._attempts.get(number, 0) + 1
            # The workers of xdist do not tell when a phase begins.
            phase = None if self.session and self.session.workers else "setup"
            attempt = self._open[number] = Attempt(self._attempts[number], at, phase)
        return attempt

    def _phase(self, record: records.Phase) -> None:
        attempt = self._attempt(record.id, record.at)
        attempt.worker = record.worker or attempt.worker
        attempt.reason = record.reason or attempt.reason
        self._count(record.category)
        self._keep_failure(record, attempt)
        outcome = phase_outcome(record.outcome)
        if record.subtest is not None:
            attempt.subtests += 1
            attempt.failed_subtests += verdict(record.category, outcome) == "failed"
            return
        attempt.outcomes[record.when] = outcome
        attempt.seconds[record.when] = record.seconds
        attempt.verdicts.append(verdict(record.category, outcome))
        if record.when == "setup" and outcome == "passed":
            attempt.phase = "call"
        elif record.when in ("setup", "call"):
            attempt.phase = "teardown"
        else:
            self._close(record.id)

    def _close(self, number: int) -> None:
        attempt = self._open.pop(number, None)
        if attempt is None or not attempt.verdicts:
            return
        self.finished += attempt.outcome != "rerun"
        self.outcomes.append(attempt.result(self.nodeids[number]))

    def _keep_failure(self, record: records.Phase, attempt: Attempt) -> None:
        if record.failure is None:
            return
        outcome: Literal["failed", "error", "rerun"] = "failed"
        if record.category == "error":
            outcome = "error"
        elif record.outcome == "rerun" or record.category == "rerun":
            outcome = "rerun"
        phase = record.when if record.when in ("setup", "call", "teardown") else "worker"
        failure = self._failure(record.failure, self.nodeids[record.id], outcome, phase)
        failure = failure.model_copy(
            update={"attempt": attempt.number, "subtest": record.subtest, "worker": record.worker}
        )
        (self.rerun_failures if outcome == "rerun" else self.failures).append(failure)

    def _failure(
        self, detail: FailureDetail, nodeid: str, outcome: Literal["failed", "error", "rerun"], phase: str
    ) -> TestFailure:
        return failure_of(detail, nodeid, outcome, phase, self.session.rootdir if self.session else "")
