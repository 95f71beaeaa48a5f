"""pytest-json-report, report logs and CTRF: phases, attempts, and what each format cannot say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from att.errors import Invalid
from att.testing.importers import parse, parse_ctrf, parse_pytest_json_report, parse_reportlog
from tests.testing.importers.support import sample


def lines(*objects: dict[str, Any]) -> str:
    return "".join(json.dumps(value) + "\n" for value in objects)


def test_a_report_log_of_a_killed_session_keeps_what_finished_and_knows_no_totals() -> None:
    report = parse_reportlog(sample("reportlog__own-osexit-p9.jsonl"))
    assert (report.complete, report.passed, report.status) == (False, None, None)
    assert dict(zip(report.tests.columns["name"], report.tests.columns["outcome"], strict=True)) == {
        "test_a": "passed",
        "test_x": "xfailed",
    }


def test_an_unfinished_last_line_is_left_out_and_a_broken_one_is_refused() -> None:
    data = sample("reportlog__mixed-p9.jsonl")
    assert not parse_reportlog(data[:-30]).complete
    with pytest.raises(Invalid, match="line 2"):
        parse_reportlog(data.replace(b'{"outcome"', b"{outcome", 1))


def test_phases_worker_and_times_are_kept() -> None:
    record = parse_reportlog(sample("reportlog__mixed-p9.jsonl")).tests[0]
    assert record.nodeid == "tests/test_m.py::test_pass1"
    assert None not in (record.setup_seconds, record.call_seconds, record.teardown_seconds, record.started_at)


def test_each_attempt_of_a_rerun_has_its_failure() -> None:
    report = parse_reportlog(sample("reportlog__own-rerun-p74-reruns-3.jsonl"))
    always = next(record for record in report.tests if record.name == "test_always")
    assert always.attempts == 4
    assert [failure.attempt for failure in always.failures] == [1, 2, 3, 4]
    assert report.counts["rerun"] == 13


def test_captured_output_is_a_section() -> None:
    report = parse_reportlog(sample("reportlog__mixed-p9.jsonl"))
    failure = next(record.failure for record in report.tests if record.name == "test_fail2")
    assert failure is not None
    assert ("Captured stdout call", "captured out\n") in failure.sections
    assert (failure.phase, failure.exception_type) == ("call", "AssertionError")


def test_skipped_subtests_of_pytest_9_are_unknown_because_its_verbosity_decides() -> None:
    subtest = {"nodeid": "t.py::a", "when": "call", "outcome": "skipped", "$report_type": "SubTestReport"}
    end = {"exitstatus": 0, "$report_type": "SessionFinish"}
    nine = lines({"pytest_version": "9.0.1", "$report_type": "SessionStart"}, subtest, end)
    eight = lines({"pytest_version": "8.4.2", "$report_type": "SessionStart"}, subtest, end)
    assert (parse(nine).skipped, parse(eight).skipped) == (None, 1)


def test_collectors_count_and_are_tests_of_their_own() -> None:
    report = parse_pytest_json_report(sample("json-report__own-collect-err-p9.json"))
    assert (report.errors, report.skipped, report.status) == (2, 1, "collect_error")
    failure = report.tests[0].failure
    assert failure is not None
    assert (report.tests[0].nodeid, failure.phase) == ("tests/test_bad.py", "collect")


def test_what_only_collectors_tell_is_unknown_without_them() -> None:
    document = json.loads(sample("json-report__mixed-p9-xunit1.json"))
    del document["collectors"]
    report = parse(json.dumps(document))
    assert (report.passed, report.failed, report.skipped, report.errors) == (8, 4, None, None)
    assert parse(json.dumps(document | {"exitcode": 0})).errors == 3, "a session that ended well collected everything"


def test_a_report_of_xdist_without_collectors_collected_everything() -> None:
    document = json.loads(sample("json-report__own-mixed-p9-n-2.json"))
    assert "collectors" not in document
    assert None not in parse(json.dumps(document)).counts.values()


@pytest.mark.parametrize("worker", ["", "[gw0] linux -- Python 3.13.0 /usr/bin/python\n"])
def test_the_failed_subtests_that_a_test_contains_count(worker: str) -> None:
    call = {"outcome": "failed", "longrepr": f"{worker}contains 2 failed subtests"}
    test = {"nodeid": "t.py::a", "outcome": "failed", "setup": {"outcome": "passed"}, "call": call}
    document = {"exitcode": 1, "summary": {"failed": 1, "total": 1}, "collectors": [], "tests": [test]}
    report = parse(json.dumps(document))
    assert (report.failed, report.passed, len(report.tests)) == (3, 0, 1)


def test_how_many_subtests_failed_as_expected_is_unknown() -> None:
    stages = {phase: {"outcome": "passed"} for phase in ("setup", "call", "teardown")}
    test = {"nodeid": "t.py::a", "outcome": "xfailed", **stages}
    document = {"exitcode": 0, "summary": {"xfailed": 1, "total": 1}, "collectors": [], "tests": [test]}
    report = parse(json.dumps(document))
    assert (report.passed, report.skipped, report.xfailed) == (1, 0, None)


def test_what_the_subtests_of_a_test_named_after_the_last_one_reported_is_unknown() -> None:
    stages = {phase: {"outcome": "passed"} for phase in ("setup", "call", "teardown")}
    test = {"nodeid": "t.py::a", "outcome": "subtests passed", **stages}
    document = {"exitcode": 1, "summary": {"subtests passed": 1, "total": 1}, "collectors": [], "tests": [test]}
    report = parse(json.dumps(document))
    assert (report.passed, report.failed, report.skipped, report.xfailed) == (1, None, None, None)
    assert parse(json.dumps(document | {"exitcode": 0})).failed == 0


def test_how_often_a_test_was_rerun_is_unknown_in_a_json_report() -> None:
    report = parse_pytest_json_report(sample("json-report__rerun-p9.json"))
    assert report.counts["rerun"] is None
    assert (report.passed, report.failed) == (3, 1)


def test_a_bare_summary_gives_what_it_can_or_is_refused() -> None:
    head = {"created": 1.0, "duration": 1.0, "exitcode": 1}
    report = parse_pytest_json_report(json.dumps(head | {"summary": {"passed": 2, "failed": 1, "total": 3}}))
    assert (report.passed, report.failed, report.skipped, report.errors) == (2, 1, None, None)
    with pytest.raises(Invalid, match="cannot be known"):
        parse(json.dumps(head | {"summary": {"passed": 2, "error": 1, "total": 3}}))


PHASELESS = [{"nodeid": "a.py::b", "outcome": "passed"}, {"nodeid": "a.py::c", "outcome": "failed"}]


def json_report(tests: list[dict[str, Any]], exitcode: Any = 1, **summary: Any) -> str:
    return json.dumps({"summary": summary, "exitcode": exitcode, "tests": tests})


def test_a_test_without_phases_counts_by_its_outcome() -> None:
    more = [{"nodeid": f"a.py::{name}", "outcome": name} for name in ("skipped", "xfailed", "xpassed", "error")]
    report = parse(json_report([*PHASELESS, *more], total=6))
    assert report.counts == {
        **{"passed": 1, "failed": 1, "skipped": 1, "errors": 1, "xfailed": 1, "xpassed": 1},
        "warnings": 0,
    }
    assert [record.outcome for record in report.tests] == ["passed", "failed", "skipped", "xfailed", "xpassed", "error"]
    assert [bool(record.failures) for record in report.tests] == [False, True, False, False, False, True]
    durations = [{**test, "call": {"duration": 0.5}} for test in PHASELESS]
    timed = parse(json_report(durations))
    assert (timed.passed, timed.failed, timed.tests[0].duration_seconds) == (1, 1, 0.5)
    assert parse(json.dumps({"summary": {}, "tests": PHASELESS})).passed == 1


def test_an_outcome_that_says_nothing_is_refused_without_phases() -> None:
    for outcome in ("rerun", "splendid"):
        with pytest.raises(Invalid, match=f"'{outcome}' and no phases"):
            parse(json_report([{"nodeid": "a.py::b", "outcome": outcome}]))


def test_a_summary_that_states_other_tests_than_are_listed_counts() -> None:
    report = parse(json_report(PHASELESS, passed=2, failed=1, total=3))
    assert (report.passed, report.failed, report.skipped, report.errors) == (2, 1, None, None)
    assert len(report.tests) == 2
    with pytest.raises(Invalid, match="cannot be known"):
        parse(json_report(PHASELESS, passed=1, failed=1, error=1, total=3))


@pytest.mark.parametrize(
    "summary",
    [
        {},
        {"passed": "5"},
        {"passed": -5},
        {"passed": 5},
        {"passed": True, "total": 1},
        {"total": 5},
        {"total": None},
        {"passed": 2, "total": 3},
        {"passed": 3, "total": 0},
        {"passed": "5", "total": 5},
    ],
)
def test_a_summary_that_cannot_be_is_refused_and_never_zeros(summary: dict[str, Any]) -> None:
    for tests in ([], PHASELESS) if summary else ([],):
        with pytest.raises(Invalid, match=r"is broken: .*(summary|total)"):
            parse(json_report(tests, exitcode=0, **summary))


def test_what_a_summary_tells_depends_on_how_the_session_ended() -> None:
    def counts(exitcode: int) -> tuple[int | None, ...]:
        report = parse(json_report([], exitcode, passed=2, skipped=1, total=3))
        return report.passed, report.skipped, report.errors

    assert counts(0) == (2, 1, 0)
    assert counts(1) == (2, 1, None)
    assert counts(2) == (None, 1, None), "the test that was interrupted is stated as passed"


def test_ctrf_has_its_own_statuses_and_no_errors() -> None:
    report = parse_ctrf(sample("ctrf__mixed-p8-q.json"))
    assert (report.passed, report.failed, report.skipped) == (8, 6, 4)
    assert (report.errors, report.xfailed, report.xpassed) == (None, None, None)
    assert (report.counts["tests"], report.counts["pending"], report.counts["other"]) == (18, 0, 0)
    assert report.tests[0].nodeid == "tests/test_m.py::test_pass1"
    assert report.tool == "pytest 8.4.2"


def test_ctrf_of_another_tool_keeps_suite_retries_and_environment() -> None:
    test = {
        "name": "adds",
        "status": "passed",
        "duration": 1500,
        "suite": ["cart", "sums"],
        "retries": 2,
        "flaky": True,
    }
    more = {"name": "later", "status": "pending", "duration": 0, "filePath": "cart.spec.ts"}
    document = {
        "results": {
            "tool": {"name": "playwright"},
            "summary": {
                "tests": 2,
                "passed": 1,
                "failed": 0,
                "pending": 1,
                "skipped": 0,
                "other": 0,
                "start": 1,
                "stop": 3,
            },
            "tests": [test, more],
            "environment": {"branchName": "main", "commit": "abc", "buildUrl": "https://ci/1"},
        }
    }
    report = parse(json.dumps(document))
    first, second = report.tests
    assert (first.nodeid, first.resolved, first.attempts, first.duration_seconds) == ("cart::sums::adds", False, 3, 1.5)
    assert (second.nodeid, second.outcome, report.counts["pending"]) == ("cart.spec.ts::later", "skipped", 1)
    assert report.metadata == {"branch": "main", "commit": "abc", "ci_url": "https://ci/1"}


def ctrf(*tests: dict[str, Any], **summary: Any) -> str:
    return json.dumps({"results": {"summary": summary, "tests": tests}})


@pytest.mark.parametrize(
    ("status", "raw", "outcome"),
    [
        ("other", "xfailed", "xfailed"),
        ("skipped", "xfailed", "xfailed"),
        ("other", "xpassed", "xpassed"),
        ("passed", "xpassed", "xpassed"),
        ("failed", "error", "error"),
        ("other", "passed", "skipped"),
        ("passed", "failed", "passed"),
        ("failed", "call_failed", "failed"),
        ("failed", ["error"], "failed"),
        ("other", None, "skipped"),
        ("broken", None, "skipped"),
    ],
)
def test_a_raw_status_that_fits_tells_the_outcome(status: str, raw: Any, outcome: str) -> None:
    (test,) = parse(ctrf({"name": "a.py::b", "status": status, "rawStatus": raw})).tests
    assert test.outcome == outcome


@pytest.mark.parametrize(
    "summary",
    [{"tests": 5}, {"passed": 0}, {"tests": 3, "passed": 2}, {"tests": 1, "passed": 2}, {"tests": 2, "passed": True}],
)
def test_a_summary_of_ctrf_that_does_not_add_up_is_refused_and_never_zeros(summary: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match="lists no tests"):
        parse(ctrf(**summary))
    report = parse(ctrf(tests=3, passed=2, other=1))
    assert (report.passed, report.failed, report.skipped, report.errors) == (2, 0, 0, None)


def test_each_attempt_that_ctrf_lists_has_its_failure() -> None:
    failed = {"status": "failed", "message": "Error: slow", "duration": 1}
    last = {"attempt": 3, "status": "passed"}
    flaky: dict[str, Any] = {
        "name": "a",
        "status": "passed",
        "retries": 2,
        "retryAttempts": [failed, {**failed, "attempt": 2}, last],
    }
    broken = {"name": "b", "status": "failed", "message": "no", "retries": 1, "retryAttempts": [failed, None]}
    summary = {"tests": 2, "passed": 1, "failed": 1, "start": 1795448406980}
    flaky["start"] = 1795448407
    report = parse(json.dumps({"results": {"summary": summary, "tests": [flaky, broken]}}))
    first, second = report.tests
    assert report.started_at is not None
    assert first.started_at is not None
    assert (first.started_at - report.started_at).total_seconds() == pytest.approx(0.02)
    assert (first.outcome, first.attempts, [failure.attempt for failure in first.failures]) == ("passed", 3, [1, 2])
    assert (second.attempts, [(f.attempt, f.message) for f in second.failures]) == (2, [(1, "Error: slow"), (2, "no")])


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "[]",
        "null",
        '{"a": 1}',
        '{"results": {"summary": [], "tests": {}}}',
        '{"results": {"summary": {}, "tests": [{"name": "a"}]}}',
        '{"results": {"summary": {"passed": -1}, "tests": []}}',
        '{"summary": 3, "exitcode": 0}',
        '{"summary": {"total": "x"}, "exitcode": 0}',
        '{"summary": {}, "exitcode": 0, "tests": [{}]}',
        '{"summary": {}, "exitcode": 0, "tests": 5}',
        '{"$report_type": 5}',
        '{"numTotalTests": 3, "testResults": []}',
        "[" * 100_000,
        '{"a":' * 100_000,
        '{"exitcode": ' + "9" * 10_000 + "}",
    ],
)
def test_json_that_is_no_report_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse(text.encode())


def test_lone_surrogates_and_zero_bytes_become_escapes() -> None:
    phase = {"nodeid": "t.py::a[\ud800]", "when": "call", "outcome": "failed", "longrepr": "\ud800\x00"}
    text = lines(phase | {"$report_type": "TestReport"}, {"exitstatus": 1, "$report_type": "SessionFinish"})
    record = parse(text).tests[0]
    assert record.nodeid == "t.py::a[\\ud800]"
    assert record.failure is not None
    assert record.failure.longrepr == "\\ud800\\x00"
