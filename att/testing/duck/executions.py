"""Results joined to their runs as a table of numbers, made part by part: what every analysis in SQL stands on."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from att.testing.analysis.executions import SEVERITIES, group_runs, whole_runs
from att.testing.analysis.flakiness import ENVIRONMENT
from att.testing.analysis.frames import FAILING, OUTCOMES, TEXT
from att.testing.duck.database import Arrays, Database

__all__ = ["ExecutionTable"]

Ints = npt.NDArray[np.int64]

_PART = 3_000_000
"""Rows that are worked on at once; about 300 MB in DuckDB."""

_VERDICTS = tuple(OUTCOMES.index(outcome) for outcome in ("passed", *FAILING))

_ATTEMPTS = """
    SELECT n.test, r.run, o.code, o.severity, o.failing, coalesce(a.attempt, 1) AS attempt,
           a.duration_seconds AS seconds
    FROM results a
    JOIN run_numbers r ON r.run_id = a.run_id
    JOIN outcomes o ON o.outcome = a.outcome
    JOIN names n ON n.nodeid = a.nodeid AND n.project = r.project
    WHERE r.run BETWEEN ? AND ?
"""

# The last attempt counts; of several rows of one attempt, the gravest outcome.
_NUMBERED = f"""
    INSERT INTO executions
    SELECT test, run, code, row_number() OVER inside = count(*) OVER whole AS last,
           (count(*) FILTER (code = {OUTCOMES.index("rerun")}) OVER whole - (code = {OUTCOMES.index("rerun")})::INT > 0)
           OR coalesce(min(attempt) FILTER (failing) OVER whole < attempt, false) AS retried,
           seconds
    FROM ({_ATTEMPTS})
    WINDOW whole AS (PARTITION BY test, run),
           inside AS (PARTITION BY test, run ORDER BY attempt, severity)
"""


class ExecutionTable:
    """Tables `executions`, `names` and `run_facts` in a database, and the frames that belong to their numbers.

    `executions` has a row an attempt: `test`, `run`, `code` (position in `OUTCOMES`), `last` (it is the execution that
    counts), `retried`, `seconds`. It takes about 12 bytes an attempt on disk.
    """

    def __init__(self, database: Database, runs: pd.DataFrame) -> None:
        self.database = database
        self.runs, position = whole_runs(runs)
        self._number_runs(position)
        self._number_tests()
        self._join()

    def _number_runs(self, position: pd.Series[int]) -> None:
        import pyarrow as pa

        project = group_runs(self.runs, ["project"])
        run = position.to_numpy(dtype=np.int64)
        run_ids = pa.array(position.index.astype(object), pa.string())
        self.database.keep("run_numbers", pa.table({"run_id": run_ids, "run": run, "project": project[run]}))
        clean = np.zeros(len(self.runs), dtype=bool)
        if "commit" in self.runs:
            clean = self.runs["commit"].notna().to_numpy(dtype=bool)
        if "dirty" in self.runs:
            clean = clean & ~self.runs["dirty"].astype("boolean").fillna(False).to_numpy(dtype=bool)
        self.database.keep(
            "run_facts",
            {
                "run": np.arange(len(self.runs)),
                "branch": group_runs(self.runs, ["project", "branch"]),
                "lane": group_runs(self.runs, ["project", "branch", *ENVIRONMENT]),
                "version": group_runs(self.runs, ["project", "commit", *ENVIRONMENT]),
                "clean": clean,
            },
        )
        failing = np.array([outcome in FAILING for outcome in OUTCOMES])
        codes = pa.table(
            {"outcome": OUTCOMES, "code": range(len(OUTCOMES)), "severity": SEVERITIES, "failing": failing}
        )
        self.database.keep("outcomes", codes)

    def _number_tests(self) -> None:
        self.database.run("""
            CREATE OR REPLACE TABLE names AS
            SELECT row_number() OVER (ORDER BY project, nodeid) - 1 AS test, project, nodeid
            FROM (SELECT DISTINCT r.project, a.nodeid FROM results a JOIN run_numbers r ON r.run_id = a.run_id)
        """)

    def _join(self) -> None:
        self.database.run("""
            CREATE OR REPLACE TABLE executions (
                test INTEGER, run INTEGER, code UTINYINT, last BOOLEAN, retried BOOLEAN, seconds DOUBLE)
        """)
        self.database.run(f"""
            CREATE OR REPLACE VIEW verdicts AS
            SELECT test, run, code = {OUTCOMES.index("passed")} AS passed, retried, seconds
            FROM executions WHERE last AND code IN {_VERDICTS}
        """)
        for first, last in self.run_parts():
            self.database.run(_NUMBERED, first, last)

    def run_parts(self) -> Iterator[tuple[int, int]]:
        """Yield first and last position of runs that have about as many results together as are worked on at once."""
        sizes = self.database.arrays("""
            SELECT r.run AS place, count(*) AS size
            FROM results a JOIN run_numbers r ON r.run_id = a.run_id GROUP BY r.run
        """)
        return _parts(sizes, len(self.runs))

    def test_parts(self) -> Iterator[tuple[int, int]]:
        """Yield first and last position of tests that have about as many attempts as are worked on at once."""
        sizes = self.database.arrays("SELECT test AS place, count(*) AS size FROM executions GROUP BY test")
        return _parts(sizes, len(self.names))

    @cached_property
    def names(self) -> pd.DataFrame:
        """The tests by position: `nodeid`, preceded by `project` when the runs span several."""
        table = self.database.frame("SELECT project, nodeid FROM names ORDER BY test")
        names = pd.DataFrame({"nodeid": table["nodeid"].astype(TEXT)})
        project = group_runs(self.runs, ["project"])
        if project.size and project.max() > 0:
            first = pd.Series(self.runs["project"].to_numpy()).groupby(project).first()
            names.insert(0, "project", first.to_numpy()[table["project"]])
        return names

    @cached_property
    def failing(self) -> tuple[Ints, Ints]:
        """How many tests each run executed, and how many of them failed."""
        counts = self.database.arrays("""
            SELECT run, count(*) AS executed, count(*) FILTER (NOT passed) AS failed FROM verdicts GROUP BY run
        """)
        executed, failed = np.zeros((2, len(self.runs)), dtype=np.int64)
        executed[counts["run"]], failed[counts["run"]] = counts["executed"], counts["failed"]
        return executed, failed


def _parts(sizes: Arrays, size: int) -> Iterator[tuple[int, int]]:
    rows = np.zeros(size, dtype=np.int64)
    rows[sizes["place"]] = sizes["size"]
    part = (np.cumsum(rows) - rows) // _PART
    begins = np.flatnonzero(np.append(True, part[1:] != part[:-1])[:size])
    for first, after in zip(begins, np.append(begins[1:], size)[: len(begins)], strict=True):
        yield int(first), int(after) - 1
