"""Numbers and times that no run can have are refused or unknown, in every format, and never stop a load."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from att.errors import Invalid
from att.testing.importers import parse
from tests.testing.history.reports import House, house, junit

HUGE = 10**30
TEST = {"nodeid": "a.py::b", "outcome": "passed", "call": {"outcome": "passed", "duration": 0.1}}


def json_report(**changes: Any) -> str:
    return json.dumps(
        {"exitcode": 0, "summary": {"passed": 1, "total": 1}, "collectors": [], "tests": [TEST]} | changes
    )


def ctrf(*listed: dict[str, Any], **summary: Any) -> str:
    counts = {"tests": 1, "passed": 1, "failed": 0, "skipped": 0, "pending": 0, "other": 0}
    return json.dumps({"results": {"summary": counts | summary, "tests": listed}})


IMPOSSIBLE = {
    "console.txt": "99999999999999999999999 passed in 0.10s\n",
    "exitcode.json": json_report(exitcode=HUGE),
    "deselected.json": json_report(summary={"total": 1, "deselected": HUGE}),
    "bare.json": json_report(summary={"passed": HUGE, "total": HUGE}, tests=[]),
    "ctrf.json": ctrf(tests=HUGE, passed=HUGE),
    "log.jsonl": json.dumps({"exitstatus": HUGE, "$report_type": "SessionFinish"}) + "\n",
}
TOO_LONG = {
    "console.txt": f"1 passed in {'9' * 400}.0s\n",
    "a.xml": '<testsuite time="1e15"><testcase name="a" time="1e300"/></testsuite>',
    "b.xml": '<testsuite time="1e300"><testcase name="a" file="a.py" time="1e15"/></testsuite>',
    "nan.xml": '<testsuite time="nan"><testcase name="a" time="nan"/></testsuite>',
    "json.json": json_report(duration=1e308, tests=[TEST | {"call": {"outcome": "passed", "duration": 1e200}}]),
    "ctrf.json": ctrf({"name": "a.py::b", "status": "passed", "duration": 1e300}, start=1, stop=10**25),
    "log.jsonl": "".join(
        json.dumps(line) + "\n"
        for line in (
            {"nodeid": "a", "when": "call", "outcome": "passed", "start": 1e300, "stop": 5, "duration": 1e200}
            | {"$report_type": "TestReport"},
            {"exitstatus": 0, "$report_type": "SessionFinish"},
        )
    ),
}


@pytest.fixture
def home(tmp_path: Path) -> Any:
    with house(tmp_path) as made:
        yield made


@pytest.mark.parametrize("text", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_a_number_that_no_run_can_have_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match=r"(a|no) (run|process) can have"):
        parse(text)


@pytest.mark.parametrize("text", TOO_LONG.values(), ids=TOO_LONG)
def test_a_duration_of_more_than_ten_years_is_unknown(text: str) -> None:
    report = parse(text)
    assert report.duration_seconds is None
    assert report.passed == 1
    assert {record.duration_seconds for record in report.tests} <= {None}


def test_impossible_numbers_do_not_stop_the_other_reports_of_a_folder(home: House) -> None:
    home.write({f"1/{name}": text for name, text in IMPOSSIBLE.items()})
    home.write({f"2/{name}": text for name, text in TOO_LONG.items()})
    home.write({"3/good.xml": junit({"a::b": "P"})})
    results = {path: result for path, (result, _) in home.load(".").items()}
    assert {result for path, result in results.items() if path[0] == "1"} == {"refused"}
    assert {result for path, result in results.items() if path[0] != "1"} == {"imported"}
    pages = [home.ask("test.results", project="demo", run=run.run_id) for run in home.runs()]
    assert {outcome.whole_seconds for page in pages for outcome in page.outcomes} == {None, 0.25}
    assert {outcome.call_seconds for page in pages for outcome in page.outcomes} == {None}


@pytest.mark.parametrize("retries", [100, 10**7, HUGE, -3])
def test_attempts_that_nobody_can_list_are_not_believed(home: House, retries: int) -> None:
    """Each attempt is a row: ten millions would take minutes and gigabytes."""
    listed = [{"attempt": 10**6, "status": "failed"}, {"status": "passed"}]
    home.write(
        {
            "stated.json": ctrf({"name": "a.py::b", "status": "passed", "retries": retries}),
            "listed.json": ctrf({"name": "a.py::c", "status": "passed", "retries": retries, "retryAttempts": listed}),
        }
    )
    assert {result for result, _ in home.load(".").values()} == {"imported"}
    assert sorted(run.finished for run in home.runs()) == [1, 1]
    pages = [home.ask("test.results", project="demo", run=run.run_id).outcomes for run in home.runs()]
    assert sorted([(o.nodeid, o.attempt) for page in pages for o in page]) == [
        ("a.py::b", 1),
        ("a.py::c", 1),
        ("a.py::c", 2),
    ]


def test_a_short_report_of_millions_of_attempts_is_refused(home: House) -> None:
    home.write({"a.json": ctrf(*[{"name": "a.py::b", "status": "passed", "retries": 99}] * 20_001)})
    ((result, reason),) = home.load(".").values()
    assert (result, reason) == ("refused", "It states 2,000,100 attempts of its tests; a report may have 2,000,000.")


@pytest.mark.parametrize("stamp", ["0001-01-01T00:00:00", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59"])
def test_a_time_at_which_no_test_can_have_run_is_unknown(stamp: str) -> None:
    assert parse(junit({"a::b": "P"}, at=stamp)).started_at is None
    soon = datetime.now(UTC) + timedelta(days=1)
    assert parse(junit({"a::b": "P"}, at=soon.isoformat())).started_at == soon
    assert parse(junit({"a::b": "P"}, at=(soon + timedelta(days=2)).isoformat())).started_at is None


def test_stamps_at_which_no_test_can_have_run_are_unknown() -> None:
    assert parse(json_report(created=1e11, duration=1.0)).started_at is None
    assert parse(ctrf(start=10**18)).started_at is None
    assert parse(ctrf(start=1_700_000_000_000)).started_at == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


def test_a_run_is_not_put_at_an_impossible_time(home: House) -> None:
    home.write({"99991231/a.xml": junit({"a::b": "P"}, at="9999-12-31T23:59:59")})
    ((result, reason),) = home.load(".", match=r"(?P<started_at>\d+)/").values()
    assert (result, "between 1990 and now" in reason) == ("refused", True)
    for at in ("0001-01-01T00:00:00", "9999-12-31T23:59:59", "1970-01-01T00:00:00Z"):
        with pytest.raises(Invalid, match="between 1990 and now"):
            home.load(".", started_at=at, tz="Europe/Berlin")
    ((result, reason),) = home.load(".").values()
    assert (result, "the file's own stands in" in reason) == ("imported", True)
    assert datetime.now(UTC) - home.runs()[0].started_at < timedelta(hours=1)


def test_a_file_whose_own_time_is_impossible_needs_one(home: House) -> None:
    sent = {"path": "log.txt", "content": "MSBwYXNzZWQgaW4gMC4xcwo="}
    for at in ("0001-01-01T00:00:00", "9999-12-31T23:59:59"):
        loaded = home.ask("test.import", project="demo", reports=[sent | {"modified_at": at}], tz="Asia/Tokyo")
        assert [(report.result, "started_at" in report.reason) for report in loaded.reports] == [("refused", True)]


def test_counts_that_are_only_stated_do_not_keep_a_history_from_being_analysed(home: House) -> None:
    home.write({"log.txt": "2000000000 passed in 1.00s\n", "good.xml": junit({"a::b": "P"})})
    assert {result for result, _ in home.load(".").values()} == {"imported"}
    assert home.ask("test.slowest", project="demo", since="all").rows == 1


@pytest.mark.parametrize("line", ["2147483648", "9" * 30, "9" * 5000])
def test_a_line_that_no_file_has_does_not_stop_the_other_reports(home: House, line: str) -> None:
    text = junit({"a::b": "F"}).replace("a.py:3:", f"a.py:{line}:")
    assert line in text
    home.write({"a.xml": text, "b.xml": junit({"a::b": "F"}, at="2026-03-02T00:00:00")})
    assert {result for result, _ in home.load(".").values()} == {"imported"}
    failures = [home.ask("test.status", project="demo", run=run.run_id).failures[0] for run in home.runs()]
    assert [failure.line for failure in failures] == [None, 3]


def test_subtests_that_a_report_only_states_are_counted_in_no_time() -> None:
    call = {"outcome": "failed", "longrepr": "contains 999999 failed subtests"}
    tests = [{"nodeid": f"a.py::t{at}", "outcome": "failed", "call": call} for at in range(300)]
    assert parse(json_report(tests=tests, summary={})).failed == 300_000_000
