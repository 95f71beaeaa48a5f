"""Which tests have become slower, by how much, and since when."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from att.errors import Invalid
from att.testing.analysis.executions import PASS, Executions, executions
from att.testing.analysis.statistics import change_point, rank_sum_p
from att.testing.analysis.times import length_of_time

__all__ = ["Window", "regressions"]

Window = int | str | pd.Timedelta
"""A number of runs, or a length of time as in `"7d"`."""

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

    Raises `Invalid` for a window that is neither runs nor time. Sources: `statistics.rank_sum_p` and `change_point`.
    """
    e = executions(runs, results)
    begin, split = _bounds(e.runs, recent, baseline)
    seconds = e.seconds()
    e_kept = (e.run >= begin) & (e.verdict == PASS) & ~np.isnan(seconds)
    e, seconds = e.take(e_kept), seconds[e_kept]
    is_recent = e.run >= split
    old, new = (_medians(e.test[m], seconds[m], len(e.tests)) for m in (~is_recent, is_recent))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio, delta = new / old, new - old
    candidates = np.flatnonzero((ratio >= min_ratio) & (delta >= min_delta_seconds))
    details = [_detail(e, seconds, is_recent, test) for test in candidates]
    columns = pd.DataFrame(details, columns=["n_baseline", "n_recent", "p_value", "change"])
    change = columns["change"].to_numpy(dtype=np.int64, na_value=-1)
    table = e.named(
        {
            "n_baseline": columns["n_baseline"].astype("int64"),
            "n_recent": columns["n_recent"].astype("int64"),
            "baseline_seconds": old[candidates],
            "recent_seconds": new[candidates],
            "ratio": ratio[candidates],
            "delta": delta[candidates],
            "p_value": columns["p_value"].astype("float64"),
            "change_at": e.runs["started_at"].reindex(change).reset_index(drop=True),
        },
        candidates,
    )
    enough = table[["n_baseline", "n_recent"]].min(axis=1) >= _MIN_SAMPLES
    kept = table[enough & (table["p_value"] <= max_p)]
    return kept.sort_values(["delta", "nodeid"], ascending=[False, True], ignore_index=True)


def _bounds(runs: pd.DataFrame, recent: Window, baseline: Window) -> tuple[int, int]:
    """Return the positions of the first baseline run and of the first recent run."""
    split = _back(runs, len(runs), recent, "recent")
    return _back(runs, split, baseline, "baseline"), split


def _back(runs: pd.DataFrame, end: int, window: Window, name: str) -> int:
    if isinstance(window, int):
        if window < 1:
            raise Invalid(f"{name} is at least one run, not {window}.")
        return max(0, end - window)
    length = length_of_time(window, name)
    times = runs["started_at"].dropna()
    if times.empty:
        return 0
    until = times.iloc[-1] if end >= len(times) else times.iloc[end]
    return int(times.searchsorted(until - length, side="left"))


def _medians(test: npt.NDArray[np.int64], seconds: npt.NDArray[np.float64], size: int) -> npt.NDArray[np.float64]:
    medians = pd.Series(seconds).groupby(test).median()
    return medians.reindex(range(size)).to_numpy().astype(np.float64)


def _detail(
    e: Executions, seconds: npt.NDArray[np.float64], is_recent: npt.NDArray[np.bool_], test: Any
) -> tuple[int, int, float, int | None]:
    first, last = np.searchsorted(e.test, [test, test + 1])  # executions are sorted by test and time
    series, new = seconds[first:last], is_recent[first:last]
    change = change_point(series)
    at = int(e.run[first + change.index]) if change is not None and change.after > change.before else None
    return int((~new).sum()), int(new.sum()), rank_sum_p(series[~new], series[new]), at
