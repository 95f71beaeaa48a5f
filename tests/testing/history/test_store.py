"""What is kept comes back as it was, once, and unknown stays unknown."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from att.errors import Invalid, NotFound
from att.testing.history.records import ResultColumns, RunRecord
from att.testing.history.store import HistoryStore
from tests.testing.history.kept import BEGAN, failure, frames, in_flight, names, outcome, outcomes, run


def test_a_run_comes_back_as_it_was(history: HistoryStore) -> None:
    told, seen = [failure(), failure(phase="collect", nodeid="test_c.py", subtest=None)], outcomes()
    kept = run(failures=told, in_flight=[in_flight("test_a.py::test_hangs")])
    assert history.append(kept, seen, told)
    assert history.run("demo", kept.run_id) == kept
    assert history.outcomes("demo", kept.run_id) == seen
    assert history.failures("demo", kept.run_id) == told


def test_a_run_without_any_test_is_kept(history: HistoryStore) -> None:
    assert history.append(run(status="usage_error"), [], [])
    assert history.outcomes("demo", "demo-0000") == []
    assert history.failures("demo", "demo-0000") == []


def test_a_run_is_kept_once(history: HistoryStore) -> None:
    assert history.append(run(), outcomes(), [failure()])
    assert not history.append(run(), outcomes(), [failure()])
    assert len(frames(history).results) == len(outcomes())
    assert history.has("demo", "demo-0000")
    assert not history.has("demo", "demo-0001")


def test_an_imported_file_is_kept_once_a_project(history: HistoryStore) -> None:
    columns = ResultColumns(["test_a.py::test_one"], ["passed"])

    def keep(run_id: str, project: str) -> bool:
        record = RunRecord(run_id=run_id, project=project, started_at=BEGAN, digest="abc", source="junit")
        return history.keep(record, columns)

    assert [keep("one", "demo"), keep("two", "demo"), keep("three", "other")] == [True, False, True]
    assert history.has("demo", "abc")
    assert not history.has("third", "abc")


@pytest.mark.parametrize("seconds", [1e12, 1e200, -1e300])
def test_a_duration_that_does_not_fit_is_refused_and_nothing_is_kept(history: HistoryStore, seconds: float) -> None:
    record = RunRecord(run_id="ci-1", project="demo", started_at=BEGAN)
    with pytest.raises(Invalid, match="centuries"):
        history.keep(record, ResultColumns(["a", "b"], ["passed", "failed"], duration_seconds=[None, seconds]))
    assert not history.has("demo", "ci-1")


def test_what_a_report_does_not_tell_stays_unknown(history: HistoryStore) -> None:
    record = RunRecord(run_id="ci-1", project="demo", started_at=BEGAN, source="ctrf", ci_url="https://ci/1", skipped=4)
    history.keep(record, ResultColumns(["a", "b"], ["passed", "failed"], duration_seconds=[0.5, None]))
    kept = history.run("demo", "ci-1")
    assert (kept.source, kept.ci_url, kept.state, kept.status) == ("ctrf", "https://ci/1", "failed", None)
    assert (kept.passed, kept.failed, kept.skipped) == (1, 1, 4)
    assert (kept.errors, kept.xfailed, kept.xpassed, kept.rerun, kept.collected) == (None,) * 5
    assert [(o.whole_seconds, o.started_at, o.call_seconds) for o in history.outcomes("demo", "ci-1")] == [
        (0.5, None, None),
        (None, None, None),
    ]
    row = frames(history).runs.iloc[0]
    assert row[["passed", "failed", "errors", "xpassed", "complete", "status"]].isna().all()
    assert frames(history).results["duration_seconds"].to_list()[0] == 0.5


def test_pages_of_runs_follow_their_time_and_leave_none_out(history: HistoryStore) -> None:
    for number in (3, 0, 4, 1, 2):
        history.append(run(number), [], [])
    for run_id in ("demo-same", "demo-time"):
        history.append(run(2).model_copy(update={"run_id": run_id}), [], [])
    cursor, seen = None, []
    while True:
        page = history.runs("demo", cursor, 2)
        seen += names(page.runs)
        cursor = page.cursor
        if not page.has_more:
            break
    assert seen == ["demo-0004", "demo-0003", "demo-time", "demo-same", "demo-0002", "demo-0001", "demo-0000"]
    assert history.runs("demo", cursor, 2).runs == []
    assert history.runs("nobody", None, 2).runs == []


@pytest.mark.parametrize("cursor", ["x", "1", "1-x", "-1-2", "9" * 30 + "-1", "1-2-3"])
def test_a_strange_cursor_is_refused(history: HistoryStore, cursor: str) -> None:
    with pytest.raises(Invalid, match="not a cursor of test runs"):
        history.runs("demo", cursor, 1)


def test_a_run_that_is_not_kept_is_named_with_those_that_are(history: HistoryStore) -> None:
    history.append(run(), [], [])
    with pytest.raises(NotFound, match="demo-0000"):
        history.run("demo", "demo-0001")
    with pytest.raises(NotFound):
        history.outcomes("other", "demo-0000")


def test_lone_surrogates_and_zero_bytes_are_kept_as_escapes_everywhere(history: HistoryStore) -> None:
    bad, good = "x\udcff\0ü", "x\\udcff\\x00ü"
    record = RunRecord(run_id="r", project="demo", started_at=BEGAN, branch=bad, args=[bad], unresolved={bad})
    columns = ResultColumns([bad], ["skipped"], reason=[bad], worker=["gw0"])
    failed = failure(bad, message=bad, longrepr=bad, sections=[{"title": bad, "text": bad}])
    assert history.keep(record, columns, [failed])
    (kept,) = history.outcomes("demo", "r")
    assert (kept.nodeid, kept.reason) == (good, good)
    (told,) = history.failures("demo", "r")
    assert (told.nodeid, told.message, told.longrepr, told.sections[0].text) == (good,) * 4
    assert history.run("demo", "r").branch == good
    assert history.unresolved("demo") == [good]
    assert json.loads(history.run("demo", "r").model_dump_json())["branch"] == good
    assert frames(history).results["nodeid"].to_list() == [good]
    assert not history.append(run().model_copy(update={"run_id": "r"}), [], [])


def test_an_unresolved_name_joins_its_nodeid_in_every_run(history: HistoryStore) -> None:
    for number in range(2):
        record = RunRecord(run_id=f"ci-{number}", project="demo", started_at=BEGAN, unresolved={"a.TestIt::test_one"})
        history.keep(record, ResultColumns(["a.TestIt::test_one", "b.py::test_two"], ["passed", "failed"]))
    history.append(run(1), [outcome("a.py::TestIt::test_one")], [])
    assert history.unresolved("demo") == ["a.TestIt::test_one"]
    assert set(history.nodeids("demo")) == {"b.py::test_two", "a.py::TestIt::test_one"}
    assert history.join_names("demo", {"a.TestIt::test_one": "a.py::TestIt::test_one", "strange": "x"}) == 1
    assert history.unresolved("demo") == []
    assert set(history.nodeids("demo")) == {"b.py::test_two", "a.py::TestIt::test_one"}
    counts = frames(history).results["nodeid"].value_counts().to_dict()
    assert counts == {"a.py::TestIt::test_one": 3, "b.py::test_two": 2}


def test_a_name_that_a_run_of_pytest_reports_is_resolved(history: HistoryStore) -> None:
    record = RunRecord(run_id="ci", project="demo", started_at=BEGAN, unresolved={"a::b"})
    history.keep(record, ResultColumns(["a::b"], ["passed"]))
    history.append(run(), [outcome("a::b")], [])
    assert (history.unresolved("demo"), history.nodeids("demo")) == ([], ["a::b"])


def test_expected_durations_are_medians_of_the_latest_passes(history: HistoryStore) -> None:
    for number, seconds in enumerate((1.0, 5.0, 2.0)):
        seen = [
            outcome("passes", seconds=seconds),
            outcome("fails", "failed", seconds=seconds),
            outcome("skips", "skipped", call_seconds=None),
            outcome("flaky", "passed" if number == 1 else "failed", seconds=seconds),
        ]
        history.append(run(number), seen, [])
    expected = history.expected_durations("demo")
    assert {name: round(seconds, 2) for name, seconds in expected.items()} == {
        "passes": 2.0,
        "fails": 2.0,
        "flaky": 5.0,
    }
    assert history.expected_durations("other") == {}


def test_a_few_short_runs_do_not_hide_how_long_the_whole_suite_takes(history: HistoryStore) -> None:
    history.append(run(0), [outcome(f"t{n}") for n in range(50)], [])
    for number in range(1, 40):
        history.append(run(number), [outcome("t0", seconds=3.0)], [])
    expected = history.expected_durations("demo")
    assert len(expected) == 50
    assert expected["t0"] > 2.9


def test_retention_in_the_settings_is_kept_as_runs_end(history: HistoryStore) -> None:
    short = HistoryStore(history._store, keep_runs=2)
    for number in range(4):
        short.append(run(number), [outcome("a")], [])
        short.append(run(number, "other"), [outcome("a")], [])
    assert names(short.runs("demo", None, 10).runs) == ["demo-0003", "demo-0002"]
    assert len(short.runs("other", None, 10).runs) == 2
    old = run(5).model_copy(update={"started_at": BEGAN - timedelta(days=4000)})
    HistoryStore(history._store, keep_days=3650).append(old, [], [])
    assert names(short.runs("demo", None, 10).runs) == ["demo-0003", "demo-0002"]
