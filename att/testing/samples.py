"""Generate a realistic test history, the same for the same seed: for notebooks, tests and measurements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from att.errors import Invalid
from att.testing.analysis.frames import OUTCOMES, coded, conform

__all__ = ["SampleHistory", "sample_history"]

Floats = npt.NDArray[np.float64]

_AREAS = ("cart", "checkout", "catalog", "payments", "search", "accounts", "invoices", "shipping", "api", "reports")
_SUBJECTS = ("Total", "Discount", "Session", "Import", "Export", "Retry", "Limits", "Rounding", "Schema", "Cache")
_CASES = ("empty", "single", "many", "unicode", "expired", "timezone", "concurrent", "rollback", "large", "invalid")
_CAUSES = {
    "flaky": ("TimeoutError", "worker did not answer within 5.0 s"),
    "race": ("AssertionError", "assert 3 == 4  (events arrived out of order)"),
    "broken": ("KeyError", "'currency'"),
    "outage": ("ConnectionRefusedError", "[Errno 111] Connection refused: database:5432"),
    "bug": ("AssertionError", "assert Decimal('9.99') == Decimal('10.00')"),
}
_PASSED, _FAILED, _ERROR, _SKIPPED, _XFAILED, _RERUN = (
    OUTCOMES.index(o) for o in ("passed", "failed", "error", "skipped", "xfailed", "rerun")
)


@dataclass(frozen=True)
class SampleHistory:
    """The three frames of a history, and the truth about its tests that the analysis should find."""

    runs: pd.DataFrame
    results: pd.DataFrame
    failures: pd.DataFrame
    truth: pd.DataFrame
    """`project nodeid kind rate`: kind is stable, flaky, slower, broken, bug, renamed, skipped or xfailed; `rate` is
    the probability that a flaky test fails in a good state."""


@dataclass(frozen=True)
class _Plan:
    """What is to happen to each test and in each run of one project."""

    kind: npt.NDArray[Any]
    rate: Floats
    base: Floats
    broken_from: int
    slower_from: int
    renamed_at: int
    outages: npt.NDArray[np.int64]


def sample_history(
    tests: int = 60,
    runs: int = 180,
    *,
    projects: tuple[str, ...] = ("shop",),
    seed: int = 7,
    flaky: float = 0.08,
    reruns: bool = True,
    start: str = "2026-01-05T06:00:00Z",
) -> SampleHistory:
    """Generate the history of one or more projects, `tests` tests and `runs` runs each.

    Every project has flaky tests of different rates (a share `flaky`), bugs that live for some commits, a test that
    broke and is still broken, tests that became slower, a renamed test, skipped and xfailed tests, feature branches,
    repeated runs of one commit, dirty work trees, and two runs in which the database was away.
    Raises `Invalid` below 20 tests or 1 run.
    """
    if tests < 20 or runs < 1 or not projects:
        raise Invalid("A sample history needs at least 20 tests, one run and one project.")
    parts = [
        _project(np.random.default_rng([seed, i]), name, tests, runs, flaky, reruns, pd.Timestamp(start))
        for i, name in enumerate(projects)
    ]
    frames = [pd.concat(frames, ignore_index=True) for frames in zip(*parts, strict=True)]
    return SampleHistory(
        conform(frames[0].sort_values("started_at", ignore_index=True), "runs"),
        conform(_categories(frames[1]), "results"),
        conform(frames[2], "failures"),
        frames[3],
    )


def _categories(results: pd.DataFrame) -> pd.DataFrame:
    return results.astype({"run_id": "category", "nodeid": "category", "worker": "category"})


def _project(
    rng: np.random.Generator, name: str, tests: int, runs: int, flaky: float, reruns: bool, start: pd.Timestamp
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    plan = _plan(rng, tests, runs, flaky)
    nodeids = _nodeids(tests)
    table = _runs(rng, name, runs, start)
    outcome, cause = _outcomes(rng, plan, table)
    retried = reruns & (cause == "flaky") & (rng.random(outcome.shape) < 0.35)
    results = _results(rng, plan, table, nodeids, outcome, retried)
    failures = _failures(table, nodeids, plan, outcome, cause)
    truth = pd.DataFrame({"project": name, "nodeid": nodeids, "kind": plan.kind, "rate": plan.rate})
    return _counted(table, results), results, failures, truth


def _plan(rng: np.random.Generator, tests: int, runs: int, flaky: float) -> _Plan:
    kind = np.full(tests, "stable", dtype=object)
    special = rng.permutation(tests)
    sizes = {
        "flaky": max(2, round(flaky * tests)),
        "slower": max(1, tests // 40),
        "broken": max(1, tests // 300),
        "bug": max(2, tests // 15),
        "renamed": 1,
        "skipped": max(1, tests // 40),
        "xfailed": max(1, tests // 60),
    }
    ends = np.cumsum(list(sizes.values()))
    for (name, size), end in zip(sizes.items(), ends, strict=True):
        kind[special[end - size : end]] = name
    is_flaky = kind == "flaky"
    rate = np.where(is_flaky, np.exp(np.log(0.02) + rng.random(tests) * (np.log(0.35) - np.log(0.02))), 0.0)
    base = np.exp(rng.standard_normal(tests) * 1.3 - 2.6)
    outages = np.unique((runs * np.array([0.31, 0.72])).astype(np.int64)) if runs >= 20 else np.zeros(0, dtype=np.int64)
    base[kind == "slower"] = np.maximum(base[kind == "slower"], 0.35)
    return _Plan(kind, rate, base, int(runs * 0.93), int(runs * 0.64), int(runs * 0.55), outages)


def _nodeids(tests: int) -> npt.NDArray[Any]:
    ids = []
    for i in range(tests):
        area, subject = _AREAS[i % 10], _SUBJECTS[i // 10 % 10]
        case, block = _CASES[(i // 100 + i) % 10], i // 100
        folder = ("unit", "unit", "integration", "e2e")[i % 4]
        part = f"_{block}" if block else ""
        name = f"tests/{folder}/test_{area}{part}.py::Test{subject}::test_{subject.lower()}_{case}"
        ids.append(f"{name}[{('eur', 'usd', 'gbp')[i % 3]}-{i % 7}]" if i % 5 == 0 else name)
    return np.array(ids, dtype=object)


def _runs(rng: np.random.Generator, name: str, runs: int, start: pd.Timestamp) -> pd.DataFrame:
    hours = np.cumsum(0.5 + rng.random(runs) * 23)
    new_commit = rng.random(runs) < 0.7
    new_commit[:1] = True
    commit = np.cumsum(new_commit)
    feature = (commit % 9 == 4) | (commit % 9 == 5)
    ci = rng.random(runs) < 0.8
    return pd.DataFrame(
        {
            "run_id": [f"{name}-{i:05d}" for i in range(runs)],
            "project": name,
            "started_at": start + pd.to_timedelta((hours * 3600).round(), unit="s"),
            "returncode": 0,
            "complete": True,
            "suite": "all",
            "branch": np.where(feature, [f"feature/{c // 9}" for c in commit], "main"),
            "commit": [f"{(int(c) + 1) * 2654435761 % 2**32:08x}{int(c):032x}" for c in commit],
            "dirty": ~ci & (rng.random(runs) < 0.2),
            "source": np.where(ci, "ci", "runner"),
            "python": "3.12.7",
            "pytest": "9.0.1",
            "os": "linux",
            "host": np.where(ci, "ci-runner", "laptop"),
            "ci_url": [f"https://ci.example/{name}/{i}" if is_ci else None for i, is_ci in enumerate(ci)],
            "coverage": np.round(81 + np.cumsum(rng.standard_normal(runs)) * 0.1, 1).clip(0, 100),
        }
    )


def _outcomes(
    rng: np.random.Generator, plan: _Plan, table: pd.DataFrame
) -> tuple[npt.NDArray[np.int8], npt.NDArray[Any]]:
    """Return outcome and cause of every test (rows) in every run (columns); an empty cause where nothing failed."""
    shape = (len(plan.kind), len(table))
    number = np.arange(shape[1])
    cause = np.full(shape, "", dtype="U6")
    commit = pd.factorize(table["commit"])[0]
    for test in np.flatnonzero(plan.kind == "bug"):  # lives for one to six commits, sometimes on a branch only
        first, length = rng.integers(0, commit.max() + 1), rng.integers(1, 7)
        cause[test, (commit >= first) & (commit < first + length)] = "bug"
    cause[np.ix_(plan.kind == "broken", number >= plan.broken_from)] = "broken"
    cause[(rng.random(shape) < plan.rate[:, None]) & (cause == "")] = "flaky"
    cause[np.ix_(rng.random(shape[0]) < 0.62, plan.outages)] = "outage"
    outcome = np.full(shape, _PASSED, dtype=np.int8)
    outcome[cause != ""] = _FAILED
    outcome[cause == "outage"] = _ERROR
    for kind, code in (("skipped", _SKIPPED), ("xfailed", _XFAILED)):
        outcome[plan.kind == kind] = code
        cause[plan.kind == kind] = ""
    return outcome, cause


def _results(
    rng: np.random.Generator,
    plan: _Plan,
    table: pd.DataFrame,
    nodeids: npt.NDArray[Any],
    outcome: npt.NDArray[np.int8],
    retried: npt.NDArray[np.bool_],
) -> pd.DataFrame:
    test, run, code, second = _attempts(outcome, retried)
    slower = (plan.kind[test] == "slower") & (run >= plan.slower_from)
    call = plan.base[test] * np.exp(rng.standard_normal(len(test)) * 0.12) * np.where(slower, 1.9, 1.0)
    call = np.where(code == _SKIPPED, np.nan, call)
    setup = plan.base[test] * 0.1 * (0.8 + 0.4 * rng.random(len(test)))
    teardown = setup * 0.4
    total = np.nan_to_num(call) + setup + teardown
    begun = pd.Series(total).groupby(run).cumsum().to_numpy() - total
    return pd.DataFrame(
        {
            "run_id": coded(run, list(table["run_id"])),
            "nodeid": _names(plan, nodeids, test, run),
            "attempt": second.astype(np.int64) + 1,
            "outcome": coded(code, OUTCOMES),
            "setup_seconds": setup,
            "call_seconds": call,
            "teardown_seconds": teardown,
            "duration_seconds": total,
            "started_at": table["started_at"].array[run] + pd.to_timedelta((begun * 1e6).astype(np.int64), unit="us"),
            "worker": "main",
            "resolved": True,
        }
    )


def _attempts(
    outcome: npt.NDArray[np.int8], retried: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Return test, run and outcome of every attempt, run by run, and whether it is a second one."""
    tests, runs = outcome.shape
    final = outcome.T.ravel().copy()
    again = retried.T.ravel()
    final[again] = _PASSED
    rows = np.sort(np.concatenate([np.arange(len(final)), np.flatnonzero(again)]))  # a retried test has two rows
    second = np.append(False, rows[1:] == rows[:-1])
    code = np.where(again[rows] & ~second, _RERUN, final[rows])
    return np.tile(np.arange(tests), runs)[rows], np.repeat(np.arange(runs), tests)[rows], code, second


def _names(plan: _Plan, nodeids: npt.NDArray[Any], test: npt.NDArray[Any], run: npt.NDArray[Any]) -> Any:
    """Return the nodeid of each attempt; a test that is renamed has another one before."""
    changed = np.flatnonzero(plan.kind == "renamed")
    renamed = (plan.kind[test] == "renamed") & (run < plan.renamed_at)
    codes = np.where(renamed, len(nodeids) + np.searchsorted(changed, test), test)
    return coded(codes, [*nodeids, *(f"{nodeid}_old" for nodeid in nodeids[changed])])


def _failures(
    table: pd.DataFrame,
    nodeids: npt.NDArray[Any],
    plan: _Plan,
    outcome: npt.NDArray[np.int8],
    cause: npt.NDArray[Any],
) -> pd.DataFrame:
    run, test = np.nonzero(((outcome == _FAILED) | (outcome == _ERROR)).T)
    why = cause[test, run].astype(object)
    why[(why == "flaky") & (test % 3 == 0)] = "race"
    fixture = why == "outage"
    texts = [_CAUSES[w] for w in why]
    renamed = (plan.kind[test] == "renamed") & (run < plan.renamed_at)
    names = nodeids[test]
    names[renamed] = np.array([f"{n}_old" for n in names[renamed]], dtype=object)
    return pd.DataFrame(
        {
            "run_id": table["run_id"].to_numpy(dtype=object)[run],
            "nodeid": _names(plan, nodeids, test, run),
            "attempt": 1,
            "phase": np.where(fixture, "setup", "call"),
            "exception": [exception for exception, _ in texts],
            "message": [message for _, message in texts],
            "fingerprint": [f"{w}:{test if w in ('bug', 'broken') else ''}" for w, test in zip(why, test, strict=True)],
            "longrepr": [f"E   {exception}: {message}" for exception, message in texts],
        }
    )


def _counted(table: pd.DataFrame, results: pd.DataFrame) -> pd.DataFrame:
    """Give the runs their counts, duration and status from their results."""
    counts = pd.crosstab(results["run_id"], results["outcome"], dropna=False).reindex(table["run_id"], fill_value=0)
    names = {"error": "errors"} | {o: o for o in OUTCOMES if o != "error"}
    for outcome, column in names.items():
        table[column] = counts[outcome].to_numpy() if outcome in counts else 0
    table["tests_collected"] = counts.drop(columns="rerun", errors="ignore").sum(axis=1).to_numpy()
    table["duration_seconds"] = results.groupby("run_id", observed=False)["duration_seconds"].sum().to_numpy() + 1.5
    red = table["failed"] + table["errors"] > 0
    return table.assign(status=np.where(red, "failed", "passed"), returncode=red.astype(int))
