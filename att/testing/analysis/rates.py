"""How the pass rate moves over time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from att.testing.analysis.executions import whole_runs
from att.testing.analysis.frames import require
from att.testing.analysis.statistics import wilson
from att.testing.analysis.times import periods

__all__ = ["pass_rate"]


def pass_rate(runs: pd.DataFrame, freq: str | None = "D") -> pd.DataFrame:
    """Count what passed in every period.

    `freq` is a pandas frequency (`h`, `6h`, `D`, `W`, `ME`, ...); None counts every run by itself, so that `period`
    is its start. Periods without a run have no row. Skipped, expected and unexpected outcomes are no verdict on the
    code and do not count as executed; neither do runs whose counts are not known. A shard counts with its parent.

    Returns, in time order::

        period      start of the period, UTC
        runs        runs that began in it
        passed      tests that passed, over all runs
        executed    tests that passed or failed, and errors
        pass_rate   passed / executed, 0..1; NaN when nothing was executed
        lo, hi      Wilson bounds, 95 %

    The bounds take the executions for independent; tests that fail together make them narrower than they should be.
    Raises `Invalid` for a frequency that pandas does not know.
    """
    runs, _ = whole_runs(require(runs, "runs", "run_id", "started_at", "passed", "failed"))
    runs = runs[runs["started_at"].notna()]
    passed, failed, errors = (_numbers(runs, name) for name in ("passed", "failed", "errors"))
    known = passed.notna() & failed.notna()
    table = pd.DataFrame(
        {
            "period": periods(runs["started_at"], freq),
            "runs": 1,
            "passed": passed.where(known, 0).astype("int64"),
            "executed": (passed + failed + errors.fillna(0)).where(known, 0).astype("int64"),
        }
    )
    if freq is not None:
        table = table.groupby("period", as_index=False, sort=True).sum()
    table = table.reset_index(drop=True)
    executed = table["executed"].to_numpy()
    lo, hi = wilson(table["passed"], executed)
    rate = np.where(executed > 0, table["passed"] / np.maximum(executed, 1), np.nan)
    return table.assign(pass_rate=rate, lo=lo, hi=hi)


def _numbers(runs: pd.DataFrame, name: str) -> pd.Series[Any]:
    if name not in runs:
        return pd.Series(np.nan, index=runs.index)
    return pd.to_numeric(runs[name]).astype("float64")
