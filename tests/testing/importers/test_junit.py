"""JUnit XML of many tools: testcases are counted, attempts belong to one test, names become nodeids."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from att.errors import Invalid
from att.testing.importers import parse, parse_junit_xml
from tests.testing.importers.support import SAMPLES, sample


def junit(body: str, attributes: str = 'name="s"') -> str:
    return f'<?xml version="1.0"?><testsuites><testsuite {attributes}>{body}</testsuite></testsuites>'


def counts(text: str | bytes) -> tuple[int | None, ...]:
    report = parse_junit_xml(text)
    return report.passed, report.failed, report.skipped, report.errors, report.xfailed


TOOLS = {
    "jest-junit": (
        '<testcase classname="a b" name="a b" time="0.1"/><testcase name="c"><skipped/></testcase>',
        (1, 0, 1, 0, 0),
    ),
    "mocha": (
        '<testcase name="x"><failure message="m" type="E"><![CDATA[at <a>]]></failure></testcase>',
        (0, 1, 0, 0, 0),
    ),
    "go-junit-report": (
        '<testcase classname="pkg" name="TestA" time="0.1"><skipped message="no"></skipped></testcase>',
        (0, 0, 1, 0, 0),
    ),
    "gtest": (
        '<testcase name="a" status="notrun" result="suppressed"/><testcase name="b" status="run" result="completed"/>',
        (1, 0, 1, 0, 0),
    ),
    "ctest": (
        '<testcase name="a" status="disabled"/><testcase name="b" status="fail"><failure/></testcase>',
        (0, 1, 1, 0, 0),
    ),
    "phpunit": (
        '<testsuite name="i"><testcase name="a"><error type="E">x</error></testcase></testsuite><testcase name="b"/>',
        (1, 0, 0, 1, 0),
    ),
    "surefire": (
        '<properties><property name="a" value="b"/></properties>'
        '<testcase name="a"><system-out>o</system-out></testcase>',
        (1, 0, 0, 0, 0),
    ),
    "nextest": (
        '<testcase name="a"><flakyFailure message="x"/></testcase>'
        '<testcase name="b"><rerunFailure/><failure/></testcase>',
        (1, 1, 0, 0, 0),
    ),
    "both": ('<testcase name="a"><failure/><error/></testcase>', (0, 1, 0, 0, 0)),
    "suite output": ('<testcase name="a"/><system-out>1 failed</system-out><error>late</error>', (1, 0, 0, 0, 0)),
}


@pytest.mark.parametrize(("body", "expected"), TOOLS.values(), ids=TOOLS)
def test_each_tools_way_of_writing_is_counted(body: str, expected: tuple[int, ...]) -> None:
    assert counts(junit(body)) == expected


def test_attributes_may_stand_in_any_order_and_number() -> None:
    cases = (
        '<testcase classname="c" name="a" time="0.1"/>',
        '<testcase name="b" classname="d" time="0.2"/>',
        '<testcase time="0.3" name="c" file="t.py"/>',
        '<testcase classname="c" name="d" time="0.4"><skipped/></testcase>',
    )
    columns = parse_junit_xml(junit("".join(cases))).tests.columns
    assert columns["nodeid"] == ["c::a", "d::b", "t.py::c", "c::d"]
    assert columns["duration_seconds"] == [0.1, 0.2, 0.3, 0.4]
    assert columns["outcome"] == ["passed", "passed", "passed", "skipped"]


def test_an_element_whose_name_ends_as_that_of_a_suite_is_none() -> None:
    assert counts(junit('<mytestsuite/><testcase name="a"/>')) == (1, 0, 0, 0, 0)


def test_totals_that_a_suite_states_are_not_believed() -> None:
    assert counts(junit('<testcase name="a"/>', 'name="s" tests="7" failures="3"')) == (1, 0, 0, 0, 0)


def test_totals_without_testcases_are_refused() -> None:
    for stated in ('tests="7"', 'tests="0" errors="1"', 'failures="2"'):
        with pytest.raises(Invalid, match="lists none"):
            parse(junit("<system-err>boom</system-err>", f'name="s" {stated}'))


@pytest.mark.parametrize("text", ["<testsuites/>", '<testsuites tests="0">\n</testsuites>', "<testsuite/>"])
def test_a_report_without_any_suite_or_test_is_of_no_tests(text: str) -> None:
    report = parse(text)
    assert (counts(text), report.status, len(report.tests)) == ((0, 0, 0, 0, 0), "no_tests", 0)


def test_testcases_outside_any_suite_are_counted() -> None:
    assert counts('<testsuites><testcase name="a"/><testcase name="b"><failure/></testcase></testsuites>') == (
        1,
        1,
        0,
        0,
        0,
    )


def test_testcases_without_a_name_are_no_attempts_of_each_other() -> None:
    assert counts(junit("<testcase/><testcase/><testcase><failure/></testcase>")) == (2, 1, 0, 0, 0)


def test_a_namespace_and_a_comment_do_not_matter() -> None:
    case = '<j:testcase name="a"><j:failure>no</j:failure></j:testcase>'
    text = f'<!-- c --><j:testsuite xmlns:j="urn:x">{case}</j:testsuite>'
    assert counts(text) == (0, 1, 0, 0, 0)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "utf-32"])
def test_a_report_may_be_in_any_unicode(encoding: str) -> None:
    text = sample("junit__mixed-p9.xml").decode()
    assert counts(text.replace("\n", "\r\n").encode(encoding)) == (9, 4, 2, 3, 3)


def test_a_declared_single_byte_encoding_is_read() -> None:
    text = '<?xml version="1.0" encoding="windows-1252"?><testsuite><testcase name="\u20ac\u00fc"/></testsuite>'
    assert parse(text.encode("windows-1252")).tests[0].name == "\u20ac\u00fc"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty|neither"),
        ("<testsuite><testcase name='a'/>", "cut off"),
        ("<testsuite><testcase name='a'/></testsuites>", "mismatched"),
        ("<html><body/></html>", "not JUnit"),
        ("<testcase name='a'/>", "not JUnit"),
        ("<!DOCTYPE testsuite SYSTEM 'file:///etc/passwd'><testsuite/>", "document type"),
        ("<testsuite>" * 200 + "</testsuite>" * 200, "nested deeper"),
        ("<testsuite><testcase name='a\0'/></testsuite>", "not well-formed"),
        ("<?xml version='1.0' encoding='no-such'?><testsuite/>", "encoding|well-formed"),
    ],
)
def test_what_is_not_junit_is_refused(text: str, why: str) -> None:
    with pytest.raises(Invalid, match=why):
        parse_junit_xml(text.encode())


def test_a_report_cut_off_anywhere_is_refused() -> None:
    data = sample("junit__mixed-p9.xml")
    for end in range(0, len(data) - 1, 97):
        with pytest.raises(Invalid):
            parse(data[:end], "junit")


def test_bare_testcases_of_one_name_are_attempts_of_one_test() -> None:
    report = parse_junit_xml(sample("junit__rerun-p8.xml"))
    attempts = dict(zip(report.tests.columns["name"], report.tests.columns["attempts"], strict=True))
    assert attempts == {"test_flaky": 3, "test_always": 4, "test_ok": 1, "test_setup_flaky": 2}
    assert report.counts["rerun"] == 6
    always = next(record for record in report.tests if record.name == "test_always")
    assert [failure.attempt for failure in always.failures] == [4]


def test_surefires_attempts_are_numbered() -> None:
    report = parse_junit_xml(sample("junit__rerun-surefire.xml"))
    flaky, bad = report.tests
    assert (flaky.outcome, flaky.attempts, [f.attempt for f in flaky.failures]) == ("passed", 2, [1])
    assert (bad.outcome, bad.attempts, [f.attempt for f in bad.failures]) == ("failed", 2, [1, 2])


def test_the_same_name_in_two_suites_is_two_tests() -> None:
    case = '<testcase classname="c" name="n"/>'
    assert counts(f"<testsuites><testsuite>{case}</testsuite><testsuite>{case}</testsuite></testsuites>")[0] == 2


def test_a_failure_in_call_and_in_teardown_is_one_test_counted_twice() -> None:
    report = parse_junit_xml(sample("junit__mixed-p9.xml"))
    test = next(record for record in report.tests if record.name == "test_fail_then_err")
    assert test.outcome == "failed"
    assert [(f.phase, f.exception_type, f.message) for f in test.failures] == [
        (None, "AssertionError", "assert 0"),
        ("teardown", "RuntimeError", "RuntimeError: teardown boom"),
    ]


def test_a_test_that_was_interrupted_is_not_a_pass() -> None:
    report = parse_junit_xml(sample("junit__own-kbd-p9.xml"))
    assert (report.passed, report.status, report.tests.columns["name"]) == (1, "interrupted", ["test_a"])


def test_a_suite_that_pytest_wrote_under_another_name_is_known_by_its_attributes() -> None:
    suite = '<testsuite name="mine" errors="0" failures="0" skipped="0" tests="1" time="0.6" timestamp="" hostname="h">'
    report = parse_junit_xml(f'<testsuites>{suite}<testcase name="a"/><testcase time="0.0"/></testsuite></testsuites>')
    assert (report.passed, report.status, report.tool) == (1, "interrupted", "pytest")


def test_names_become_nodeids_by_the_file_attribute() -> None:
    report = parse_junit_xml(SAMPLES / "junit__mixed-p8-xunit1.xml")
    assert report.tests[1].nodeid == "tests/test_m.py::test_par[0]"
    assert all(report.tests.columns["resolved"])


def test_names_become_nodeids_by_what_the_project_knows() -> None:
    known = ["tests/test_c.py::TestA::TestB::test_y", "tests/test_c.py"]
    nodeids = set(parse_junit_xml(sample("junit__cls-p62.xml"), known=known).tests.columns["nodeid"])
    assert {"tests/test_c.py::TestA::TestB::test_y", "tests/test_c.py::TestA::test_z[3-4]"} <= nodeids
    assert all(nodeid.startswith("tests/test_c.py::") for nodeid in nodeids)


def test_a_name_that_two_nodeids_share_is_not_guessed() -> None:
    case = '<testcase classname="a.b.C" name="t"/>'
    report = parse_junit_xml(junit(case), known=["a/b.py::C::t", "a.py::b::C::t"])
    assert report.tests[0].nodeid in ("a/b.py::C::t", "a.b.C::t")


def test_an_escaped_name_is_found_again() -> None:
    known = ["t.py::test_u[\x1b]"]
    report = parse_junit_xml(junit('<testcase classname="t" name="test_u[#x1B]"/>'), known=known)
    assert (report.tests[0].nodeid, report.tests[0].resolved) == ("t.py::test_u[\x1b]", True)


def test_an_absolute_file_is_matched_to_the_project() -> None:
    case = '<testcase classname="T" name="t" file="/home/ci/build/tests/test_a.py"/>'
    assert parse_junit_xml(junit(case), known=["tests/test_a.py"]).tests[0].nodeid == "tests/test_a.py::T::t"
    assert not parse_junit_xml(junit(case)).tests[0].resolved


def test_an_unresolved_name_is_flagged() -> None:
    record = parse_junit_xml(sample("junit__vitest.xml")).tests[0]
    assert (record.nodeid, record.resolved) == ("v/a.test.mjs::o > ok", False)


def test_metadata_times_and_worker_host_are_read() -> None:
    properties = (
        '<properties><property name="GITHUB_SHA" value="abc"/><property name="branch" value="main"/></properties>'
    )
    text = junit(
        properties + '<testcase name="a" time="1,000.5"/>', 'name="s" timestamp="2026-01-01T10:00:00" time="2"'
    )
    report = parse_junit_xml(text, tz=ZoneInfo("Europe/Berlin"))
    assert report.started_at == datetime(2026, 1, 1, 9, tzinfo=UTC)
    assert report.metadata == {"commit": "abc", "branch": "main"}
    assert (report.duration_seconds, report.tests[0].duration_seconds) == (2.0, 1000.5)


def test_a_duration_that_is_no_number_is_unknown() -> None:
    cases = "".join(
        f'<testcase name="{i}" time="{time}"/>' for i, time in enumerate(("nan", "-1", "inf", "x", "", "1e400"))
    )
    assert parse_junit_xml(junit(cases)).tests.columns["duration_seconds"] == [None] * 6


def test_a_long_failure_keeps_its_beginning_and_its_end() -> None:
    text = "A" * 100_000 + "\u00fc" * 100_000 + "Z"
    failure = parse_junit_xml(junit(f'<testcase name="a"><failure>{text}</failure></testcase>')).tests[0].failure
    assert failure is not None
    assert len(failure.longrepr.encode()) <= 64 << 10
    assert (failure.longrepr[0], failure.longrepr[-1]) == ("A", "Z")


def test_an_error_in_teardown_of_pytest_5_is_no_test_of_its_own() -> None:
    td = '<testcase name="td"><error message="test teardown failure">E</error></testcase>'
    both = '<testcase name="f"><failure>no</failure></testcase>' + td.replace("td", "f", 1)
    report = parse_junit_xml(junit(td + both, 'name="pytest"'))
    assert (report.passed, report.failed, report.errors, len(report.tests)) == (1, 1, 2, 2)
    assert report.tests[0].failures[0].phase == "teardown"


def test_a_test_of_node_that_is_still_to_do_may_fail() -> None:
    assert counts(junit('<testcase name="a"><skipped type="todo"/><failure>no</failure></testcase>')) == (0, 0, 1, 0, 0)
