"""Results joined to their runs as plain arrays: the common ground on which every analysis stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from att.errors import Invalid
from att.testing.analysis.frames import FAILING, OUTCOMES, TEXT, require
from att.testing.analysis.times import utc_times

__all__ = [
    "FAIL",
    "NONE",
    "PASS",
    "SEVERITIES",
    "Attempts",
    "Executions",
    "attempts",
    "executions",
    "group_runs",
    "ordered_runs",
    "whole_runs",
]

Ints = npt.NDArray[np.int64]

PASS, FAIL, NONE = 1, 0, -1
"""Verdicts of an execution: skipped, xfailed, xpassed and an attempt without an end are no verdict."""

SEVERITIES = np.array(
    [("rerun", "skipped", "xfailed", "xpassed", "passed", "error", "failed").index(o) for o in OUTCOMES]
)
"""Of each outcome; of several in one attempt the gravest counts."""

_VERDICT = np.array([PASS if o == "passed" else FAIL if o in FAILING else NONE for o in OUTCOMES], dtype=np.int8)
_RERUN = OUTCOMES.index("rerun")


@dataclass(frozen=True)
class Attempts:
    """Every attempt of a test in one of the runs; the arrays have one element an attempt."""

    runs: pd.DataFrame
    """The runs in time order; shards are folded into their parent."""
    tests: pd.DataFrame
    """The tests: `nodeid`, preceded by `project` when the runs span several projects."""
    results: pd.DataFrame
    row: Ints
    """Position in `results`."""
    test: Ints
    """Position in `tests`."""
    run: Ints
    """Position in `runs`."""
    outcome: npt.NDArray[np.int8]
    """Position in `OUTCOMES`."""

    @property
    def verdict(self) -> npt.NDArray[np.int8]:
        """PASS, FAIL or NONE."""
        return np.asarray(_VERDICT[self.outcome])

    def seconds(self, name: str = "duration_seconds") -> npt.NDArray[np.float64]:
        """Return a duration column as float64; NaN where it is not known."""
        if name not in self.results:
            return np.full(len(self.row), np.nan)
        return self.results[name].to_numpy(dtype="float64", na_value=np.nan)[self.row]

    def named(self, columns: dict[str, Any], tests: npt.NDArray[Any] | None = None) -> pd.DataFrame:
        """Return the columns beside the names of their tests."""
        names = self.tests if tests is None else self.tests.iloc[tests]
        return pd.concat([names.reset_index(drop=True), pd.DataFrame(columns)], axis=1)


@dataclass(frozen=True)
class Executions(Attempts):
    """Every test once a run, sorted by test and then by time; the arrays have one element an execution.

    The last attempt counts. Where a run holds the same nodeid several times in one attempt (duplicate ids, an error in
    teardown after a pass) the gravest outcome counts, so that two tests with one name do not look flaky.
    """

    retried: npt.NDArray[np.bool_]
    """An earlier attempt in the same run did not pass."""

    def take(self, keep: npt.NDArray[Any]) -> Executions:
        """Return the executions selected by a mask or by positions."""
        arrays = {name: getattr(self, name)[keep] for name in ("row", "test", "run", "outcome", "retried")}
        return replace(self, **arrays)


def ordered_runs(runs: pd.DataFrame) -> pd.DataFrame:
    """Return each run once in time order, `started_at` in UTC; runs without a time come last."""
    runs = require(runs, "runs", "run_id", "started_at")
    try:
        times = utc_times(runs["started_at"])
    except (TypeError, ValueError) as error:
        raise Invalid(f"runs.started_at holds something that is not a time: {error}.") from error
    unique = runs.assign(started_at=times).drop_duplicates("run_id", keep="last")
    return unique.sort_values(["started_at", "run_id"], kind="stable", ignore_index=True)


def whole_runs(runs: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series[Any]]:
    """Fold shards into their parents: return the whole runs in order, and run_id -> position for every run."""
    ordered = ordered_runs(runs)
    parent = ordered["parent"] if "parent" in ordered else pd.Series(None, index=ordered.index, dtype=TEXT)
    is_shard = parent.isin(ordered["run_id"]) & (parent != ordered["run_id"])
    whole = ordered[~is_shard].reset_index(drop=True)
    position = pd.Series(np.arange(len(whole)), index=pd.Index(whole["run_id"].astype(object)))
    shards = pd.Series(
        position.reindex(parent[is_shard].astype(object)).to_numpy(),
        index=pd.Index(ordered.loc[is_shard, "run_id"].astype(object)),
    )
    return whole, pd.concat([position, shards.dropna().astype("int64")])


def group_runs(runs: pd.DataFrame, names: Sequence[str]) -> Ints:
    """Number the runs by their values in the columns that exist; nulls form a group of their own."""
    present = [name for name in names if name in runs]
    if not present or runs.empty:
        return np.zeros(len(runs), dtype=np.int64)
    return runs.groupby(present, dropna=False, sort=False, observed=True).ngroup().to_numpy().astype(np.int64)


def _codes(values: pd.Series[Any]) -> tuple[Ints, pd.Index[Any]]:
    if not isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(object).astype("category")
    return values.cat.codes.to_numpy().astype(np.int64), values.cat.categories


def _outcome_codes(values: pd.Series[Any]) -> npt.NDArray[np.int8]:
    codes, categories = _codes(values)
    unknown = [str(c) for c in categories[np.unique(codes[codes >= 0])] if c not in OUTCOMES]
    if unknown:
        raise Invalid(f"Unknown outcomes {unknown}; a result is one of {', '.join(OUTCOMES)}.", unknown=unknown)
    known = np.array([OUTCOMES.index(c) if c in OUTCOMES else -1 for c in categories] + [-1], dtype=np.int8)
    return np.asarray(known[codes])


def attempts(runs: pd.DataFrame, results: pd.DataFrame) -> Attempts:
    """Join results to their runs. Results of runs that are not in `runs` are left out: choose runs to choose results.

    Raises `Invalid` for a missing column or an unknown outcome.
    """
    results = require(results, "results", "run_id", "nodeid", "outcome")
    whole, position = whole_runs(runs)
    run_code, run_ids = _codes(results["run_id"])
    lookup = position.reindex(run_ids.astype(object)).fillna(-1).to_numpy(dtype=np.int64)
    run = np.append(lookup, -1)[run_code]
    nodeid, nodeids = _codes(results["nodeid"])
    outcome = _outcome_codes(results["outcome"])
    row = np.flatnonzero((run >= 0) & (nodeid >= 0) & (outcome >= 0))
    run, nodeid = run[row], nodeid[row]
    project = group_runs(whole, ["project"])
    key = project[run] * max(len(nodeids), 1) + nodeid
    test, used = pd.factorize(key, sort=True)
    names = pd.DataFrame({"nodeid": np.asarray(nodeids, dtype=object)[used % max(len(nodeids), 1)]})
    names["nodeid"] = names["nodeid"].astype(TEXT)
    if project.size and project.max() > 0:
        first = pd.Series(whole["project"].to_numpy()).groupby(project).first()
        names.insert(0, "project", first.to_numpy()[used // max(len(nodeids), 1)])
    return Attempts(whole, names, results, row, test.astype(np.int64), run, outcome[row])


def executions(runs: pd.DataFrame, results: pd.DataFrame) -> Executions:
    """Join results to their runs and keep every test once a run."""
    a = attempts(runs, results)
    number = np.ones(len(a.row), dtype=np.int64)
    if "attempt" in a.results:
        number = a.results["attempt"].to_numpy(dtype="float64", na_value=1)[a.row].astype(np.int64)
    pair = a.test * max(len(a.runs), 1) + a.run
    order = np.argsort((pair * (number.max(initial=1) + 1) + number) * len(OUTCOMES) + SEVERITIES[a.outcome])
    pair, number, outcome = pair[order], number[order], a.outcome[order]
    last = np.append(pair[1:] != pair[:-1], True) if len(pair) else np.zeros(0, dtype=bool)
    group = np.cumsum(last) - last
    earlier = ~last & ((outcome == _RERUN) | ((number < number[last][group]) & (_VERDICT[outcome] == FAIL)))
    retried = np.bincount(group[earlier], minlength=int(last.sum())) > 0
    kept = order[last]
    return Executions(a.runs, a.tests, a.results, a.row[kept], a.test[kept], a.run[kept], a.outcome[kept], retried)
