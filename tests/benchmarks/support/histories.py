"""One test history in three stores: ATT's blocks, rows in SQLite, and a DuckDB file; each appends and loads."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from att.store import Store
from att.testing.analysis.frames import OUTCOMES
from att.testing.history.frames import assemble
from att.testing.history.records import ResultColumns, RunRecord, Selection
from att.testing.history.store import HistoryStore
from att.testing.models import TestEnvironment, TestOutcome, TestRequest, TestRun

__all__ = [
    "KINDS",
    "AttHistory",
    "DuckHistory",
    "History",
    "RowHistory",
    "RunSample",
    "opened",
    "outcomes_of",
    "samples",
]

END = datetime(2026, 6, 1, tzinfo=UTC)
PROJECT = "shop"
DAYS, RUNS = 360, 2_500
WORKERS = ("gw0", "gw1")
_SHARES = (0.95, 0.01, 0.002, 0.03, 0.006, 0.001, 0.001)
_PARTS = ("setup_seconds", "call_seconds", "teardown_seconds")


@dataclass(frozen=True)
class RunSample:
    """One run: its results as arrays, in the order in which the tests ended."""

    number: int
    started_at: datetime
    nodeids: Sequence[str]
    outcome: npt.NDArray[np.int64]
    worker: npt.NDArray[np.int64]
    seconds: dict[str, npt.NDArray[np.float64]]
    start_us: npt.NDArray[np.int64]

    @property
    def run_id(self) -> str:
        return f"{PROJECT}-{self.number:06}"

    def names(self, codes: npt.NDArray[np.int64], names: Sequence[str]) -> list[Any]:
        return list(np.array(names, dtype=object)[codes])

    @property
    def times(self) -> list[datetime]:
        """When each test began."""
        return [self.started_at + timedelta(microseconds=us) for us in self.start_us.tolist()]


def samples(tests: int, runs: int, *, first: int = 0, seed: int = 1) -> Iterator[RunSample]:
    """Generate runs, 2,500 in the 360 days before `END`; durations are log-normal, 5 % of the tests not green."""
    rng = np.random.default_rng(seed)
    base = np.exp(rng.standard_normal(tests) * 1.3 - 2.6)
    nodeids = [f"tests/unit/test_{n // 50}.py::TestOf{n // 10 % 5}::test_behaviour[{n}]" for n in range(tests)]
    for number in range(first, first + runs):
        setup = base * 0.1 * (0.8 + 0.4 * rng.random(tests))
        call = base * np.exp(rng.standard_normal(tests) * 0.12)
        parts = {name: np.round(s, 6) for name, s in zip(_PARTS, (setup, call, setup * 0.4), strict=True)}
        yield RunSample(
            number,
            END - timedelta(days=DAYS) * (1 - number / RUNS),
            nodeids,
            rng.choice(len(OUTCOMES), size=tests, p=_SHARES),
            rng.integers(0, len(WORKERS), tests),
            parts,
            (np.cumsum(sum(parts.values())) * 5e5).astype(np.int64),
        )


def outcomes_of(run: RunSample) -> list[TestOutcome]:
    """Return a run's results as the runner hands them over."""
    columns = zip(
        run.nodeids,
        run.names(run.outcome, OUTCOMES),
        run.names(run.worker, WORKERS),
        run.times,
        *(run.seconds[name].tolist() for name in _PARTS),
        strict=True,
    )
    return [
        TestOutcome(
            nodeid=nodeid,
            outcome=outcome,
            worker=worker,
            started_at=at,
            setup="passed",
            call="passed",
            teardown="passed",
            setup_seconds=setup,
            call_seconds=call,
            teardown_seconds=teardown,
        )
        for nodeid, outcome, worker, at, setup, call, teardown in columns
    ]


class History(Protocol):
    """A store of test results."""

    def fill(self, runs: Iterator[RunSample]) -> None:
        """Write many runs at once, as fast as the store can."""
        ...

    def load(self, days: int) -> pd.DataFrame:
        """Return the results of the last days with the columns of `att.testing.analysis`."""
        ...

    def append(self, run: RunSample, outcomes: Sequence[TestOutcome]) -> None:
        """Write one run in one transaction."""
        ...

    def close(self) -> None: ...


class AttHistory:
    """ATT: a block a run."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(folder / "att.db")
        self.history = HistoryStore(self.store)

    def fill(self, runs: Iterator[RunSample]) -> None:
        passed: list[Any] = []
        for run in runs:
            passed = passed or ["passed"] * len(run.nodeids)
            columns = ResultColumns(
                run.nodeids,
                run.names(run.outcome, OUTCOMES),
                started_at=run.times,
                worker=run.names(run.worker, WORKERS),
                setup=passed,
                call=passed,
                teardown=passed,
                **{name: run.seconds[name].tolist() for name in _PARTS},
            )
            self.history.keep(RunRecord(run_id=run.run_id, project=PROJECT, started_at=run.started_at), columns)

    def load(self, days: int) -> pd.DataFrame:
        chosen = Selection(project=PROJECT, since=END - timedelta(days=days), until=END)
        return assemble(lambda part: b"".join(self.history.stream(part, chosen))).results

    def append(self, run: RunSample, outcomes: Sequence[TestOutcome]) -> None:
        record = TestRun(
            project=PROJECT,
            run_id=run.run_id,
            state="succeeded",
            status="passed",
            started_at=run.started_at,
            request=TestRequest(),
            environment=TestEnvironment(),
        )
        self.history.append(record, outcomes, [])

    def close(self) -> None:
        self.store.close()


class RowHistory:
    """A row a result in SQLite, tests and runs in tables of their own, found by run and by test."""

    INDEXES: Sequence[str] = ("run", "test, run")
    NAME = "rows.db"

    def __init__(self, folder: Path) -> None:
        self.connection = sqlite3.connect(folder / self.NAME, isolation_level=None)
        self.connection.executescript(
            """PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;
            CREATE TABLE IF NOT EXISTS runs (run INTEGER PRIMARY KEY, run_id TEXT UNIQUE, started_us INTEGER);
            CREATE TABLE IF NOT EXISTS tests (test INTEGER PRIMARY KEY, nodeid TEXT UNIQUE);
            CREATE TABLE IF NOT EXISTS results (run INTEGER, test INTEGER, attempt INTEGER, outcome TEXT,
              setup_seconds REAL, call_seconds REAL, teardown_seconds REAL, started_us INTEGER, worker TEXT);"""
        )

    def fill(self, runs: Iterator[RunSample]) -> None:
        for run in runs:
            with self.connection:
                self.connection.execute("BEGIN")
                self._insert(run, run.names(run.outcome, OUTCOMES), run.names(run.worker, WORKERS))
        for number, columns in enumerate(self.INDEXES):
            self.connection.execute(f"CREATE INDEX by_{number} ON results ({columns})")

    def _insert(self, run: RunSample, outcomes: list[str], workers: list[str]) -> None:
        began = _microseconds(run.started_at)
        rows = zip(
            self._numbers(run.nodeids),
            outcomes,
            *(run.seconds[name].tolist() for name in _PARTS),
            (began + run.start_us).tolist(),
            workers,
            strict=True,
        )
        self._write(run, [(run.number, test, 1, *row) for test, *row in rows])

    def _numbers(self, nodeids: Sequence[str]) -> list[int]:
        known = dict(self.connection.execute("SELECT nodeid, test FROM tests"))
        new = [(nodeid,) for nodeid in nodeids if nodeid not in known]
        if new:
            self.connection.executemany("INSERT INTO tests (nodeid) VALUES (?)", new)
            known = dict(self.connection.execute("SELECT nodeid, test FROM tests"))
        return [known[nodeid] for nodeid in nodeids]

    def _write(self, run: RunSample, rows: list[tuple[Any, ...]]) -> None:
        began = _microseconds(run.started_at)
        self.connection.execute("INSERT INTO runs VALUES (?, ?, ?)", (run.number, run.run_id, began))
        self.connection.executemany("INSERT INTO results VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def load(self, days: int) -> pd.DataFrame:
        query = """SELECT run_id, nodeid, attempt, outcome, setup_seconds, call_seconds, teardown_seconds,
              setup_seconds + call_seconds + teardown_seconds AS duration_seconds, results.started_us AS started_at,
              worker
            FROM runs JOIN results USING (run) JOIN tests USING (test)
            WHERE runs.started_us >= ? AND runs.started_us < ?"""
        bounds = (_microseconds(END - timedelta(days=days)), _microseconds(END))
        parse = {"started_at": {"unit": "us", "utc": True}}
        return pd.read_sql(query, self.connection, params=bounds, parse_dates=parse)

    def append(self, run: RunSample, outcomes: Sequence[TestOutcome]) -> None:
        with self.connection:
            self.connection.execute("BEGIN IMMEDIATE")
            tests = self._numbers([outcome.nodeid for outcome in outcomes])
            rows = [
                (
                    run.number,
                    test,
                    outcome.attempt,
                    outcome.outcome,
                    outcome.setup_seconds,
                    outcome.call_seconds,
                    outcome.teardown_seconds,
                    outcome.started_at and _microseconds(outcome.started_at),
                    outcome.worker,
                )
                for test, outcome in zip(tests, outcomes, strict=True)
            ]
            self._write(run, rows)

    def close(self) -> None:
        self.connection.close()


def _microseconds(at: datetime) -> int:
    return int(at.timestamp() * 1e6)


class LeanRowHistory(RowHistory):
    """The same found by run only: the history of one test is a scan of everything."""

    INDEXES = ("run",)
    NAME = "lean.db"


class DuckHistory:
    """A DuckDB file: numbers for runs and tests, which become categoricals in pandas, and an ENUM of the outcomes."""

    def __init__(self, folder: Path) -> None:
        import duckdb

        self.connection = duckdb.connect(str(folder / "history.duckdb"))
        self.connection.execute("SET TimeZone = 'UTC'")

    def fill(self, runs: Iterator[RunSample]) -> None:
        outcomes = ", ".join(f"'{outcome}'" for outcome in OUTCOMES)
        self.connection.execute(
            f"""CREATE TYPE outcome AS ENUM ({outcomes}); CREATE TYPE worker AS ENUM ('gw0', 'gw1');
            CREATE TABLE runs (run INTEGER, run_id VARCHAR, started_at TIMESTAMPTZ);
            CREATE TABLE tests (test INTEGER, nodeid VARCHAR);
            CREATE TABLE results (run INTEGER, test INTEGER, attempt INTEGER, outcome outcome, setup_seconds DOUBLE,
              call_seconds DOUBLE, teardown_seconds DOUBLE, started_at TIMESTAMPTZ, worker worker)"""
        )
        for many in batched(runs, 250):
            if not self.connection.execute("SELECT count(*) FROM tests").fetchall()[0][0]:
                self._insert("tests", pd.DataFrame({"test": range(len(many[0].nodeids)), "nodeid": many[0].nodeids}))
            self._insert("runs", pd.DataFrame([(run.number, run.run_id, run.started_at) for run in many]))
            self._insert("results", pd.concat([_frame(run) for run in many]))
        self.connection.execute("CHECKPOINT")

    def _insert(self, table: str, rows: pd.DataFrame) -> None:
        self.connection.register("rows", rows)
        self.connection.execute(f"INSERT INTO {table} SELECT * FROM rows")
        self.connection.unregister("rows")

    def load(self, days: int) -> pd.DataFrame:
        query = """SELECT run AS run_id, test AS nodeid, attempt, outcome, setup_seconds, call_seconds,
              teardown_seconds, setup_seconds + call_seconds + teardown_seconds AS duration_seconds,
              results.started_at, worker
            FROM results JOIN runs USING (run) WHERE runs.started_at >= ? AND runs.started_at < ?"""
        frame = self.connection.execute(query, [END - timedelta(days=days), END]).df()
        for column, table, key in (("run_id", "runs", "run"), ("nodeid", "tests", "test")):
            names = self.connection.execute(f"SELECT {key}, {column} FROM {table} ORDER BY {key}").df()
            codes = frame[column].to_numpy() - names[key].iloc[0]  # they are numbered without holes
            frame[column] = pd.Categorical.from_codes(codes, pd.Index(names[column]))
        return frame

    def append(self, run: RunSample, outcomes: Sequence[TestOutcome]) -> None:
        raise NotImplementedError

    def close(self) -> None:
        self.connection.close()


def batched(runs: Iterator[RunSample], size: int) -> Iterator[list[RunSample]]:
    """Yield lists of at most `size` runs."""
    while many := list(islice(runs, size)):
        yield many


def _frame(run: RunSample) -> pd.DataFrame:
    columns = {
        "run": run.number,
        "test": np.arange(len(run.nodeids)),
        "attempt": 1,
        "outcome": run.names(run.outcome, OUTCOMES),
        **run.seconds,
        "started_at": pd.Timestamp(run.started_at) + pd.to_timedelta(run.start_us, unit="us"),
        "worker": run.names(run.worker, WORKERS),
    }
    return pd.DataFrame(columns)


KINDS: dict[str, type[Any]] = {
    "att": AttHistory,
    "rows": RowHistory,
    "lean rows": LeanRowHistory,
    "duckdb": DuckHistory,
}


def opened(kind: str, folder: Path) -> History:
    """Open a store of the kind in the folder."""
    history: History = KINDS[kind](folder)
    return history
