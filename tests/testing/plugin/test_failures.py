"""What is kept of a failure: phase, type, message, text, captured output, and which failures are alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from att.testing.fingerprint import Cause, cause_of, fingerprint
from att.testing.models import TestFailure
from att.testing.records import Crash, FailureDetail
from tests.support.pytest_envs import ENVIRONMENTS
from tests.testing.plugin.harness import Finished, run_suite
from tests.testing.plugin.suites import MIXED, MIXED_ARGUMENTS, SUITES

TYPES_AND_PHASES = {
    ("test_outcomes.py::test_fails", "call", "AssertionError"),
    ("test_outcomes.py::test_raises", "call", "KeyError"),
    ("test_outcomes.py::test_leaves", "call", "SystemExit"),
    ("test_outcomes.py::test_setup_fails", "setup", "RuntimeError"),
    ("test_outcomes.py::test_teardown_fails", "teardown", "RuntimeError"),
    ("test_outcomes.py::test_both_fail", "call", "AssertionError"),
    ("test_outcomes.py::test_both_fail", "teardown", "RuntimeError"),
    ("test_outcomes.py::test_no_such_fixture", "setup", None),
    ("test_outcomes.py::test_strict_xpass", "call", None),
    ("test_outcomes.py::test_xfail_with_another_error", "call", "TypeError"),
    ("doctests.py::doctests.wrong", "call", "DocTestFailure"),
    ("test_units.py::ClassSetUp::test_never", "setup", "RuntimeError"),
}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_failures_tell_phase_and_exception_type(environment: str, tmp_path: Path) -> None:
    run = run_suite(environment, tmp_path, MIXED, MIXED_ARGUMENTS)

    found = {(failure.nodeid, failure.phase, failure.exception_type) for failure in run.state.failures}
    assert found >= TYPES_AND_PHASES
    failure = _only(run, "test_outcomes.py::test_fails")
    assert failure.message.startswith("assert [1, 2] == [1, 3]")
    assert failure.longrepr.startswith("    def test_fails")
    assert [(section.title, section.text) for section in failure.sections] == [("Captured stdout call", "to stdout\n")]
    assert failure.path is not None
    assert (Path(failure.path).name, failure.line) == ("test_outcomes.py", 22)
    assert "\\udc80" in str([failure.subtest for failure in run.state.failures])
    assert {outcome.nodeid: outcome.reason for outcome in run.state.outcomes}["test_outcomes.py::test_skipped"]


def test_failures_are_kept_without_the_colours_that_pytest_was_told_to_use(tmp_path: Path) -> None:
    suite = {"test_colours.py": "def test_differs():\n    assert 'Hello' == 'HELLO'\n"}
    (failure,) = run_suite([*ENVIRONMENTS][-1], tmp_path, suite, ("--color=yes", "-vv")).state.failures

    assert "- HELLO\n" in failure.longrepr + "\n"
    assert "\x1b" not in failure.longrepr + failure.message
    assert "\x1b" in (tmp_path / "output.txt").read_text()


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_long_and_unshowable_failures_are_clipped_and_kept(environment: str, tmp_path: Path) -> None:
    run = run_suite(environment, tmp_path, SUITES["unshowable"].files)

    assert [failure.nodeid.partition("::")[2] for failure in run.state.failures] == [
        "test_unshowable",
        "test_long",
        "test_loud",
        "test_surrogate",
    ]
    for failure in run.state.failures:
        assert 0 < len(failure.longrepr.encode()) <= 64 * 1024
        assert all(len(section.text.encode()) <= 16 * 1024 for section in failure.sections)
        assert TestFailure.model_validate_json(failure.model_dump_json()) == failure
    assert "bytes left out" in _only(run, "test_a.py::test_long").longrepr
    assert "\\udc80 ü" in _only(run, "test_a.py::test_surrogate").message


def _only(run: Finished, nodeid: str) -> TestFailure:
    (failure,) = [failure for failure in run.state.failures if failure.nodeid == nodeid]
    return failure


@pytest.mark.parametrize(
    ("text", "exception_type", "message"),
    [
        ("assert 1 == 2", "AssertionError", "assert 1 == 2"),
        ("AssertionError: said so\nassert 1 == 2", "AssertionError", "said so\nassert 1 == 2"),
        ("ZeroDivisionError: division by zero", "ZeroDivisionError", "division by zero"),
        ("pkg.mod.Broken", "pkg.mod.Broken", ""),
        ("test_a.test_x.<locals>.Broken: oh", "test_a.test_x.<locals>.Broken", "oh"),
        ('  File "x.py", line 1\n    def (\n        ^\nSyntaxError: invalid syntax', "SyntaxError", "invalid syntax"),
        ("Failed: a: b", "Failed", "a: b"),
        ("no exception here", None, "no exception here"),
    ],
)
def test_the_crash_line_gives_type_and_message(text: str, exception_type: str | None, message: str) -> None:
    cause = cause_of(FailureDetail(longrepr="", crash=Crash(path="a.py", line=3, message=text)))

    assert cause == Cause(exception_type, message, "a.py", 3)


def test_a_text_without_crash_record_is_read_from_its_marked_lines() -> None:
    text = "Traceback:\na.py:1: in <module>\n    import nowhere\nE   ModuleNotFoundError: No module named 'nowhere'\n"

    assert cause_of(FailureDetail(longrepr=text))[:2] == ("ModuleNotFoundError", "No module named 'nowhere'")


def test_a_fingerprint_survives_edits_and_parameters_but_not_another_cause() -> None:
    first = Cause("ValueError", "no 17 at 0x7f00aa12", "/work/p/tests/test_a.py", 10)
    moved = Cause("ValueError", "no 23 at 0x55d0", "/elsewhere/p/tests/test_a.py", 99)
    other = Cause("KeyError", "no 17 at 0x7f00aa12", "/work/p/tests/test_a.py", 10)

    assert fingerprint(first, "/work/p") == fingerprint(moved, "/elsewhere/p") != fingerprint(other, "/work/p")
