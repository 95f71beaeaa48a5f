"""Which tests have become slower, by how much, and since when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from att.errors import Invalid
from att.testing.analysis.executions import PASS, Executions, executions
from att.testing.analysis.statistics import change_point, rank_sum_p
from att.testing.analysis.times import length_of_time
from att.testing.limits import check

__all__ = ["Slowdown", "Window", "grown", "regressions", "slowdown", "slowdown_table", "window_bounds"]

Window = int | str | timedelta
"""A number of runs, or a length of time as in `"7d"`."""

Floats = npt.NDArray[np.float64]

_MIN_SAMPLES = 3


def regressions(
    runs: pd.DataFrame,
    results: pd.DataFrame,
    recent: Window = 10,
    baseline: Window = 50,
    min_ratio: float = 1.25,
    min_delta_seconds: float = 0.1,
    *,
    max_p: float = 0.01,
) -> pd.DataFrame:
    """Find the tests whose recent passing executions are slower than those before.

    `recent` is the end of the history and `baseline` what comes directly before it, each a number of runs or a length
    of time (`"7d"`, counted back from the newest run). A test is reported when its median grew by at least
    `min_ratio` and by at least `min_delta_seconds`, with three executions or more on both sides, and when chance alone
    does this with less than `max_p` (one-sided rank-sum test). Tests that are gone are not reported.

    Returns, largest `delta` first::

        nodeid                              test; preceded by `project` when the runs span several
        n_baseline, n_recent                passing executions compared
        baseline_seconds, recent_seconds    medians
        ratio                               recent / baseline
        delta                               recent - baseline, seconds
        p_value                             of the rank-sum test
        change_at                           start of the first slower run (Pettitt's change point); NaT when the
                                            series is too short to tell

    Raises `Invalid` for a window that is neither runs nor time, and for a least growth or `max_p` that cannot be.
    Sources: `statistics.rank_sum_p` and `change_point`.
    """
    check(min_ratio=min_ratio, min_delta_seconds=min_delta_seconds, max_p=max_p)
    e = executions(runs, results)
    begin, split = window_bounds(e.runs, recent, baseline)
    found = _slowdowns(e.take((e.run >= begin) & (e.verdict == PASS)), split, min_ratio, min_delta_seconds)
    return slowdown_table(e.tests, e.runs, list(found), max_p)


def _slowdowns(e: Executions, split: int, min_ratio: float, min_delta_seconds: float) -> Iterator[Slowdown]:
    """Yield the tests whose median grew; `e` holds the passing executions of both windows."""
    seconds = e.seconds()
    known = ~np.isnan(seconds)
    e, seconds = e.take(known), seconds[known]
    is_recent = e.run >= split
    old, new = (_medians(e.test[m], seconds[m], len(e.tests)) for m in (~is_recent, is_recent))
    for test in np.flatnonzero(grown(old, new, min_ratio, min_delta_seconds)):
        first, last = np.searchsorted(e.test, [test, test + 1])  # executions are sorted by test and time
        yield slowdown(int(test), e.run[first:last], seconds[first:last], split)


@dataclass(frozen=True)
class Slowdown:
    """A test that seems to have become slower; the fields are those of `regressions`."""

    test: int
    n_baseline: int
    n_recent: int
    baseline_seconds: float
    recent_seconds: float
    p_value: float
    change: int
    """Position of the first slower run; -1 when the series does not tell."""


def grown(old: Floats, new: Floats, min_ratio: float, min_delta_seconds: float) -> npt.NDArray[np.bool_]:
    """Tell which medians grew by as much as is asked; NaN did not."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((new / old >= min_ratio) & (new - old >= min_delta_seconds))


def slowdown(test: int, run: npt.NDArray[np.int64], seconds: Floats, split: int) -> Slowdown:
    """Look at the passing executions of one test in time order; those from run `split` on are the recent ones."""
    before, recent = seconds[run < split], seconds[run >= split]
    change = change_point(seconds)
    at = int(run[change.index]) if change is not None and change.after > change.before else -1
    medians = float(np.median(before)), float(np.median(recent))
    return Slowdown(test, len(before), len(recent), *medians, rank_sum_p(before, recent), at)


def slowdown_table(tests: pd.DataFrame, runs: pd.DataFrame, found: Sequence[Slowdown], max_p: float) -> pd.DataFrame:
    """Return what `regressions` says, from what was found about tests and the runs in order."""
    kept = [s for s in found if min(s.n_baseline, s.n_recent) >= _MIN_SAMPLES and s.p_value <= max_p]
    old, new = (
        np.array([getattr(s, name) for s in kept], dtype=float) for name in ("baseline_seconds", "recent_seconds")
    )
    columns = pd.DataFrame(
        {
            "n_baseline": np.array([s.n_baseline for s in kept], dtype=np.int64),
            "n_recent": np.array([s.n_recent for s in kept], dtype=np.int64),
            "baseline_seconds": old,
            "recent_seconds": new,
            "ratio": new / old,
            "delta": new - old,
            "p_value": np.array([s.p_value for s in kept], dtype=float),
            "change_at": runs["started_at"].reindex([s.change for s in kept]).reset_index(drop=True),
        }
    )
    table = pd.concat([tests.iloc[[s.test for s in kept]].reset_index(drop=True), columns], axis=1)
    return table.sort_values(["delta", "nodeid"], ascending=[False, True], ignore_index=True)


def window_bounds(runs: pd.DataFrame, recent: Window, baseline: Window) -> tuple[int, int]:
    """Return the positions of the first baseline run and of the first recent run."""
    split = _back(runs, len(runs), recent, "recent")
    return _back(runs, split, baseline, "baseline"), split


def _back(runs: pd.DataFrame, end: int, window: Window, name: str) -> int:
    if isinstance(window, (int, np.integer)) and not isinstance(window, bool):
        if window < 1:
            raise Invalid(f"{name} is at least one run, not {window}.")
        return max(0, end - int(window))
    length = length_of_time(window, name)
    times = runs["started_at"].dropna()
    if times.empty:
        return 0
    until = times.iloc[-1] if end >= len(times) else times.iloc[end]
    return int(times.searchsorted(until - length, side="left"))


def _medians(test: npt.NDArray[np.int64], seconds: Floats, size: int) -> Floats:
    medians = pd.Series(seconds).groupby(test).median()
    return medians.reindex(range(size)).to_numpy().astype(np.float64)
