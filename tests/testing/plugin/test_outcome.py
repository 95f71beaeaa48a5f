"""The status of a run, and the values that travel while it runs and when it is over."""

from __future__ import annotations

import signal
from datetime import timedelta
from pathlib import Path

import pytest

from att.models import now
from att.testing.models import TestRequest, TestRun, TestStatus
from att.testing.outcome import finished_run, live_run, status_of
from att.testing.records import Boot, End, Exit, Interrupt, Record, Session
from att.testing.stream import StreamState
from tests.testing.plugin.harness import run_suite
from tests.testing.plugin.suites import CRASHES, MIXED, MIXED_ARGUMENTS

BOOT = Boot(event="boot", at=1, pid=1, python="3.11", pytest="8.4")
SESSION = Session(event="session", at=2, rootdir="/", plugins=[], workers=0, maxfail=0)
EXIT = Exit(event="exit", at=9)


def _end(exitstatus: int, **counts: int) -> End:
    return End(event="end", at=8, exitstatus=exitstatus, counts=counts)


def _interrupt(message: str = "") -> Interrupt:
    return Interrupt(event="interrupt", at=7, type="KeyboardInterrupt", message=message)


@pytest.mark.parametrize(
    ("records", "returncode", "status"),
    [
        ([BOOT, SESSION, _end(0, passed=1), EXIT], 0, "passed"),
        ([BOOT, SESSION, _end(1, failed=1), EXIT], 1, "failed"),
        ([BOOT, SESSION, _end(0, failed=1), EXIT], 0, "failed"),
        ([BOOT, SESSION, _end(6, passed=1), EXIT], 6, "failed"),
        ([BOOT, SESSION, _end(5), EXIT], 5, "no_tests"),
        ([BOOT, SESSION, _end(4), EXIT], 4, "usage_error"),
        ([BOOT, SESSION, _end(3), EXIT], 3, "internal_error"),
        ([BOOT, SESSION, _end(0, passed=1)], 3, "failed"),
        ([BOOT, SESSION, _end(0, passed=1)], 4, "failed"),
        ([BOOT, SESSION, _end(0), EXIT], 0, "no_tests"),
        ([BOOT, SESSION, _end(0, skipped=1), EXIT], 0, "passed"),
        ([BOOT, SESSION, _end(0, passed=1)], None, "passed"),
        ([BOOT, SESSION, _end(0, passed=1)], -signal.SIGSEGV, "crashed"),
        ([BOOT, SESSION, EXIT], 4, "usage_error"),
        ([BOOT, SESSION, EXIT], 0, "crashed"),
        ([BOOT, SESSION], 0, "crashed"),
        ([BOOT, SESSION], None, "crashed"),
        ([BOOT, EXIT], 4, "usage_error"),
        ([BOOT, EXIT], 0, "no_tests"),
        ([BOOT], 4, "crashed"),
        ([], 1, "usage_error"),
        ([], -signal.SIGKILL, "crashed"),
    ],
)
def test_the_status_comes_from_the_stream_before_the_return_code(
    records: list[Record], returncode: int | None, status: TestStatus
) -> None:
    state = StreamState()
    for record in records:
        state.apply(record)

    assert status_of(state, returncode) == status
    assert status_of(state, returncode, timed_out=True, cancelled=True) == "timed_out"


def test_a_cancel_that_comes_too_late_changes_nothing() -> None:
    state = StreamState(boot=BOOT, session=SESSION, end=_end(0, passed=1), counts={"passed": 1})
    stopped = StreamState(boot=BOOT, session=SESSION, end=_end(2), interrupt=_interrupt())

    assert status_of(state, 0, cancelled=True) == "passed"
    assert status_of(stopped, 2, cancelled=True) == "cancelled"


def _started() -> TestRun:
    return TestRun(
        project="demo", run_id="r1", state="running", started_at=now(), request=TestRequest(), commit="abc", dirty=True
    )


def test_a_finished_run_carries_counts_failures_and_environment(tmp_path: Path) -> None:
    done = run_suite("pytest84", tmp_path, MIXED, MIXED_ARGUMENTS)

    run = finished_run(_started(), done.state, ended_at=now(), returncode=done.returncode)

    counts = done.counts_of_pytest
    assert counts is not None
    assert run.state == "failed"
    assert run.status == "failed"
    assert (run.passed, run.failed, run.errors) == (counts["passed"], counts["failed"], counts["error"])
    assert (run.rerun, run.subtests) == (counts["rerun"], counts["subtests passed"] + counts["subtests xfailed"])
    assert (run.complete, run.in_flight, run.other_counts, run.commit) == (True, [], {}, "abc")
    assert len(run.failures) == run.failed + counts["error"]
    assert run.environment is not None
    assert run.environment.pytest == "8.4.2"
    assert TestRun.model_validate_json(run.model_dump_json()) == run


def test_a_crashed_run_says_how_and_during_which_test(tmp_path: Path) -> None:
    done = run_suite("pytest84", tmp_path, CRASHES["segfault"].files)

    run = finished_run(_started(), done.state, ended_at=now(), returncode=done.returncode)

    assert (run.status, run.complete, run.passed) == ("crashed", False, 3)
    assert "SIGSEGV" in run.message
    assert "test_a.py::test_crashes" in run.message


def test_a_timed_out_run_has_124_and_keeps_what_finished(tmp_path: Path) -> None:
    done = run_suite("pytest84", tmp_path, CRASHES["killed"].files)

    run = finished_run(_started(), done.state, ended_at=now(), returncode=done.returncode, timed_out=True)

    assert (run.status, run.returncode, run.timed_out, run.passed) == ("timed_out", 124, True, 3)


def test_a_session_that_refused_its_arguments_is_not_complete() -> None:
    state = StreamState(boot=BOOT, session=SESSION, end=_end(4), collected=0, last_at=8)
    run = finished_run(_started(), state, ended_at=now(), returncode=4)
    assert (run.status, run.complete) == ("usage_error", False)


@pytest.mark.parametrize(
    ("state", "returncode", "message"),
    [
        (StreamState(boot=BOOT, exited=True), 0, "Pytest left before it collected tests; is --version or --help"),
        (StreamState(boot=BOOT, session=SESSION, end=_end(5), collected=0), 5, "No tests were selected."),
        (
            StreamState(boot=BOOT, session=SESSION, end=_end(2), interrupt=_interrupt("Failed, go on.")),
            2,
            "Failed, go on.",
        ),
    ],
)
def test_the_message_says_in_one_sentence_how_a_run_ended(state: StreamState, returncode: int, message: str) -> None:
    run = finished_run(_started(), state, ended_at=now(), returncode=returncode)
    assert message in run.message
    assert run.message[-2:] != ".."


def test_a_run_without_an_end_lasted_until_its_process_was_gone() -> None:
    began = _started().started_at
    session = SESSION.model_copy(update={"at": (began + timedelta(seconds=1)).timestamp()})
    crashed = StreamState(boot=BOOT, session=session, last_at=session.at)
    ended = StreamState(boot=BOOT, session=session, last_at=session.at)
    ended.apply(_end(0).model_copy(update={"at": session.at + 2}))

    def seconds(state: StreamState) -> float | None:
        run = _started().model_copy(update={"started_at": began})
        return finished_run(run, state, ended_at=began + timedelta(seconds=7), returncode=-9).duration_seconds

    assert seconds(crashed) == pytest.approx(6)
    assert seconds(ended) == pytest.approx(2)
    assert seconds(StreamState()) == pytest.approx(7), "pytest never came to its session"


def test_a_live_run_tells_progress_and_the_time_that_is_left() -> None:
    state = StreamState(boot=BOOT, session=SESSION, nodeids=["a", "b"], collected=2, counts={"passed": 1}, finished=1)

    run = live_run(_started(), state, {"a": 1.0, "b": 2.0})

    assert (run.state, run.progress, run.eta_seconds, run.message) == ("running", 0.5, 3.0, "1 of 2 tests")
