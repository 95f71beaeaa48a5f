import numpy as np
import pandas as pd
import pytest

from att.errors import Invalid
from att.testing.analysis import balance, conform, empty, failure_groups
from att.testing.samples import sample_history
from tests.testing.analysis.histories import history


def loads(table: pd.DataFrame) -> list[float]:
    return sorted(table.groupby("shard")["expected_seconds"].sum().tolist())


def test_the_longest_go_first_to_the_emptiest_shard() -> None:
    seconds = {"a": [7.0], "b": [6.0], "c": [5.0], "d": [4.0], "e": [3.0], "f": [2.0]}
    table = balance(*history(dict.fromkeys(seconds, "P"), seconds=seconds), 3)
    assert table.columns.tolist() == ["shard", "nodeid", "expected_seconds", "known"]
    assert loads(table) == [9.0, 9.0, 9.0]


def test_every_test_is_in_one_shard_and_the_bound_holds() -> None:
    h = sample_history(200, 20)
    for n in (1, 2, 5, 9):
        table = balance(h.runs, h.results, n)
        assert table["nodeid"].is_unique
        assert len(table) == 200
        best = max(table["expected_seconds"].sum() / n, table["expected_seconds"].max())
        assert max(loads(table)) <= best * (4 / 3 - 1 / (3 * n)) + 1e-9


def test_new_tests_get_the_median_and_tests_that_are_gone_get_nothing() -> None:
    runs, results = history({"a": "PP", "gone": "P.", "b": "PP", "c": "PP"}, seconds={"a": [3.0, 3.0]})
    assert "gone" not in set(balance(runs, results, 2)["nodeid"])
    table = balance(runs, results, 2, nodeids=["a", "fresh", "a"]).set_index("nodeid")
    assert table["expected_seconds"].to_dict() == {"a": 3.0, "fresh": 0.1}
    assert table["known"].to_dict() == {"a": True, "fresh": False}


def test_unknown_durations_and_an_empty_history_still_divide() -> None:
    runs, results = history({"a": "P", "b": "S"}, seconds={"a": [np.nan], "b": [np.nan]})
    assert sorted(balance(runs, results, 2)["shard"]) == [1, 2]
    table = balance(empty("runs"), empty("results"), 2, nodeids=["x", "y"])
    assert table["shard"].tolist() == [1, 2]
    assert balance(empty("runs"), empty("results"), 2).empty


def test_files_and_classes_can_stay_together() -> None:
    tests = {f"tests/test_{f}.py::Test{c}::test_{i}": "P" for f in "ab" for c in "XY" for i in "12"}
    runs, results = history(tests)
    by_file = balance(runs, results, 4, together="file")
    assert by_file.groupby(by_file["nodeid"].str.partition("::")[0])["shard"].nunique().tolist() == [1, 1]
    by_class = balance(runs, results, 4, together="class")
    assert by_class.groupby(by_class["nodeid"].str.rpartition("::")[0])["shard"].nunique().tolist() == [1, 1, 1, 1]
    assert balance(runs, results, 8, together="test")["shard"].nunique() == 8


def test_a_file_with_costly_fixtures_stays_together_unless_it_is_too_large() -> None:
    tests = {f"test_db.py::t{i}": "P" for i in range(4)} | {f"test_cheap.py::t{i}": "P" for i in range(40)}
    runs, results = history(tests, seconds={nodeid: [1.0] for nodeid in tests})
    results = results.assign(setup_seconds=results["nodeid"].str.startswith("test_db").map({True: 0.6, False: 0.0}))
    table = balance(runs, results, 4)
    database = table[table["nodeid"].str.startswith("test_db")]
    assert database["shard"].nunique() == 1
    assert table[table["nodeid"].str.startswith("test_cheap")]["shard"].nunique() == 4
    many = balance(runs, results, 20)
    assert many[many["nodeid"].str.startswith("test_db")]["shard"].nunique() > 1


def test_impossible_divisions_are_refused() -> None:
    runs, results = history({"a": "PP"}, project=["x", "y"])
    with pytest.raises(Invalid, match="at least one shard"):
        balance(runs, results, 0)
    with pytest.raises(Invalid, match="one project"):
        balance(runs, results, 2)
    with pytest.raises(Invalid, match="together"):
        balance(runs.head(1), results, 2, together="module")  # type: ignore[arg-type]


def failures(rows: list[tuple[str, str, str | None, str | None, str | None]]) -> pd.DataFrame:
    columns = ["run_id", "nodeid", "exception", "message", "fingerprint"]
    return conform(pd.DataFrame(rows, columns=columns), "failures")


def test_failures_with_one_fingerprint_are_one_group() -> None:
    runs, _ = history({"t": "PPP"})
    table = failure_groups(
        runs,
        failures(
            [
                ("r002", "b", "KeyError", "'newest'", "f1"),
                ("r000", "a", "KeyError", "'x'", "f1"),
                ("r000", "b", "KeyError", "'y'", "f1"),
                ("r001", "c", "OSError", "disk", "f2"),
                ("elsewhere", "c", "OSError", "disk", "f2"),
            ]
        ),
    )
    assert table[["fingerprint", "failures", "tests", "runs"]].to_numpy().tolist() == [["f1", 3, 2, 2], ["f2", 1, 1, 1]]
    first = table.iloc[0]
    assert (first["message"], first["nodeid"]) == ("'newest'", "b")
    assert (first["first_at"], first["last_at"]) == (runs["started_at"][0], runs["started_at"][2])


def test_failures_without_fingerprint_are_grouped_by_cause() -> None:
    runs, _ = history({"t": "PP"})
    table = failure_groups(
        runs,
        failures(
            [
                ("r000", "a", "TimeoutError", "no answer after 5 s", None),
                ("r001", "b", "TimeoutError", "no answer after 17 s", None),
                ("r001", "c", "ValueError", None, None),
                ("r001", "d", None, None, None),
            ]
        ),
    )
    assert table["failures"].tolist() == [2, 1, 1]


def test_no_failures_are_no_groups() -> None:
    runs, _ = history({"t": "PP"})
    assert failure_groups(runs, empty("failures")).empty
    assert failure_groups(empty("runs"), empty("failures")).columns[0] == "fingerprint"
