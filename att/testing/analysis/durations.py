"""Which tests take the time, and how long each usually takes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from att.testing.analysis.executions import Attempts, attempts
from att.testing.analysis.frames import OUTCOMES
from att.testing.limits import check

__all__ = ["slowest", "slowest_table"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_SKIPPED = OUTCOMES.index("skipped")


def slowest(runs: pd.DataFrame, results: pd.DataFrame, q: float = 0.95) -> pd.DataFrame:
    """Rank the tests by their slow executions: the `q` quantile of their duration.

    Every attempt counts, as every attempt takes time; skipped tests and unknown durations do not.

    Returns one row a test that was ever timed, slowest first::

        nodeid          test; preceded by `project` when the runs span several
        n               timed attempts
        p50_seconds     median
        p95_seconds     the quantile; the name follows `q`: p99_seconds for 0.99
        total_seconds   time over all attempts
        share           of the time of all tests, 0..1

    Quantiles are interpolated linearly (type 7 of "Sample Quantiles in Statistical Packages", The American
    Statistician 50 (1996)). Raises `Invalid` when `q` is not between 0 and 1.
    """
    check(q=q)
    a = attempts(runs, results)
    seconds, first, n, tests = _sorted_by_test(a)
    total = np.bincount(a.test, weights=np.nan_to_num(_timed(a)), minlength=len(a.tests))[tests].astype(float)
    return slowest_table(
        a.tests.iloc[tests], n, _quantile(seconds, first, n, 0.5), _quantile(seconds, first, n, q), total, q
    )


def slowest_table(names: pd.DataFrame, n: Ints, p50: Floats, high: Floats, total: Floats, q: float) -> pd.DataFrame:
    """Return what `slowest` says, from the figures of each timed test."""
    name = f"p{q * 100:g}_seconds"
    columns = {
        "n": n,
        "p50_seconds": p50,
        name: high,
        "total_seconds": total,
        "share": total / total.sum() if total.sum() > 0 else np.full(len(total), np.nan),
    }
    table = pd.concat([names.reset_index(drop=True), pd.DataFrame(columns)], axis=1)
    return table.sort_values([name, "nodeid"], ascending=[False, True], ignore_index=True)


def _timed(a: Attempts) -> Floats:
    """Return the duration of each attempt; NaN where it was skipped or is not known."""
    return np.where(a.outcome == _SKIPPED, np.nan, a.seconds())


def _sorted_by_test(a: Attempts) -> tuple[Floats, Ints, Ints, Ints]:
    """Return the known durations sorted within each test, where each test's begin, how many it has, and the tests."""
    seconds = _timed(a)
    known = ~np.isnan(seconds)
    seconds, test = seconds[known], a.test[known]
    order = np.argsort(seconds)
    order = order[np.argsort(test[order].astype(np.min_scalar_type(len(a.tests))), kind="stable")]  # radix for 16 bit
    n = np.bincount(test, minlength=len(a.tests))
    tests = np.flatnonzero(n)
    return seconds[order], (np.cumsum(n) - n)[tests], n[tests], tests


def _quantile(values: Floats, first: Ints, n: Ints, q: float) -> Floats:
    """Interpolate the quantile of each sorted stretch `values[first : first + n]`."""
    place = q * (n - 1)
    below = np.floor(place).astype(np.int64)
    low = values[first + below]
    return np.asarray(low + (values[first + np.minimum(below + 1, n - 1)] - low) * (place - below))
