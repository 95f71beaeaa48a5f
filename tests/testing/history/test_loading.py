"""Reports join the history: found wherever they lie, labelled, once each, and a broken one stops nobody."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from att.errors import Invalid, NotFound, PermissionDenied, TooLarge
from att.testing.history.manager import HistoryManager
from tests.testing.history.reports import House, house, junit, zipped
from tests.testing.importers.support import SAMPLES, manifest

TESTS = {"test_a::test_one": "P", "test_a.TestB::test_two": "F", "test_a::test_three": "S"}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path) as made:
        made.write({"test_a.py": ""})
        yield made


def test_a_report_is_a_run_with_its_tests(home: House) -> None:
    home.write({"junit.xml": junit(TESTS, time="1.5", hostname="runner-7")})
    assert home.load("junit.xml") == {"junit.xml": ("imported", "")}
    (run,) = home.runs()
    assert (run.source, run.status, run.passed, run.failed, run.skipped, run.xpassed) == (
        "junit",
        "failed",
        1,
        1,
        1,
        None,
    )
    assert (run.started_at, run.duration_seconds) == (datetime(2026, 3, 1, 6, tzinfo=UTC), 1.5)
    assert run.environment.host == "runner-7"
    assert home.nodeids(run.run_id) == {
        "test_a.py::test_one": "passed",
        "test_a.py::TestB::test_two": "failed",
        "test_a.py::test_three": "skipped",
    }
    (failure,) = home.ask("test.status", project="demo", run=run.run_id).failures
    assert (failure.exception_type, failure.path, failure.line) == ("AssertionError", "a.py", 3)


def test_the_same_report_is_loaded_once_wherever_it_lies_and_however_it_is_labelled(home: House) -> None:
    report = junit(TESTS)
    home.write({"a/one.xml": report, "b/two.xml": report, "c.zip": zipped({"three.xml": report})})
    results = home.load("a", "b", "c.zip", "a/one.xml")
    assert [result for result, _ in results.values()] == ["duplicate", "duplicate", "duplicate"]
    assert home.load("a", commit="abc1234")["a/one.xml"] == ("duplicate", "The same report is kept already.")
    assert len(home.runs()) == 1


def test_reports_that_name_no_time_are_told_apart_by_their_labels(home: House) -> None:
    home.write({"log.txt": "2 passed in 0.05s\n"})
    first = home.load("log.txt", commit="aaaaaaa", started_at="2026-03-01T06:00:00")
    assert first == {"log.txt": ("imported", "")}
    assert home.load("log.txt", commit="bbbbbbb", started_at="2026-03-02")["log.txt"][0] == "imported"
    assert home.load("log.txt", commit="aaaaaaa", started_at="2026-03-01T06:00:00Z")["log.txt"][0] == "duplicate"
    assert [run.commit for run in home.runs()] == ["aaaaaaa", "bbbbbbb"]


def test_labels_come_from_arguments_then_from_the_path_then_from_the_file(home: House) -> None:
    properties = '<properties><property name="git.branch" value="from-file"/></properties>'
    report = junit(TESTS).replace("<testcase", f"{properties}<testcase", 1)
    other = junit(TESTS, at="2026-03-02T06:00:00").replace("<testcase", f"{properties}<testcase", 1)
    third = junit(TESTS, at="2026-03-03T06:00:00").replace("<testcase", f"{properties}<testcase", 1)
    home.write({"x/main/abc/1.xml": report, "y/2.xml": other, "z/rc/def/3.xml": third})
    match = r"(?P<branch>[^/]+)/(?P<commit>[^/]+)/"
    home.load("x", match=match)
    home.load("y")
    home.load("z", match=match, branch="given", ci_url="https://ci.example/3")
    found = [(run.branch, run.commit, run.ci_url) for run in home.runs()]
    assert found == [("main", "abc", None), ("from-file", None, None), ("given", "def", "https://ci.example/3")]


def test_a_pattern_is_looked_for_below_what_is_loaded_and_in_the_members_of_zips(home: House) -> None:
    match = r"^(?P<branch>[^/]+)/(?P<commit>\w+)"
    home.write(
        {
            "reports/main/aaa.xml": junit(TESTS, at="2026-03-01T00:00:00"),
            "all.zip": zipped({"main/bbb/j.xml": junit(TESTS, at="2026-03-02T00:00:00")}),
        }
    )
    home.load("reports", match=match)
    home.load("all.zip", match=match)
    home.write({"reports/main/ccc.xml": junit(TESTS, at="2026-03-03T00:00:00")})
    home.load("reports/*/c*.xml", match=match)
    assert [(run.branch, run.commit) for run in home.runs()] == [("main", "aaa"), ("main", "bbb"), ("main", "ccc")]


def test_a_time_in_the_path_is_in_the_named_zone(home: House) -> None:
    home.write({"2026-07-01T12-x.xml": junit(TESTS, at=None)})
    home.load("*.xml", match=r"(?P<started_at>[-\d]+T\d\d)-", tz="Europe/Berlin")
    assert home.runs()[0].started_at == datetime(2026, 7, 1, 10, tzinfo=UTC)


def test_a_time_without_a_zone_in_a_report_is_in_the_named_zone(home: House) -> None:
    home.write({"a.xml": junit(TESTS, at="2026-07-01T12:00:00"), "b.xml": junit(TESTS, at="2026-07-01T12:00:00+00:00")})
    home.load("a.xml", "b.xml", tz="Europe/Berlin")
    assert [run.started_at.hour for run in home.runs()] == [10, 12]


def test_the_files_own_time_stands_in_and_that_is_told(home: House) -> None:
    home.write({"log.txt": "2 passed in 0.05s\n"})
    assert home.load("log.txt") == {"log.txt": ("imported", "The report names no time; the file's own stands in.")}
    assert home.load("log.txt")["log.txt"][0] == "duplicate"


def test_a_broken_report_does_not_stop_the_others(home: House) -> None:
    home.write(
        {
            "1.xml": "<testsuite>",
            "2.json": "[]",
            "3.txt": "nothing of pytest",
            "4.zip": b"PK\x03\x04 broken",
            "5.zip": zipped({"readme.md": "#"}),
            "6.xml": junit(TESTS),
            ".hidden.xml": junit(TESTS, at="2026-01-01T00:00:00"),
            "notes.md": "# none",
        }
    )
    results = home.load(".")
    assert {path: result for path, (result, _) in results.items()} == {
        **dict.fromkeys(["1.xml", "2.json", "3.txt", "4.zip", "5.zip"], "refused"),
        "6.xml": "imported",
    }
    assert all(reason.endswith(".") for result, reason in results.values() if result == "refused")


def test_a_path_that_does_not_match_is_refused_rather_than_kept_without_labels(home: House) -> None:
    home.write({"main/a.xml": junit(TESTS), "b.xml": junit(TESTS, at="2026-01-02T00:00:00")})
    results = home.load("main", "b.xml", match=r"(?P<branch>main)/|(?P<commit>a)")
    assert (results["main/a.xml"][0], results["b.xml"][0]) == ("imported", "refused")
    assert "does not match" in results["b.xml"][1]


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"match": "("}, "regular expression"),
        ({"match": "(?P<colour>a)"}, "colour"),
        ({"match": "abc"}, "branch"),
        ({"match": "(?!x)(?P<branch>a)"}, "look-ahead"),
        ({"match": r"(?P<branch>a)\1"}, "back-references"),
        ({"match": "(?P<branch>a)(b|c)"}, r"\(\?:\.\.\.\)"),
        ({"match": "(?P<branch>a)|(?P<branch>b)"}, "two groups"),
        ({"match": "(?P<branch>" + "(" * 40 + "a" + "{9})" * 40 + ")"}, "repetition"),
        ({"tz": "Mars/Olympus"}, "time zone"),
    ],
)
def test_wrong_labels_are_refused_before_anything_is_loaded(home: House, given: dict[str, Any], word: str) -> None:
    home.write({"a.xml": junit(TESTS)})
    with pytest.raises(Invalid, match=word):
        home.load("a.xml", **given)
    assert home.runs() == []


def test_an_expression_that_would_backtrack_for_ever_is_answered(home: House) -> None:
    folder = "a" * 200
    home.write({f"{folder}/x.xml": junit(TESTS)})
    (result, reason), *_ = home.load(".", match=r"^(?P<branch>(?:a+)+)/y").values()
    assert (result, "does not match" in reason) == ("refused", True)
    assert home.load(".", match=r"^(?P<branch>(?:a+)+)/x") == {f"{folder}/x.xml": ("imported", "")}
    assert home.runs()[0].branch == folder


def test_only_the_projects_own_files_are_read(home: House, tmp_path: Path) -> None:
    (tmp_path / "secret.xml").write_text(junit(TESTS))
    (home.root / "link.xml").symlink_to(tmp_path / "secret.xml")
    for path in ("../secret.xml", str(tmp_path / "secret.xml"), "a/../../secret.xml", "~/x.xml"):
        with pytest.raises(PermissionDenied):
            home.load(path)
    result, reason = home.load("link.xml")["link.xml"]
    assert (result, "out of the project" in reason) == ("refused", True)
    with pytest.raises(NotFound, match="no-such"):
        home.load("no-such.xml")


def test_a_name_that_is_not_utf8_is_told_in_escapes(home: House) -> None:
    Path(os.fsdecode(os.fsencode(home.root) + b"/\xff.xml")).write_text(junit(TESTS))
    assert home.load(".") == {"\\xff.xml": ("imported", "")}


def test_a_sent_report_that_is_no_base64_is_refused(home: House) -> None:
    good = base64.b64encode(junit(TESTS).encode()).decode()
    sent = [
        {"path": "a.xml", "content": "***"},
        {"path": "b.xml", "content": good, "packing": "gzip"},
        {"path": "c.xml", "content": good},
    ]
    loaded = home.ask("test.import", project="demo", reports=sent)
    assert [report.result for report in loaded.reports] == ["refused", "refused", "imported"]


def test_attempts_before_the_last_are_reruns_with_their_failures(home: House) -> None:
    case = '<testcase classname="test_a" name="test_one" time="0.1">{}</testcase>'
    flaky = '<flakyFailure message="no" type="AssertionError">no</flakyFailure>'
    text = f'<testsuite name="s" timestamp="2026-03-01T00:00:00">{case.format(flaky)}</testsuite>'
    home.write({"surefire.xml": text})
    home.load("surefire.xml")
    run = home.runs()[-1]
    page = home.ask("test.results", project="demo", run=run.run_id)
    assert [(o.attempt, o.outcome) for o in page.outcomes] == [(1, "rerun"), (2, "passed")]


def test_more_results_than_fit_into_one_answer_are_refused_with_what_to_do(home: House) -> None:
    home.write({"a.xml": junit(TESTS), "b.xml": junit(TESTS, at="2026-03-02T06:00:00")})
    home.load("a.xml", "b.xml")
    workspace = home.workspace
    place = workspace.place.database
    parts = (workspace.registry, workspace.history, workspace.events, place, workspace.tests.settle)
    careful = HistoryManager(*parts, most_results=5)
    with pytest.raises(TooLarge, match="6 results"):
        careful.table(careful.select("demo", "all"), 10, "slowest")
    assert careful.table(careful.select("demo", "2026-03-02"), 10, "slowest").rows == 2


def test_every_stored_sample_is_loaded_or_refused_with_a_reason(home: House) -> None:
    home.write({f"reports/{path.name}": path.read_bytes() for path in SAMPLES.iterdir() if path.is_file()})
    loaded = home.ask("test.import", project="demo", files=["reports"]).reports
    complete = {run.run_id: run.complete for run in home.runs()}
    unknown = {entry["file"] for entry in manifest() if entry["expected"] is None}
    for report in loaded:
        if report.path.removeprefix("reports/") in unknown:
            assert report.reason if report.result == "refused" else not complete[report.run_id], report.path
    assert sum(report.result == "imported" for report in loaded) > 100
    assert len(complete) == sum(report.result == "imported" for report in loaded)


def test_the_counts_of_a_loaded_ctrf_report_agree_with_its_tests(home: House) -> None:
    statuses = [("passed", ""), ("other", "xfailed"), ("skipped", ""), ("pending", ""), ("failed", "error")]
    tests = [{"name": f"t.py::{at}", "status": status, "rawStatus": raw} for at, (status, raw) in enumerate(statuses)]
    home.write({"ctrf.json": json.dumps({"results": {"summary": {"start": 1772359200000}, "tests": tests}})})
    home.load("ctrf.json")
    (run,) = home.runs()
    assert (run.passed, run.failed, run.skipped, run.errors, run.xfailed, run.xpassed) == (1, 0, 2, 1, 1, None)
    assert sorted(home.nodeids(run.run_id).values()) == ["error", "passed", "skipped", "skipped", "xfailed"]
    assert run.state == "failed"


@pytest.mark.parametrize("outcome", ["failed", "passed"])
def test_a_report_log_that_is_cut_off_is_not_a_green_run(home: House, outcome: str) -> None:
    lines = [
        {"pytest_version": "9.0.1", "$report_type": "SessionStart"},
        {"nodeid": "t.py::a", "when": "call", "outcome": outcome, "start": 1772359200, "$report_type": "TestReport"},
        {"nodeid": "t.py::b", "when": "call", "outcome": "passed", "start": 1772359201, "$report_type": "TestReport"},
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    home.write({"log.jsonl": text + '{"nodeid": "t.py::c", "wh'})
    home.load("log.jsonl")
    (run,) = home.runs()
    assert (run.state, run.status, run.complete, run.exit_code) == ("failed", "crashed", False, 1)
    assert (run.passed, run.failed, run.errors) == ((2, 0, None) if outcome == "passed" else (1, 1, None))
    assert "the tests that were reported" in run.message
