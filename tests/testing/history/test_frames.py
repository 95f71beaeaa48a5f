"""Frames from the wire keep the contract of the analysis, whatever the history holds."""

from __future__ import annotations

import sqlite3
from datetime import timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from att.store import Store
from att.testing import analysis
from att.testing.analysis.frames import OUTCOMES
from att.testing.history import blocks
from att.testing.history.frames import Frames, assemble
from att.testing.history.records import PARTS, Part, ResultColumns, RunRecord, Selection
from att.testing.history.store import HistoryStore
from tests.testing.history.kept import BEGAN, failure, frames, outcome, outcomes, run


def test_the_codes_of_blocks_are_those_of_the_analysis() -> None:
    assert blocks.OUTCOMES == OUTCOMES


def test_an_empty_history_keeps_the_contract(history: HistoryStore) -> None:
    found = frames(history)
    analysis.validate(*found)
    assert [len(frame) for frame in found] == [0, 0, 0]


def test_one_run_keeps_the_contract_and_tells_everything(history: HistoryStore) -> None:
    history.append(run(), outcomes(), [failure()])
    runs, results, failures = frames(history)
    analysis.validate(runs, results, failures)
    row = runs.iloc[0]
    told = row[
        ["run_id", "suite", "branch", "python", "os", "source", "coverage", "failed", "markers", "cpus"]
    ].to_list()
    assert told == ["demo-0000", "unit", "main", "3.12.1", "Linux 6", "runner", 81.5, 1, "not slow", 2]
    assert row["started_at"] == pd.Timestamp(BEGAN)
    assert (list(row["plugins"]), list(row["args"])) == (["xdist-3"], ["-x"])

    seen = outcomes()
    assert results["nodeid"].to_list() == [o.nodeid for o in seen]
    assert results["outcome"].to_list() == [o.outcome for o in seen]
    assert results["attempt"].to_list() == [o.attempt for o in seen]
    for name in ("setup_seconds", "call_seconds", "teardown_seconds"):
        expected = [getattr(o, name) for o in seen]
        np.testing.assert_allclose(results[name], np.array(expected, dtype=float), rtol=1e-12)
    durations = [o.duration_seconds for o in seen[:-1]]
    np.testing.assert_allclose(results["duration_seconds"], [*durations, np.nan], rtol=1e-12)
    assert results["started_at"].to_list() == [pd.NaT if o.started_at is None else o.started_at for o in seen]
    assert results["worker"].astype(object).where(results["worker"].notna(), None).to_list() == [o.worker for o in seen]

    first = failures.iloc[0]
    assert first[["nodeid", "exception", "message", "attempt", "line"]].to_list() == [
        "test_a.py::test_two[ü]",
        "ValueError",
        "first line",
        2,
        12,
    ]


def test_workers_of_different_runs_are_not_mixed_up(history: HistoryStore) -> None:
    named: list[list[str | None]] = [["gw1", "gw0", None], ["tcp://a", "gw1"], [None]]
    for number, workers in enumerate(named):
        seen = [outcome(f"t{n}", worker=worker) for n, worker in enumerate(workers)]
        history.append(run(number), seen, [])
    found = frames(history).results["worker"]
    assert [None if pd.isna(worker) else worker for worker in found] == ["gw1", "gw0", None, "tcp://a", "gw1", None]


def test_a_selection_is_by_project_time_branch_and_suite(history: HistoryStore) -> None:
    for number in range(4):
        branch = "main" if number % 2 else "topic"
        history.append(run(number, branch=branch), [outcome("a")], [failure("a")])
        history.append(run(number, "other"), [outcome("a"), outcome(f"only{number}")], [])

    def chosen(**selection: object) -> list[str]:
        found = frames(history, **selection)
        analysis.validate(*found)
        assert set(found.results["run_id"]) == set(found.runs["run_id"])
        assert set(found.failures["run_id"]) <= set(found.runs["run_id"])
        return list(found.runs["run_id"])

    day = timedelta(days=1)
    assert chosen(project="demo") == [f"demo-000{n}" for n in range(4)]
    assert chosen(project="demo", branch="topic") == ["demo-0000", "demo-0002"]
    assert chosen(project="demo", suite="e2e") == []
    assert chosen(project="other", since=BEGAN + day, until=BEGAN + 3 * day) == ["other-0001", "other-0002"]
    assert len(chosen()) == 8
    both = frames(history).results
    assert list(both["nodeid"].cat.categories).count("a") == 1
    assert list(frames(history, project="demo").results["nodeid"].cat.categories) == ["a"]


def test_results_of_a_run_that_is_deleted_meanwhile_are_left_out(history: HistoryStore) -> None:
    for number in range(3):
        history.append(run(number), [outcome(f"t{number}")], [failure(f"t{number}")])
    parts: dict[Part, bytes] = {part: b"".join(history.stream(part, Selection())) for part in PARTS}
    history.prune("demo", keep_runs=1)
    history.vacuum()
    after: dict[Part, bytes] = {**parts, "runs": b"".join(history.stream("runs", Selection()))}
    found = assemble(after.__getitem__)
    analysis.validate(*found)
    assert (len(found.runs), len(found.results), len(found.failures)) == (1, 1, 1)
    after = {**parts, "tests": b"".join(history.stream("tests", Selection()))}
    found = assemble(after.__getitem__)
    analysis.validate(*found)
    assert (len(found.runs), list(found.results["nodeid"])) == (3, ["t2"])


def test_names_whose_test_is_not_known_are_flagged_until_it_is(history: HistoryStore) -> None:
    record = RunRecord(run_id="ci", project="demo", started_at=BEGAN, unresolved={"a.TestIt::test_one"})
    history.keep(record, [outcome("a.TestIt::test_one"), outcome("b.py::test_two")])
    history.append(run(1), [outcome("a.py::TestIt::test_one")], [])
    found = frames(history)
    analysis.validate(*found)
    assert found.results["resolved"].to_list() == [False, True, True]
    history.join_names("demo", {"a.TestIt::test_one": "a.py::TestIt::test_one"})
    joined = frames(history).results
    assert joined["resolved"].all()
    assert joined["nodeid"].to_list() == ["a.py::TestIt::test_one", "b.py::test_two", "a.py::TestIt::test_one"]


def test_readers_of_a_stream_do_as_well_as_its_bytes(history: HistoryStore) -> None:
    history.append(run(), outcomes(), [failure()])
    read: Frames = assemble(lambda part: pa.ipc.open_stream(b"".join(history.stream(part, Selection()))))
    for one, other in zip(read, frames(history), strict=True):
        pd.testing.assert_frame_equal(one, other)


@pytest.mark.parametrize("part", ["results", "failures"])
def test_what_is_stored_is_sent_as_it_lies_and_never_decoded(history: HistoryStore, store: Store, part: Part) -> None:
    for number in range(100):
        history.append(run(number), outcomes(), [failure()])
    with sqlite3.connect(store.path) as database:
        query = "SELECT data FROM test_blocks WHERE part = ? ORDER BY run"
        stored = [row[0] for row in database.execute(query, (part,))]
    database.close()
    assert list(history.stream(part, Selection())) == [blocks.head(blocks.SCHEMAS[part]), *stored, blocks.END]

    with sqlite3.connect(store.path) as database:
        database.execute("UPDATE test_blocks SET data = CAST('what nobody can decode' AS BLOB)")
    database.close()
    sent = list(history.stream(part, Selection()))
    assert sent[1:-1] == [b"what nobody can decode"] * 100


def test_a_long_history_of_a_report_without_times_keeps_the_contract(history: HistoryStore) -> None:
    record = RunRecord(run_id="r", project="demo", started_at=BEGAN)
    history.keep(record, ResultColumns([f"t{n}" for n in range(40_000)], ["passed"] * 40_000))
    found = frames(history)
    analysis.validate(*found)
    assert found.results["started_at"].isna().all()
    assert found.results["duration_seconds"].isna().all()
    assert found.results["nodeid"].iloc[-1] == "t39999"
