"""Divide a suite into shards that take about the same time."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral
from typing import Any, Literal

import numpy as np
import pandas as pd

from att.errors import Invalid
from att.testing.analysis.executions import attempts
from att.testing.analysis.frames import OUTCOMES, TEXT
from att.testing.sharing import beyond_share, longest_first

__all__ = ["Together", "balance", "balanced", "check_shards"]

Together = Literal["auto", "file", "class", "test"]
"""What stays in one shard."""

_SKIPPED = OUTCOMES.index("skipped")
_COSTLY_SETUP_SHARE = 0.2
_COSTLY_SETUP_SECONDS = 0.5


def balance(
    runs: pd.DataFrame,
    results: pd.DataFrame,
    n: int,
    *,
    nodeids: Iterable[str] | None = None,
    together: Together = "auto",
) -> pd.DataFrame:
    """Divide tests among `n` shards by their historic duration: the longest first, each to the emptiest shard.

    `nodeids` are the tests to divide, as collected now; without them, the tests of the newest run by name. A test
    expects the median of its past durations, and a test without any the median test. `together` keeps the tests of a
    file or a class in one shard, so that their fixtures are set up once; `auto` does so for files whose setup and
    teardown take more than a fifth of their time and half a second a run, unless the file alone is more than a shard's
    share.

    Returns, by shard and then in the given order::

        shard               1..n; a shard may stay empty when there are fewer groups than shards
        nodeid              test
        expected_seconds    median of its past durations, or the stand-in
        known               the history has a duration for it

    The largest shard takes at most 4/3 - 1/(3n) of the best possible time (longest processing time first;
    "Bounds on Multiprocessing Timing Anomalies", SIAM Journal on Applied Mathematics 17 (1969)).
    Raises `Invalid` when `n` is below 1 or the runs span several projects.
    """
    check_shards(n)
    return balanced(_past(runs, results), n, nodeids=nodeids, together=together)


def check_shards(n: int) -> None:
    """Raise `Invalid` when `n` is no number of shards."""
    if not isinstance(n, Integral) or isinstance(n, bool):
        raise Invalid(f"n is a whole number of shards, not {n!r}.")
    if n < 1:
        raise Invalid(f"A suite is divided among at least one shard, not {n}.")


def balanced(
    past: pd.DataFrame, n: int, *, nodeids: Iterable[str] | None = None, together: Together = "auto"
) -> pd.DataFrame:
    """Return what `balance` says, from the past by nodeid: `seconds`, `overhead` and `newest` (in the newest run)."""
    wanted = list(dict.fromkeys(nodeids)) if nodeids is not None else sorted(past.index[past["newest"]])
    expected = past["seconds"].reindex(wanted)
    stand_in = float(past["seconds"].median()) if past["seconds"].notna().any() else 1.0
    table = pd.DataFrame(
        {
            "nodeid": pd.Series(wanted, dtype=TEXT),
            "expected_seconds": expected.fillna(stand_in).to_numpy(dtype="float64"),
            "known": expected.notna().to_numpy(dtype=bool),
        }
    )
    overhead = past["overhead"].reindex(wanted).fillna(0).to_numpy()
    group = _groups(table["nodeid"], table["expected_seconds"].to_numpy(), overhead, n, together)
    load = table["expected_seconds"].groupby(group, sort=False).sum()
    place = pd.Series(longest_first(zip(load.index, load, strict=True), n), dtype="int64") + 1
    table.insert(0, "shard", place.reindex(group).to_numpy(dtype=np.int64))
    return table.sort_values("shard", kind="stable", ignore_index=True)


def _past(runs: pd.DataFrame, results: pd.DataFrame) -> pd.DataFrame:
    """Return, by nodeid: median duration, median of setup and teardown, and whether the newest run had the test."""
    a = attempts(runs, results)
    if "project" in a.tests:
        raise Invalid("Only the suite of one project can be divided; choose its runs first.")
    ran = a.outcome != _SKIPPED
    seconds = pd.Series(a.seconds()).where(ran)
    overhead = pd.Series(np.nan_to_num(a.seconds("setup_seconds")) + np.nan_to_num(a.seconds("teardown_seconds")))
    table = pd.DataFrame({"seconds": seconds.groupby(a.test).median(), "overhead": overhead.groupby(a.test).median()})
    newest = a.test[a.run == a.run.max(initial=-1)]
    table["newest"] = np.isin(np.arange(len(a.tests)), newest)
    return table.set_index(pd.Index(a.tests["nodeid"].astype(object)))


def _groups(nodeid: pd.Series[Any], seconds: Any, overhead: Any, n: int, together: Together) -> Any:
    parts = nodeid.astype(object).str.split("::", n=1)
    file = parts.str[0].to_numpy(dtype=object)
    if together == "test":
        return nodeid.to_numpy(dtype=object)
    if together == "file":
        return file
    if together == "class":
        inside = nodeid.astype(object).str.partition("[")[0].str.rpartition("::")[0]
        return inside.to_numpy(dtype=object)
    if together != "auto":
        raise Invalid(f"together is auto, file, class or test, not {together!r}.")
    total = pd.Series(seconds).groupby(file).transform("sum").to_numpy()
    costs = pd.Series(overhead).groupby(file).transform("sum").to_numpy()
    costly = (costs > _COSTLY_SETUP_SHARE * total) & (costs > _COSTLY_SETUP_SECONDS)
    return np.where(costly & ~beyond_share(total, seconds.sum(), n), file, nodeid.to_numpy(dtype=object))
