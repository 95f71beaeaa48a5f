"""One run after another with its tests, their attempts and failures: what a report format writes down."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd

from att.errors import Invalid
from att.testing.analysis.executions import whole_runs
from att.testing.analysis.frames import conform

__all__ = ["Attempt", "FailureText", "ReportedRun", "ReportedTest", "write_reports"]

_COUNTS = ("passed", "failed", "skipped", "errors", "xfailed", "xpassed", "rerun")


@dataclass(frozen=True, slots=True)
class FailureText:
    """What is known of a failed phase; texts are empty where nothing is."""

    phase: str
    exception: str
    message: str
    longrepr: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of a test."""

    outcome: str
    seconds: float | None
    started_at: pd.Timestamp | None
    worker: str | None
    failures: Sequence[FailureText]

    def failure(self) -> FailureText:
        """Return the failure to show: that of the call, or else the first."""
        ranked = sorted(self.failures, key=lambda failure: failure.phase != "call")
        return ranked[0] if ranked else FailureText("", "", "", "")


@dataclass(frozen=True, slots=True)
class ReportedTest:
    """A test of a run; its last attempt is the one that counts."""

    nodeid: str
    attempts: Sequence[Attempt]

    @property
    def last(self) -> Attempt:
        return self.attempts[-1]

    @property
    def retried(self) -> bool:
        """Whether it passed after an attempt that did not."""
        return len(self.attempts) > 1 and self.last.outcome in ("passed", "xpassed")

    def names(self) -> tuple[str, tuple[str, ...], str]:
        """Return the file (empty when the nodeid names none), the classes or dotted name before it, and the name."""
        head, bracket, parameters = self.nodeid.partition("[")
        first, *rest = head.split("::")
        if not rest:
            return "", (), self.nodeid
        name = rest.pop() + bracket + parameters
        is_file = first.endswith(".py") or "/" in first
        return (first, tuple(rest), name) if is_file else ("", (first, *rest), name)


@dataclass(frozen=True, slots=True)
class ReportedRun:
    """A run with its tests in the order in which they began; shards are part of their run."""

    run: Mapping[str, Any]
    """The known values of its row in `runs`."""
    tests: Sequence[ReportedTest]
    collect_failures: Sequence[tuple[str, FailureText]]
    """Files that could not be collected, with the reason."""

    @property
    def counts(self) -> dict[str, int]:
        """What the run itself counted, as far as it is known. A run of a console log has this and may have no tests."""
        return {name: int(self.run[name]) for name in _COUNTS if name in self.run}


def write_reports(
    frames: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame],
    target: str | Path,
    suffix: str,
    write: Callable[[ReportedRun, Path], None],
) -> list[Path]:
    """Write one file if `target` has the suffix, else one file a run into the folder; return the paths.

    Raises `Invalid` when a single file is asked for and there is not exactly one run.
    """
    path = Path(target).expanduser()
    reported = _reported(*(conform(frame, kind) for frame, kind in zip(frames, _KINDS, strict=True)))
    if path.suffix != suffix:
        path.mkdir(parents=True, exist_ok=True)
        written = []
        for run in reported:
            written.append(path / f"{quote(str(run.run['run_id']), safe=' ')}{suffix}")
            write(run, written[-1])
        return written
    runs = len(whole_runs(frames[0])[0])
    if runs != 1:
        raise Invalid(
            f"A {suffix} file holds one run and these are {runs}: name a folder to get one file a run, or choose a run "
            "first.",
            runs=runs,
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    write(next(reported), path)
    return [path]


_KINDS: tuple[Any, ...] = ("runs", "results", "failures")


def _reported(runs: pd.DataFrame, results: pd.DataFrame, failures: pd.DataFrame) -> Iterator[ReportedRun]:
    whole, position = whole_runs(runs)
    rows, texts = _by_run(results, position), _by_run(failures, position)
    for at, row in enumerate(whole.to_dict("records")):
        known = {str(name): value for name, value in row.items() if not _is_missing(value)}
        yield _reported_run(known, rows.get(at), texts.get(at))


def _by_run(frame: pd.DataFrame, position: pd.Series[Any]) -> dict[int, pd.DataFrame]:
    at = frame["run_id"].astype(object).map(position).fillna(-1).to_numpy(dtype=np.int64)
    parts: dict[Any, pd.DataFrame] = dict(iter(frame.groupby(at, sort=False)))
    return {int(run): part for run, part in parts.items() if run >= 0}


def _is_missing(value: Any) -> bool:
    return value is None or (pd.api.types.is_scalar(value) and bool(pd.isna(value)))


def _reported_run(run: Mapping[str, Any], results: pd.DataFrame | None, failures: pd.DataFrame | None) -> ReportedRun:
    texts = _texts(failures)
    attempts: dict[str, list[tuple[int, Attempt]]] = {}
    for row in _rows(results, "nodeid", "attempt", "outcome", "duration_seconds", "started_at", "worker"):
        nodeid, number, outcome, *rest = row
        seconds, started_at, worker = (None if _is_missing(value) else value for value in rest)
        attempt = Attempt(outcome, seconds, started_at, worker, texts.pop((nodeid, number), ()))
        attempts.setdefault(nodeid, []).append((number, attempt))
    tests = [
        ReportedTest(nodeid, [attempt for _, attempt in sorted(numbered, key=lambda pair: pair[0])])
        for nodeid, numbered in attempts.items()
    ]
    rest = [(nodeid, text) for (nodeid, _), several in texts.items() for text in several if text.phase == "collect"]
    return ReportedRun(run, tests, rest)


def _texts(failures: pd.DataFrame | None) -> dict[tuple[str, int], list[FailureText]]:
    found: dict[tuple[str, int], list[FailureText]] = {}
    for nodeid, number, *texts in _rows(failures, "nodeid", "attempt", "phase", "exception", "message", "longrepr"):
        known = FailureText(*("" if _is_missing(text) else text for text in texts))
        found.setdefault((nodeid, 1 if _is_missing(number) else number), []).append(known)
    return found


def _rows(frame: pd.DataFrame | None, *names: str) -> Iterator[tuple[Any, ...]]:
    return iter(()) if frame is None else zip(*(frame[name].astype(object) for name in names), strict=True)
