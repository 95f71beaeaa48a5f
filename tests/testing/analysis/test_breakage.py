import pandas as pd
import pytest

from att.errors import NotFound
from att.testing.analysis import compare, find_run, first_failed, timeline
from att.testing.samples import sample_history
from tests.testing.analysis.histories import history


def test_neighbouring_commits_pin_the_break() -> None:
    table = first_failed(*history({"t": "PPPFF"}), "t")
    found = table.iloc[0]
    assert len(table) == 1
    assert (found["last_good_commit"], found["first_bad_commit"]) == ("c002", "c003")
    assert (found["runs_between"], bool(found["exact"]), bool(found["still_failing"])) == (0, True, True)
    assert (found["last_good_run"], found["first_bad_run"]) == ("r002", "r003")


def test_runs_that_say_nothing_lie_between() -> None:
    found = first_failed(*history({"t": "PPS.FF", "other": "PPPPPP"}), "t").iloc[0]
    assert (found["last_good_commit"], found["first_bad_commit"]) == ("c001", "c004")
    assert (found["runs_between"], bool(found["exact"])) == (2, False)


def test_the_newest_break_counts_and_a_repaired_test_is_told() -> None:
    found = first_failed(*history({"t": "PFPPFFP"}), "t").iloc[0]
    assert (found["first_bad_commit"], bool(found["still_failing"])) == ("c004", False)


def test_the_same_commit_on_both_sides_pins_nothing() -> None:
    found = first_failed(*history({"t": "PPFF"}, commits=["a", "b", "b", "c"]), "t").iloc[0]
    assert (found["last_good_commit"], found["first_bad_commit"], bool(found["exact"])) == ("b", "b", False)


def test_a_dirty_work_tree_pins_nothing() -> None:
    runs, results = history({"t": "PPFF"}, dirty=[False, False, True, False])
    assert not first_failed(runs, results, "t")["exact"].iloc[0]


def test_a_test_that_never_passed_has_no_last_good_commit() -> None:
    found = first_failed(*history({"t": "SFF", "other": "PPP"}), "t").iloc[0]
    assert pd.isna(found["last_good_commit"])
    assert pd.isna(found["last_good_at"])
    assert (found["first_bad_commit"], found["runs_between"], bool(found["exact"])) == ("c001", 1, False)


def test_a_test_that_never_failed_has_no_row() -> None:
    assert first_failed(*history({"t": "PPSP"}), "t").empty


def test_branches_do_not_mix_and_the_busiest_comes_first() -> None:
    branches = ["main", "main", "fix", "main", "main", "fix"]
    table = first_failed(*history({"t": "PPFPFF"}, branches=branches), "t")
    assert table["branch"].tolist() == ["main", "fix"]
    assert table["first_bad_commit"].tolist() == ["c004", "c002"]
    assert table["last_good_commit"].isna().tolist() == [False, True]


def test_an_outage_is_not_when_a_test_broke() -> None:
    tests = {f"t{i}": "PPPPFPPP" for i in range(9)} | {"t": "PPPPFFFF"}
    found = first_failed(*history(tests), "t").iloc[0]
    assert (found["last_good_commit"], found["first_bad_commit"], found["runs_between"]) == ("c003", "c005", 1)
    ends_in_outage = {f"t{i}": "PPPPF" for i in range(9)}
    assert first_failed(*history(ends_in_outage)).empty


def test_a_close_name_is_offered_for_an_unknown_test() -> None:
    with pytest.raises(NotFound, match="test_total"):
        first_failed(*history({"test_total": "PF"}), "test_totel")
    with pytest.raises(NotFound, match="test_total"):
        timeline(*history({"test_total": "PF"}), "test_totel")


def test_without_commits_and_branches_the_runs_are_still_named() -> None:
    runs, results = history({"t": "PPF"})
    found = first_failed(runs[["run_id", "started_at"]], results, "t").iloc[0]
    assert found["first_bad_run"] == "r002"
    assert not found["exact"]


def test_compare_names_every_kind_of_change() -> None:
    tests = {"broken": "PF", "fixed": "FP", "new": ".P", "removed": "P.", "slower": "PP", "same": "PP", "red": "FF"}
    tests |= {"unskipped": "SF"}
    table = compare(*history(tests, seconds={"slower": [0.2, 0.6]}), "r000", "r001")
    assert table.columns.tolist() == ["nodeid", "outcome_a", "outcome_b", "change", "ratio"]
    assert table[["change", "nodeid"]].to_numpy().tolist() == [
        ["broken", "broken"],
        ["broken", "unskipped"],
        ["fixed", "fixed"],
        ["new", "new"],
        ["removed", "removed"],
        ["slower", "slower"],
    ]
    assert table.set_index("nodeid").loc["slower", "ratio"] == pytest.approx(3)
    assert table.set_index("nodeid")["outcome_a"].isna()["new"]


def test_compare_can_list_what_did_not_change() -> None:
    table = compare(*history({"a": "PP", "b": "PF"}), "r000", "r001", unchanged=True)
    assert table["nodeid"].tolist() == ["b", "a"]
    assert pd.isna(table["change"].iloc[1])


def test_a_renamed_test_is_one_removed_and_one_new() -> None:
    table = compare(*history({"old": "P.", "fresh": ".P"}), "r000", "r001")
    assert table["change"].tolist() == ["new", "removed"]


def test_runs_are_found_by_id_commit_and_branch() -> None:
    h = sample_history(runs=40)
    newest = h.runs[h.runs["branch"] == "main"].iloc[-1]
    assert find_run(h.runs, "main") == newest["run_id"]
    assert find_run(h.runs, newest["commit"][:9]) == h.runs[h.runs["commit"] == newest["commit"]].iloc[-1]["run_id"]
    assert find_run(h.runs, "shop-00003") == "shop-00003"
    with pytest.raises(NotFound, match="Did you mean 'shop-000"):
        find_run(h.runs, "shop-0003x")


def test_compare_takes_the_shards_of_a_run_together() -> None:
    runs, results = history({"a": "P.P.", "b": ".PF."}, parent=["r003", "r003", None, None])
    assert compare(runs, results, "r003", "r002")[["nodeid", "change"]].to_numpy().tolist() == [["b", "broken"]]


def test_a_timeline_tells_one_test_run_by_run() -> None:
    table = timeline(*history({"t": "PR.F", "other": "PPPP"}), "t")
    assert table["run_id"].tolist() == ["r000", "r001", "r003"]
    assert table["outcome"].tolist() == ["passed", "passed", "failed"]
    assert table["retried"].tolist() == [False, True, False]
