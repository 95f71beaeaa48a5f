"""Tables that travel say what the frames say, and the operations take what the analyses take."""

from __future__ import annotations

import inspect
import io
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from att.operations import REGISTRY
from att.testing import analysis
from att.testing.history.history import History
from att.testing.history.operations import TestHistoryOperations
from att.testing.history.table import ARROW, CSV, Table
from att.testing.samples import sample_history

OPERATIONS = ("pass_rate", "flaky", "slowest", "regressions", "first_failed", "compare", "failure_groups")
SELECTING = {"project", "since", "until", "branch", "suite", "limit"}


@pytest.fixture(scope="module")
def h() -> History:
    sample = sample_history(runs=40)
    return History(sample.runs, sample.results, sample.failures)


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_takes_what_the_analysis_takes_and_a_selection(name: str) -> None:
    frames = {"runs", "results", "failures"}
    expected = {
        p.name: p.default
        for p in inspect.signature(getattr(analysis, name)).parameters.values()
        if p.name not in frames
    }
    declared = REGISTRY[f"test.{name}"]
    assert declared.owner is TestHistoryOperations
    taken = {p.name: p.default for p in declared.parameters.values() if p.name not in SELECTING}
    assert taken == expected
    assert set(declared.parameters) >= SELECTING
    assert declared.path == f"/projects/{{project}}/test/history/{name}"


def test_every_analysis_of_the_history_is_a_method_and_an_operation_or_needs_the_frames() -> None:
    needs_frames = {"balance", "outages", "timeline", "select"}
    methods = {name for name in analysis.__all__ if hasattr(History, name)}
    assert methods == set(OPERATIONS) | needs_frames


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "nodeid": ["a,b", None, "ü"],
            "n": [1, 2, 3],
            "maybe": pd.array([1, None, 3], dtype="Int64"),
            "share": [0.5, float("nan"), float("inf")],
            "exact": [True, False, True],
            "at": pd.to_datetime(
                pd.Series(["2026-03-01T06:00:00.25Z", None, "2026-03-02T00:00:00Z"]), format="ISO8601"
            ),
            "verdict": pd.Categorical(["flaky", None, "stable"]),
        }
    )


def test_records_hold_json_values_and_null_for_what_is_not_known() -> None:
    table = Table.of(frame(), 2)
    assert [(column.name, column.kind) for column in table.columns] == [
        ("nodeid", "string"),
        ("n", "integer"),
        ("maybe", "integer"),
        ("share", "number"),
        ("exact", "boolean"),
        ("at", "time"),
        ("verdict", "string"),
    ]
    assert table.records == [
        {
            "nodeid": "a,b",
            "n": 1,
            "maybe": 1,
            "share": 0.5,
            "exact": True,
            "at": "2026-03-01T06:00:00.250000Z",
            "verdict": "flaky",
        },
        {"nodeid": None, "n": 2, "maybe": None, "share": None, "exact": False, "at": None, "verdict": None},
    ]
    assert table.rows == 3
    assert Table.model_validate_json(table.model_dump_json()).records == table.records


def test_a_table_becomes_a_frame_again(h: History) -> None:
    for name in ("pass_rate", "flaky", "slowest", "first_failed", "failure_groups"):
        made = getattr(h, name)()
        back = Table.model_validate_json(Table.of(made, 10_000).model_dump_json()).to_frame()
        expected = made.astype(dict.fromkeys(made.select_dtypes("category").columns, str))
        pd.testing.assert_frame_equal(back, expected, check_dtype=False, check_exact=False)


def test_csv_and_arrow_hold_all_rows_whatever_the_limit() -> None:
    table = Table.of(frame(), 1)
    text = table.render(CSV).decode()
    assert text.splitlines()[0] == "nodeid,n,maybe,share,exact,at,verdict"
    assert text.splitlines()[1] == '"a,b",1,1,0.5,True,2026-03-01T06:00:00.250000Z,flaky'
    assert len(text.splitlines()) == 4
    read = pa.ipc.open_stream(io.BytesIO(table.render(ARROW))).read_pandas()
    pd.testing.assert_frame_equal(read, frame())


def test_a_table_without_rows_keeps_its_columns() -> None:
    table = Table.of(analysis.flaky(analysis.empty("runs"), analysis.empty("results")), 10)
    assert (table.records, table.rows) == ([], 0)
    assert list(table.to_frame().columns) == [column.name for column in table.columns]
    assert table.render(CSV).decode().startswith("nodeid,runs,fails")


@pytest.mark.parametrize(("given", "taken"), [("10", 10), (10, 10), ("7d", "7d")])
def test_a_window_is_a_number_of_runs_or_a_length_of_time(given: Any, taken: Any) -> None:
    assert REGISTRY["test.regressions"].validate({"project": "demo", "recent": given}).recent == taken  # type: ignore[attr-defined]
