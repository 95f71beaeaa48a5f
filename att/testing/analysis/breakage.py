"""When a test broke, what differs between two runs, and the life of one test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from att.errors import Invalid, NotFound
from att.testing.analysis.executions import FAIL, NONE, PASS, Executions, executions, group_runs, ordered_runs
from att.testing.analysis.flakiness import in_outage
from att.testing.analysis.frames import OUTCOMES, TEXT, coded
from att.testing.limits import check

__all__ = ["Breaks", "break_table", "compare", "find_run", "first_failed", "run_and_shards", "timeline"]

Ints = npt.NDArray[np.int64]

_CHANGES = ("broken", "fixed", "new", "removed", "slower")


def find_run(runs: pd.DataFrame, name: str) -> str:
    """Return the run_id that a run id, the beginning of a commit (7 characters or more) or a branch stands for.

    A commit and a branch stand for their newest run. Raises `NotFound` with the closest names, and `Invalid` for what
    is no name.
    """
    if not isinstance(name, str):
        raise Invalid(f"A run is named by its id, a commit or a branch, not {name!r}.")
    ordered = ordered_runs(runs)
    for matches in (
        ordered["run_id"] == name,
        _text(ordered, "commit").str.startswith(name) if len(name) >= 7 else None,
        _text(ordered, "branch") == name,
    ):
        if matches is not None and matches.any():
            return str(ordered["run_id"][matches].iloc[-1])
    known = {*ordered["run_id"].astype(str), *_text(ordered, "branch")} - {""}
    raise NotFound.named("run, commit or branch", name, known)


def _text(runs: pd.DataFrame, name: str) -> pd.Series[Any]:
    if name not in runs:
        return pd.Series("", index=runs.index, dtype=object)
    return runs[name].astype(object).where(runs[name].notna(), "").astype(str)


def _known(e: Executions, nodeid: str) -> npt.NDArray[np.int64]:
    if not isinstance(nodeid, str):
        raise Invalid(f"A test is named by its nodeid, not {nodeid!r}.")
    tests = np.flatnonzero((e.tests["nodeid"] == nodeid).to_numpy())
    if not len(tests):
        raise NotFound.named("test", nodeid, e.tests["nodeid"])
    return tests


def first_failed(runs: pd.DataFrame, results: pd.DataFrame, nodeid: str | None = None) -> pd.DataFrame:
    """Say between which commits tests broke: the newest change from passing to failing, on each branch.

    With a `nodeid` the row is there when the test ever failed, also when it passes again; without one there is a row
    for every test that fails now. Outage runs (see `outages`) say nothing about a test.

    Returns, the branch with the most runs first, and the newest break first::

        nodeid              test; preceded by `project` when the runs span several
        last_good_commit    commit of the last pass before; null when it never passed on this branch, or not known
        first_bad_commit    commit of the first failure after it
        runs_between        runs of the branch between the two that say nothing about the test
        exact               the two commits are known, clean and different, and no run lies between: if they are
                            neighbours in git, the second one broke the test. The same commit on both sides means
                            that the test is flaky or the environment broke
        branch              branch; null when not known
        last_good_at, first_bad_at      starts of the two runs
        last_good_run, first_bad_run    their run ids
        still_failing       the newest verdict is a failure

    Raises `NotFound` with close names for a nodeid that no run knows.
    """
    e = executions(runs, results)
    wanted = np.arange(len(e.tests)) if nodeid is None else _known(e, nodeid)
    lane = group_runs(e.runs, ["project", "branch"])
    e = e.take(e.verdict != NONE)
    e = e.take(~in_outage(e) & np.isin(e.test, wanted))
    size = max(len(e.runs), 1)
    e = e.take(np.argsort((e.test * size + lane[e.run]) * size + e.run))
    return break_table(e.tests, e.runs, lane, _breaks(e, lane), lasting=nodeid is None)


@dataclass(frozen=True)
class Breaks:
    """The last start of failing of each test on each branch, by test and branch; positions of tests and runs."""

    test: Ints
    bad_run: Ints
    good_run: Ints
    """Run of the pass before; -1 when there is none."""
    failing: npt.NDArray[np.bool_]
    """It lasts."""


def _breaks(e: Executions, lane: Ints) -> Breaks:
    """Find the breaks; `e` is sorted by test, branch and time."""
    group = e.test * max(len(e.runs), 1) + lane[e.run]
    begins = np.append(True, group[1:] != group[:-1])[: len(group)]
    verdict = e.verdict
    before = np.append(NONE, verdict[:-1])[: len(group)]
    starts = (verdict == FAIL) & (begins | (before == PASS))
    bad = pd.Series(np.flatnonzero(starts)).groupby(group[starts]).last()
    ends = pd.Series(verdict).groupby(group).last()
    positions = bad.to_numpy(dtype=np.int64)
    good = np.where(begins[positions], -1, positions - 1)
    lasting = (ends.reindex(bad.index) == FAIL).to_numpy(dtype=bool)
    return Breaks(e.test[positions], e.run[positions], np.append(e.run, -1)[good], lasting)  # -1 stays -1


def break_table(tests: pd.DataFrame, runs: pd.DataFrame, lane: Ints, found: Breaks, *, lasting: bool) -> pd.DataFrame:
    """Return what `first_failed` says, from the breaks, the runs in order and the branch of each by number.

    `lasting` leaves out the tests that pass again.
    """
    keep = found.failing if lasting else np.ones(len(found.test), dtype=bool)
    bad_run, good_run = found.bad_run[keep], found.good_run[keep]
    on_lane = pd.Series(lane).groupby(lane).cumcount().to_numpy(dtype=np.int64)
    between = on_lane[bad_run] - np.append(on_lane, -1)[good_run] - 1

    def at(name: str, run: npt.NDArray[Any]) -> pd.Series[Any]:
        column = runs[name] if name in runs else pd.Series(None, index=runs.index, dtype=TEXT)
        return column.reindex(run).reset_index(drop=True)

    good_commit, bad_commit = at("commit", good_run), at("commit", bad_run)
    dirty = at("dirty", good_run).eq(True).fillna(False) | at("dirty", bad_run).eq(True).fillna(False)
    differ = good_commit.notna() & bad_commit.notna() & (good_commit.astype(object) != bad_commit.astype(object))
    columns = pd.DataFrame(
        {
            "last_good_commit": good_commit,
            "first_bad_commit": bad_commit,
            "runs_between": between,
            "exact": (differ & ~dirty.astype(bool) & (between == 0)).to_numpy(dtype=bool),
            "branch": at("branch", bad_run),
            "last_good_at": at("started_at", good_run),
            "first_bad_at": at("started_at", bad_run),
            "last_good_run": at("run_id", good_run),
            "first_bad_run": at("run_id", bad_run),
            "still_failing": found.failing[keep],
        }
    )
    table = pd.concat([tests.iloc[found.test[keep]].reset_index(drop=True), columns], axis=1)
    busy = np.bincount(lane)[lane[bad_run]] if len(bad_run) else bad_run
    order = table.assign(_busy=busy).sort_values(["_busy", "first_bad_at", "nodeid"], ascending=[False, False, True])
    return order.drop(columns="_busy").reset_index(drop=True)


def compare(
    runs: pd.DataFrame,
    results: pd.DataFrame,
    a: str,
    b: str,
    *,
    min_ratio: float = 1.5,
    min_delta_seconds: float = 0.1,
    unchanged: bool = False,
) -> pd.DataFrame:
    """Say what differs in run `b` from run `a`; each is a run id, a commit or a branch (see `find_run`).

    Returns the tests with a change, broken ones first; with `unchanged` all tests of both runs::

        nodeid                  test
        outcome_a, outcome_b    last outcome in each run; null where the test was not run
        change                  broken (fails now and did not before), fixed (failed and passes now), new, removed,
                                slower (passes in both, by at least `min_ratio` and `min_delta_seconds`), or null
        ratio                   duration in b / duration in a; NaN when one is not known

    A renamed test is one removed and one new. Raises `NotFound` for a run that is not there, and `Invalid` for a
    least growth that cannot be.
    """
    check(min_ratio=min_ratio, min_delta_seconds=min_delta_seconds)
    sides = [executions(run_and_shards(runs, find_run(runs, name)), results) for name in (a, b)]
    left, right = (_side(e) for e in sides)
    table = left.merge(right, on="nodeid", how="outer", suffixes=("_a", "_b"))
    seconds_a, seconds_b = table.pop("seconds_a"), table.pop("seconds_b")
    table["outcome_a"], table["outcome_b"] = (_outcome(table[f"code_{s}"]) for s in "ab")
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = seconds_b.to_numpy() / seconds_a.to_numpy()
    slower = (ratio >= min_ratio) & ((seconds_b - seconds_a).to_numpy() >= min_delta_seconds)
    table["change"] = _changes(table["verdict_a"], table["verdict_b"], slower)
    table["ratio"] = np.where(np.isfinite(ratio), ratio, np.nan)
    table = table.sort_values(["change", "nodeid"], ignore_index=True)
    columns = ["nodeid", "outcome_a", "outcome_b", "change", "ratio"]
    return table.loc[table["change"].notna() | unchanged, columns].reset_index(drop=True)


def run_and_shards(runs: pd.DataFrame, run_id: str) -> pd.DataFrame:
    """Return the rows of a run and of its shards."""
    chosen = runs["run_id"] == run_id
    if "parent" in runs:
        chosen |= (runs["parent"] == run_id).fillna(False).astype(bool)
    return runs[chosen]


def _side(e: Executions) -> pd.DataFrame:
    return e.named(
        {"code": e.outcome.astype(float), "verdict": e.verdict.astype(float), "seconds": e.seconds()}, e.test
    )


def _outcome(codes: pd.Series[Any]) -> Any:
    return coded(codes.fillna(-1).to_numpy(dtype=np.int64), OUTCOMES)


def _changes(before: pd.Series[Any], after: pd.Series[Any], slower: npt.NDArray[np.bool_]) -> Any:
    conditions = [
        before.isna(),
        after.isna(),
        (after == FAIL) & (before != FAIL),
        (before == FAIL) & (after == PASS),
        (before == PASS) & (after == PASS) & slower,
    ]
    codes = [_CHANGES.index(change) for change in ("new", "removed", "broken", "fixed", "slower")]
    return coded(np.select(conditions, codes, -1), _CHANGES)


def timeline(runs: pd.DataFrame, results: pd.DataFrame, nodeid: str) -> pd.DataFrame:
    """Tell the life of one test, one row a run in time order.

    Returns `started_at run_id branch commit outcome retried duration_seconds`; `retried` says that an earlier attempt
    in the run did not pass. A project precedes the columns when the runs span several.
    Raises `NotFound` with close names for a nodeid that no run knows.
    """
    e = executions(runs, results)
    e = e.take(np.isin(e.test, _known(e, nodeid)))
    e = e.take(np.argsort(e.run))
    known = {name: e.runs[name] for name in ("project", "started_at", "run_id", "branch", "commit") if name in e.runs}
    if "project" not in e.tests:
        known.pop("project", None)
    table = pd.DataFrame({name: column.iloc[e.run].reset_index(drop=True) for name, column in known.items()})
    outcome = coded(e.outcome, OUTCOMES)
    return table.assign(outcome=outcome, retried=e.retried, duration_seconds=e.seconds())
