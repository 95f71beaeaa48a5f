"""Which tests are flaky, how sure that is, and which runs were outages and prove nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from att.testing.analysis.executions import FAIL, NONE, PASS, Executions, executions, group_runs
from att.testing.analysis.frames import coded
from att.testing.analysis.statistics import wilson
from att.testing.limits import check

__all__ = [
    "ENVIRONMENT",
    "VERDICTS",
    "Evidence",
    "are_outages",
    "flaky",
    "in_outage",
    "outage_table",
    "outages",
    "scored",
]

VERDICTS = ("flaky", "suspect", "failing", "stable", "insufficient")
"""What `flaky` says about a test, gravest first."""

ENVIRONMENT = ("python", "os")
"""Columns of runs whose tests are compared only with each other."""

_MIN_OUTAGE_FAILURES = 5

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Evidence:
    """What the executions outside outages say of each test; the arrays have one element a test."""

    runs: Ints
    fails: Ints
    flips: Ints
    pairs: Ints
    """Neighbouring executions on a branch."""
    same_commit_mixed: Ints
    isolated_fails: Ints
    rerun_passes: Ints
    opportunities: Ints
    last_flip: Ints
    """Position of the run in which the outcome last changed; -1 when it never did."""
    ends_failing: Bools


def outages(runs: pd.DataFrame, results: pd.DataFrame, outage_share: float = 0.25) -> pd.DataFrame:
    """Find the runs in which a large share of all tests failed together: the fault lay outside the single test.

    Such a run has at least five failing tests, and they are more than `outage_share` of its tests and more than three
    times the project's median share, so that a suite that is always half red has no outage every day. Where so many
    cannot be, they are more than 95 %, and nearer to all than to the median: a suite that is always red has none.

    Returns `run_id started_at executed failed share`, in time order. Raises `Invalid` for a share outside 0..1.
    """
    check(outage_share=outage_share)
    e = executions(runs, results)
    e = e.take(e.verdict != NONE)
    return outage_table(e.runs, *_failing(e), outage_share)


def outage_table(runs: pd.DataFrame, executed: Ints, failed: Ints, outage_share: float) -> pd.DataFrame:
    """Return the outages of runs in order, from how many tests each executed and how many of them failed."""
    out = np.flatnonzero(are_outages(runs, executed, failed, outage_share))
    return pd.DataFrame(
        {
            "run_id": runs["run_id"].iloc[out].array,
            "started_at": runs["started_at"].iloc[out].array,
            "executed": executed[out],
            "failed": failed[out],
            "share": (failed / np.maximum(executed, 1))[out],
        }
    )


def in_outage(e: Executions, outage_share: float = 0.25) -> Bools:
    """Tell which executions lie in an outage run; the executions given all have a verdict."""
    return np.asarray(are_outages(e.runs, *_failing(e), outage_share)[e.run])


def _failing(e: Executions) -> tuple[Ints, Ints]:
    executed = np.bincount(e.run, minlength=len(e.runs))
    return executed, np.bincount(e.run[e.verdict == FAIL], minlength=len(e.runs))


def are_outages(runs: pd.DataFrame, executed: Ints, failed: Ints, outage_share: float) -> Bools:
    """Tell which runs are outages, from how many tests each executed and how many of them failed."""
    share = pd.Series(failed / np.maximum(executed, 1)).where(executed > 0)
    usual = share.groupby(group_runs(runs, ["project"])).transform("median").fillna(0).to_numpy()
    threshold = np.maximum(outage_share, np.minimum(3 * usual, np.maximum(0.95, (1 + usual) / 2)))
    return np.asarray((failed >= _MIN_OUTAGE_FAILURES) & (share.fillna(0).to_numpy() > threshold))


def flaky(runs: pd.DataFrame, results: pd.DataFrame, min_runs: int = 10, *, outage_share: float = 0.25) -> pd.DataFrame:
    """Score every test by how often it fails although it would pass: flaky tests first.

    An execution is an *opportunity* when a pass under the same conditions is known: another run of the same clean
    commit passed, or the runs directly before and after on the branch passed, or a retry in the same run passed.
    `flaky_score` is the share of opportunities that failed nevertheless; every failure counts once:

    - `rerun_passes`: failed at first, and a retry in the same run passed;
    - `same_commit_mixed`: failed, and another run of the same commit passed;
    - `isolated_fails`: failed between two passing runs of the branch (and is none of the above).

    Conditions are the project, branch, Python and operating system, so a matrix build is not taken for flakiness and
    neither is a feature branch that is red while main is green. Dirty work trees are no "same commit". Outage runs
    (see `outages`) are left out. A broken test scores 0: all its neighbours fail.

    Returns one row a test, sorted by verdict (`insufficient` last), then by score::

        nodeid             test; preceded by `project` when the runs span several
        runs               executions that passed or failed, outages left out
        fails              of these, failed
        flip_rate          changes of outcome / pairs of neighbouring runs on a branch; NaN without pairs
        same_commit_mixed, isolated_fails, rerun_passes     the evidence, executions
        flaky_score        0..1; NaN without opportunity
        lo, hi             Wilson bounds of the score, 95 %
        last_flip_at       start of the run in which the outcome last changed; NaT
        verdict            flaky (two pieces of evidence, or one that rests on the same commit), suspect (one isolated
                           failure), failing (last outcome), stable, insufficient (fewer than `min_runs` runs)

    Sources: the opportunities make the score an estimate of the probability of failing in a good state, after
    "Probabilistic flakiness: How do you test your tests?" (Facebook Engineering, 2020-12-10); flip rate and the
    same-version view after "Modeling and Ranking Flaky Tests at Apple" (ICSE-SEIP 2020, doi:10.1145/3377813.3381370).
    Raises `Invalid` for `min_runs` below 1 and for a share outside 0..1.
    """
    check(min_runs=min_runs, outage_share=outage_share)
    e = executions(runs, results)
    names = e.tests
    e = e.take(e.verdict != NONE)
    e = _by_lane(e.take(~in_outage(e, outage_share)))
    return scored(names, e.runs, _evidence(e), min_runs)


def _evidence(e: Executions) -> Evidence:
    size = len(e.tests)
    passed, before, after = e.verdict == PASS, *_neighbours(e)
    sibling = _same_commit_passed(e)
    rerun = passed & e.retried
    between_passes = (before == PASS) & (after == PASS)
    flip = (before != NONE) & (before != e.verdict)

    def count(mask: Bools) -> Ints:
        return np.bincount(e.test[mask], minlength=size)

    return Evidence(
        runs=np.bincount(e.test, minlength=size),
        fails=count(~passed),
        flips=count(flip),
        pairs=count(before != NONE),
        same_commit_mixed=count(~passed & sibling),
        isolated_fails=count(~passed & ~sibling & between_passes),
        rerun_passes=count(rerun),
        opportunities=count(sibling | rerun | between_passes),
        last_flip=_last_run(e, flip, size),
        ends_failing=_ends_failing(e, size),
    )


def scored(names: pd.DataFrame, runs: pd.DataFrame, evidence: Evidence, min_runs: int) -> pd.DataFrame:
    """Return what `flaky` says of the tests, from the evidence on them and the runs in order."""
    fails = evidence.same_commit_mixed + evidence.isolated_fails + evidence.rerun_passes
    lo, hi = wilson(fails, evidence.opportunities)
    columns: dict[str, Any] = {
        "runs": evidence.runs,
        "fails": evidence.fails,
        "flip_rate": _share(evidence.flips, evidence.pairs),
        "same_commit_mixed": evidence.same_commit_mixed,
        "isolated_fails": evidence.isolated_fails,
        "rerun_passes": evidence.rerun_passes,
        "flaky_score": _share(fails, evidence.opportunities),
        "lo": lo,
        "hi": hi,
        "last_flip_at": runs["started_at"].reindex(evidence.last_flip).reset_index(drop=True),
        "verdict": coded(_verdicts(evidence, min_runs), VERDICTS),
    }
    table = pd.concat([names.reset_index(drop=True), pd.DataFrame(columns)], axis=1)
    order = table.assign(_score=table["flaky_score"].fillna(-1)).sort_values(
        ["verdict", "_score", "lo", "fails", "nodeid"], ascending=[True, False, False, False, True]
    )
    return order.drop(columns="_score").reset_index(drop=True)


def _share(part: Ints, whole: Ints) -> npt.NDArray[np.float64]:
    return np.where(whole > 0, part / np.maximum(whole, 1), np.nan)


def _by_lane(e: Executions) -> Executions:
    """Sort by test, then by the line of runs that are compared with each other, then by time."""
    lane = group_runs(e.runs, ["project", "branch", *ENVIRONMENT])[e.run]
    size = max(len(e.runs), 1)
    return e.take(np.argsort((e.test * size + lane) * size + e.run))


def _neighbours(e: Executions) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int8]]:
    """Return the verdict before and after each execution on its lane; NONE at the ends."""
    lane = group_runs(e.runs, ["project", "branch", *ENVIRONMENT])[e.run]
    verdict = e.verdict
    joined = (e.test[1:] == e.test[:-1]) & (lane[1:] == lane[:-1])
    before, after = np.full(len(verdict), NONE, dtype=np.int8), np.full(len(verdict), NONE, dtype=np.int8)
    before[1:][joined] = verdict[:-1][joined]
    after[:-1][joined] = verdict[1:][joined]
    return before, after


def _same_commit_passed(e: Executions) -> Bools:
    """Tell where another run of the same clean commit in the same environment passed."""
    if "commit" not in e.runs:
        return np.zeros(len(e.row), dtype=bool)
    clean = e.runs["commit"].notna()
    if "dirty" in e.runs:
        clean &= ~e.runs["dirty"].astype("boolean").fillna(False).astype(bool)
    commit = group_runs(e.runs, ["project", "commit", *ENVIRONMENT])
    group, _ = pd.factorize(e.test * max(len(e.runs), 1) + commit[e.run])
    passed = e.verdict == PASS
    known = clean.to_numpy()[e.run]
    others = np.bincount(group[passed & known], minlength=group.max(initial=-1) + 1)[group] - passed
    return np.asarray(known & (others > 0))


def _last_run(e: Executions, flip: Bools, size: int) -> Ints:
    last = np.full(size, -1, dtype=np.int64)
    np.maximum.at(last, e.test[flip], e.run[flip])
    return last


def _ends_failing(e: Executions, size: int) -> Bools:
    last = np.full(size, -1, dtype=np.int64)
    np.maximum.at(last, e.test, e.run)
    final = e.run == last[e.test]
    return np.bincount(e.test[final & (e.verdict == FAIL)], minlength=size) > 0


def _verdicts(evidence: Evidence, min_runs: int) -> Ints:
    proof = evidence.same_commit_mixed + evidence.rerun_passes
    isolated = evidence.isolated_fails
    return np.select(
        [evidence.runs < min_runs, (proof > 0) | (isolated > 1), isolated > 0, evidence.ends_failing],
        [VERDICTS.index(v) for v in ("insufficient", "flaky", "suspect", "failing")],
        VERDICTS.index("stable"),
    )
