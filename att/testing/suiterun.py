"""A test run as its directory tells it: what was asked, the streams of its shards, how it ended."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from att.errors import NotFound
from att.models import now
from att.runtime.rundir import RunDirectory
from att.testing.driver.orders import Plan, Result, collect_stream, shard_stream
from att.testing.models import TestFailure, TestRun, TestShard
from att.testing.outcome import finished_run, live_run, reason_of
from att.testing.stream import StreamState
from att.testing.streamfile import StreamReader

__all__ = ["KIND", "META", "SuiteRun", "light"]

KIND = "test"
META = "test"
_SETTLED = "test.json"
_LIVE_FAILURES = 10
_LIVE_TEXT = 2_000
_FAILURE_BYTES = 1 << 20
_T = TypeVar("_T")


class SuiteRun:
    """Reads one test run, going on where the last look stopped. `lock` guards the streams' states."""

    def __init__(self, run: RunDirectory) -> None:
        self.run = run
        self.lock = threading.RLock()
        self._begun: TestRun | None = None
        self._plan: Plan | None = None
        self._collecting: tuple[StreamReader, StreamState] | None = None
        self._shards: list[tuple[StreamReader, StreamState]] = []

    @property
    def begun(self) -> TestRun:
        """The run as it was when it began. Raises NotFound when its directory is gone."""
        if self._begun is None:
            try:
                text = self.run.spec().meta[META]
            except (FileNotFoundError, KeyError, ValueError):
                raise NotFound(f"There is no test run {self.run.run_id!r}.", run_id=self.run.run_id) from None
            begun = TestRun.model_validate_json(text, extra="ignore")
            self._begun = begun.model_copy(update={"run_id": self.run.run_id})
        return self._begun

    @property
    def divided(self) -> bool:
        request = self.begun.request
        return request is not None and request.shards > 1

    def ended(self) -> bool:
        """Say whether pytest has ended; what it left running may still be cleaned up."""
        return Result.read(self.run.path) is not None or self.run.phase() != "running"

    # What is written down once everything is done

    def settled(self) -> TestRun | None:
        """Return the final run, once it has joined the history."""
        try:
            return TestRun.model_validate_json((self.run.path / _SETTLED).read_bytes(), extra="ignore")
        except (FileNotFoundError, ValueError):
            return None

    def is_settled(self) -> bool:
        return (self.run.path / _SETTLED).exists()

    def settle(self, final: TestRun) -> None:
        """Write the final run down. Raises FileNotFoundError when the directory is gone."""
        part = self.run.path / f"{_SETTLED}.part"
        part.write_text(final.model_dump_json())
        part.replace(self.run.path / _SETTLED)

    # What the streams tell

    def update(self) -> None:
        """Take in what the plugins have written since."""
        with self.lock:
            self._open_streams()
            for reader, state in self._streams():
                state.update(reader)

    @property
    def shards(self) -> list[StreamState]:
        """The state of each shard; of one, when the run is not divided."""
        return [state for _, state in self._shards]

    def state(self) -> StreamState:
        """Return what all streams tell together."""
        with self.lock:
            if not self.divided:
                return self._shards[0][1] if self._shards else StreamState()
            if self._plan is None:
                return self._collecting[1] if self._collecting else StreamState()
            whole = StreamState.merged(self.shards)
            if self._collecting is not None:
                collected = self._collecting[1]
                whole.collected = collected.collected
                # Files in which everything was left out belong to no shard.
                if collected.counts.get("deselected"):
                    whole.counts["deselected"] = collected.counts["deselected"]
            return whole

    def _open_streams(self) -> None:
        folder = self.run.path
        if self.divided:
            self._collecting = self._collecting or _stream(collect_stream(folder))
            if self._plan is None:
                self._plan = Plan.read(folder)
            count = 0 if self._plan is None else len(self._plan.targets)
        else:
            count = 1
        if not self._shards:
            self._shards = [_stream(shard_stream(folder, index)) for index in range(count)]

    def _streams(self) -> list[tuple[StreamReader, StreamState]]:
        return [*([self._collecting] if self._collecting else []), *self._shards]

    # The value that travels

    def look(self, durations: Mapping[str, float]) -> TestRun:
        """Return the run as it is now; `durations` are earlier seconds by nodeid."""
        ended = self.ended()  # asked first: what is written is read to its end then
        self.update()
        with self.lock:
            state = self.state()
            if ended:
                return self._final(state)
            run = live_run(self.begun, state, durations)
        left = "" if run.eta_seconds is None else f", about {_span(run.eta_seconds)} left"
        shards = self._shard_values(None, now())
        update = {"message": run.message + left, "shards": shards, "failures": _short(run.failures)}
        return run.model_copy(update=update)

    def _final(self, state: StreamState) -> TestRun:
        result, returncode = Result.read(self.run.path), None
        record = self.run.exit()
        if result is not None:
            returncode, ended_at = result.returncode, datetime.fromtimestamp(result.ended_at, UTC)
        else:  # the driver itself was killed
            ended_at = (record and record.exited_at) or _last_moment(state, self.begun)
            if record is not None:
                returncode = record.code if record.signal is None else -record.signal
        stopped = self.run.stopping() and (result is None or result.stopped)
        final = finished_run(
            self.begun,
            state,
            ended_at=ended_at,
            returncode=returncode,
            timed_out=result is not None and result.timed_out,
            cancelled=stopped,
        )
        more: dict[str, object] = {"shards": self._shard_values(result, ended_at), "failures": _bounded(final.failures)}
        if result is not None:
            if final.status == "crashed":
                more |= self._crashed_shard(state, result)
            more |= _coverage(final, result)
            if result.error is not None:
                more |= {"message": result.error, "status": "usage_error"}
        return final.model_copy(update=more)

    def _crashed_shard(self, state: StreamState, result: Result) -> dict[str, object]:
        """Return the message that tells of the first shard without an end, whose code need not be that of the run."""
        for index, (shard, code) in enumerate(zip(self.shards, result.shards, strict=False)):
            if not shard.ended or (code is not None and code < 0):
                return {"message": reason_of(state, "crashed", code, index)}
        return {}

    def _shard_values(self, result: Result | None, at: datetime) -> list[TestShard]:
        """Return the shards as they are, or were, at a time; what ended before knows when."""
        plan = self._plan
        if plan is None:
            return []
        codes, workers, ended = (result.shards, result.workers, result.ended) if result is not None else ([], [], [])
        return [
            TestShard(
                index=index,
                targets=plan.targets[index],
                tests=plan.tests[index],
                expected_seconds=plan.expected_seconds[index],
                finished=state.finished,
                passed=state.counts.get("passed", 0),
                failed=state.counts.get("failed", 0),
                errors=state.counts.get("error", 0),
                duration_seconds=state.duration_seconds(_moment(_at(ended, index)) or at),
                returncode=_at(codes, index),
                worker=_at(workers, index),
            )
            for index, state in enumerate(self.shards)
        ]


def light(run: TestRun) -> TestRun:
    """Return the run without what is long: for lists."""
    return run.model_copy(update={"failures": [], "shards": [], "in_flight": []})


def _stream(path: Path) -> tuple[StreamReader, StreamState]:
    return StreamReader(path), StreamState()


def _last_moment(state: StreamState, begun: TestRun) -> datetime:
    return _moment(state.last_at) or begun.started_at


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _at(values: Sequence[_T | None], index: int) -> _T | None:
    """Return the value of a shard; None when the driver was gone before it could tell it."""
    return values[index] if index < len(values) else None


def _coverage(final: TestRun, result: Result) -> dict[str, object]:
    asked = final.request.coverage_threshold if final.request is not None else None
    threshold = asked if asked is not None else result.fail_under
    percent = result.coverage_percent
    ok = None if percent is None or threshold is None else percent >= threshold
    return {"coverage_percent": percent, "coverage_ok": ok}


def _short(failures: list[TestFailure]) -> list[TestFailure]:
    """While a run goes on it is read often: only the first failures, and only the end of their text."""
    return [
        failure.model_copy(update={"longrepr": failure.longrepr[-_LIVE_TEXT:], "sections": []})
        for failure in failures[:_LIVE_FAILURES]
    ]


def _bounded(failures: list[TestFailure]) -> list[TestFailure]:
    """Give every failure its text until there is a mebibyte of it, and then only the end."""
    kept, used = [], 0
    for failure in failures:
        used += len(failure.longrepr) + sum(len(section.text) for section in failure.sections)
        kept.append(failure if used <= _FAILURE_BYTES else _short([failure])[0])
    return kept


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
