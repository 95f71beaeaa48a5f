"""What the analyses count, in SQL over the execution table; what follows from it is the same as over frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import numpy as np
import pandas as pd

from att.errors import Invalid
from att.testing.analysis.breakage import Breaks, break_table
from att.testing.analysis.durations import slowest_table
from att.testing.analysis.executions import group_runs
from att.testing.analysis.flakiness import Evidence, are_outages, scored
from att.testing.analysis.frames import OUTCOMES
from att.testing.analysis.regression import Slowdown, grown, slowdown, slowdown_table
from att.testing.duck.database import Arrays
from att.testing.duck.executions import ExecutionTable

__all__ = ["first_failed", "flaky", "past", "regressions", "slowest"]

_SKIPPED = OUTCOMES.index("skipped")


def _known(phase: str) -> str:
    return f"CASE WHEN a.{phase}_seconds IS NULL OR isnan(a.{phase}_seconds) THEN 0 ELSE a.{phase}_seconds END"


_EVIDENCE = """
    WITH known AS (
        SELECT v.test, v.run, v.passed, v.retried, f.lane, f.version, f.clean
        FROM verdicts v JOIN run_facts f ON f.run = v.run
        WHERE v.test BETWEEN ? AND ? AND v.run NOT IN (SELECT run FROM outage_runs)
    ), beside AS (
        SELECT *, lag(passed) OVER along AS before, lead(passed) OVER along AS after,
               clean AND count(*) FILTER (passed AND clean) OVER (PARTITION BY test, version) - passed::INT > 0
                   AS sibling
        FROM known WINDOW along AS (PARTITION BY test, lane ORDER BY run)
    ), judged AS (
        SELECT *, coalesce(before AND after, false) AS between_passes, passed AND retried AS rerun,
               before IS NOT NULL AND before <> passed AS flip
        FROM beside
    )
    SELECT test, count(*) AS runs,
           count(*) FILTER (NOT passed) AS fails,
           count(*) FILTER (flip) AS flips,
           count(before) AS pairs,
           count(*) FILTER (NOT passed AND sibling) AS same_commit_mixed,
           count(*) FILTER (NOT passed AND NOT sibling AND between_passes) AS isolated_fails,
           count(*) FILTER (rerun) AS rerun_passes,
           count(*) FILTER (sibling OR rerun OR between_passes) AS opportunities,
           coalesce(max(run) FILTER (flip), -1) AS last_flip,
           NOT arg_max(passed, run) AS ends_failing
    FROM judged GROUP BY test
"""

_BREAKS = """
    WITH known AS (
        SELECT v.test, v.run, v.passed, f.branch
        FROM verdicts v JOIN run_facts f ON f.run = v.run
        WHERE v.test BETWEEN ? AND ? AND v.run NOT IN (SELECT run FROM outage_runs)
    ), beside AS (
        SELECT *, coalesce(lag(passed) OVER along, true) AS fine_before, coalesce(lag(run) OVER along, -1) AS run_before
        FROM known WINDOW along AS (PARTITION BY test, branch ORDER BY run)
    )
    SELECT test, max(run) FILTER (NOT passed AND fine_before) AS bad_run,
           arg_max(run_before, run) FILTER (NOT passed AND fine_before) AS good_run,
           NOT arg_max(passed, run) AS failing
    FROM beside GROUP BY test, branch HAVING bad_run IS NOT NULL ORDER BY test, branch
"""

_DURATIONS = f"""
    SELECT test, count(*) AS n, quantile_cont(seconds, [0.5, ?]) AS quantiles, sum(seconds) AS total
    FROM executions WHERE test BETWEEN ? AND ? AND code <> {_SKIPPED} AND seconds IS NOT NULL AND NOT isnan(seconds)
    GROUP BY test ORDER BY test
"""

_PASSED_IN = "passed AND seconds IS NOT NULL AND NOT isnan(seconds) AND run >= ? AND test BETWEEN ? AND ?"

_MEDIANS = f"""
    SELECT test, median(seconds) FILTER (run < ?) AS old, median(seconds) FILTER (run >= ?) AS new
    FROM verdicts WHERE {_PASSED_IN} GROUP BY test ORDER BY test
"""

_SERIES = f"""
    SELECT test, run, seconds FROM verdicts
    WHERE {_PASSED_IN} AND test IN (SELECT test FROM grown_tests) ORDER BY test, run
"""


_PAST = f"""
    SELECT n.test,
           median(a.duration_seconds) FILTER (o.code <> {_SKIPPED} AND NOT isnan(a.duration_seconds)) AS seconds,
           median({_known("setup")} + {_known("teardown")}) AS overhead, bool_or(r.run = ?) AS newest
    FROM results a
    JOIN run_numbers r ON r.run_id = a.run_id
    JOIN outcomes o ON o.outcome = a.outcome
    JOIN names n ON n.nodeid = a.nodeid AND n.project = r.project
    WHERE n.test BETWEEN ? AND ? GROUP BY n.test
"""


def _leave_out_outages(table: ExecutionTable, outage_share: float) -> None:
    out = np.flatnonzero(are_outages(table.runs, *table.failing, outage_share))
    table.database.keep("outage_runs", {"run": out})


def flaky(table: ExecutionTable, min_runs: int, outage_share: float) -> pd.DataFrame:
    """Answer `att.testing.analysis.flaky`."""
    _leave_out_outages(table, outage_share)
    size = len(table.names)
    columns: dict[str, Any] = {f.name: np.zeros(size, dtype=np.int64) for f in fields(Evidence)}
    columns |= {"last_flip": np.full(size, -1), "ends_failing": np.zeros(size, dtype=bool)}
    for first, last in table.test_parts():
        counted = table.database.arrays(_EVIDENCE, first, last)
        for name, column in columns.items():
            column[counted["test"]] = counted[name]
    return scored(table.names, table.runs, Evidence(**columns), min_runs)


def first_failed(table: ExecutionTable, nodeid: str | None) -> pd.DataFrame:
    """Answer `att.testing.analysis.first_failed`; the nodeid is known."""
    _leave_out_outages(table, 0.25)
    branch = group_runs(table.runs, ["project", "branch"])
    if nodeid is None:
        parts = list(table.test_parts())
    else:
        parts = [(int(test), int(test)) for test in np.flatnonzero((table.names["nodeid"] == nodeid).to_numpy())]
    found = _joined([table.database.arrays(_BREAKS, *part) for part in parts], "test bad_run good_run failing")
    numbers = {name: found[name].astype(np.int64) for name in ("test", "bad_run", "good_run")}
    breaks = Breaks(**numbers, failing=found["failing"].astype(bool))
    return break_table(table.names, table.runs, branch, breaks, lasting=nodeid is None)


def slowest(table: ExecutionTable, q: float) -> pd.DataFrame:
    """Answer `att.testing.analysis.slowest`."""
    answers = [table.database.arrays(_DURATIONS, q, *part) for part in table.test_parts()]
    found = _joined(answers, "test n quantiles total")
    p50, high = np.array(found["quantiles"].tolist(), dtype=float).reshape(-1, 2).T
    names = table.names.iloc[found["test"].astype(np.int64)]
    return slowest_table(names, found["n"].astype(np.int64), p50, high, found["total"].astype(float), q)


def regressions(
    table: ExecutionTable, begin: int, split: int, min_ratio: float, min_delta_seconds: float, max_p: float
) -> pd.DataFrame:
    """Answer `att.testing.analysis.regressions` for a baseline from run `begin` on and recent runs from `split` on."""
    found: list[Slowdown] = []
    for part in table.test_parts():
        medians = table.database.arrays(_MEDIANS, split, split, begin, *part)
        old, new = (medians[name].astype(float) for name in ("old", "new"))
        candidates = medians["test"][grown(old, new, min_ratio, min_delta_seconds)]
        table.database.keep("grown_tests", {"test": candidates})
        series = table.database.arrays(_SERIES, begin, *part)
        found += _slowdowns(series, split)
    return slowdown_table(table.names, table.runs, found, max_p)


def past(table: ExecutionTable) -> pd.DataFrame:
    """Return what `att.testing.analysis.balanced` is told about the tests."""
    if "project" in table.names:
        raise Invalid("Only the suite of one project can be divided; choose its runs first.")
    size = len(table.names)
    columns: dict[str, Any] = {"seconds": np.full(size, np.nan), "overhead": np.full(size, np.nan)}
    columns["newest"] = np.zeros(size, dtype=bool)
    for part in table.test_parts():
        answer = table.database.arrays(_PAST, len(table.runs) - 1, *part)
        for name, column in columns.items():
            column[answer["test"]] = answer[name]
    return pd.DataFrame(columns, index=pd.Index(table.names["nodeid"].astype(object)))


def _slowdowns(series: Arrays, split: int) -> Iterator[Slowdown]:
    test = series["test"]
    first = 0
    for end in np.append(np.flatnonzero(test[1:] != test[:-1]) + 1, len(test))[: len(test)]:
        yield slowdown(int(test[first]), series["run"][first:end], series["seconds"][first:end], split)
        first = end


def _joined(answers: list[Arrays], names: str) -> Arrays:
    empty = np.zeros(0)
    return {name: np.concatenate([answer[name] for answer in answers]) if answers else empty for name in names.split()}
