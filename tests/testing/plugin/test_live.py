"""What the stream tells while pytest runs, and after somebody else ended it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from att.testing.outcome import reason_of, status_of
from tests.support.pytest_envs import ENVIRONMENTS
from tests.support.waiting import eventually
from tests.testing.plugin.harness import HANG_SECONDS, Running, run_suite, started_suite
from tests.testing.plugin.suites import CRASHES, GOOD, SUITES

HANGING = GOOD + "import time\ndef test_hangs(): time.sleep(300)\ndef test_never(): pass\n"
NEWEST = list(ENVIRONMENTS)[-1]


def _until_it_hangs(running: Running, tests: int = 1) -> None:
    """Follow the run until `tests` hanging tests are in their call phase."""

    def hanging() -> bool:
        in_flight = running.poll().in_flight
        return [(test.nodeid.endswith("hangs"), test.phase) for test in in_flight] == [(True, "call")] * tests

    eventually(hanging, HANG_SECONDS)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_killed_run_keeps_its_finished_tests_and_names_the_one_in_flight(environment: str, tmp_path: Path) -> None:
    with started_suite(environment, tmp_path, {"test_a.py": HANGING}) as running:
        _until_it_hangs(running)
        assert (running.state.finished, running.state.collected, running.state.ended) == (3, 5, False)
        running.process.kill()
        returncode = running.process.wait(HANG_SECONDS)
        running.poll()

    assert status_of(running.state, returncode) == "crashed"
    assert [test.nodeid for test in running.state.in_flight] == ["test_a.py::test_hangs"]
    assert [outcome.outcome for outcome in running.state.outcomes] == ["passed"] * 3


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_an_interrupt_from_outside_lets_pytest_sum_up(environment: str, tmp_path: Path) -> None:
    with started_suite(environment, tmp_path, {"test_a.py": HANGING}) as running:
        _until_it_hangs(running)
        running.process.send_signal(signal.SIGINT)
        returncode = running.process.wait(HANG_SECONDS)
        state = running.poll()

    assert (returncode, status_of(state, returncode), state.counts) == (2, "interrupted", {"passed": 3})
    assert status_of(state, returncode, timed_out=True) == "timed_out"
    assert status_of(state, returncode, cancelled=True) == "cancelled"
    assert [test.nodeid for test in state.in_flight] == ["test_a.py::test_hangs"]


def test_the_workers_of_xdist_have_a_test_in_flight_each(tmp_path: Path) -> None:
    files = {f"test_{name}.py": "import time\ndef test_hangs(): time.sleep(300)\n" for name in "ab"}
    with started_suite(NEWEST, tmp_path, files, ("-n2",)) as running:
        _until_it_hangs(running, tests=2)
        os.killpg(running.process.pid, signal.SIGKILL)
        returncode = running.process.wait(HANG_SECONDS)
        state = running.poll()

    assert status_of(state, returncode) == "crashed"
    assert {test.nodeid for test in state.in_flight} == {"test_a.py::test_hangs", "test_b.py::test_hangs"}
    assert {test.worker for test in state.in_flight} == {"gw0", "gw1"}


def test_a_worker_that_dies_is_told_with_the_test_that_killed_it(tmp_path: Path) -> None:
    suite = SUITES["worker_crash"]

    run = run_suite(NEWEST, tmp_path, suite.files, suite.arguments)

    assert [down.worker for down in run.state.workers_down] == ["gw0"]
    (failure,) = run.state.failures
    assert (failure.nodeid, failure.phase, failure.worker) == ("test_b.py::test_dies", "worker", "gw0")
    assert "crashed while running" in failure.message


def test_a_crash_in_the_second_attempt_names_the_attempt(tmp_path: Path) -> None:
    text = "import os\nseen = []\ndef test_dies():\n    seen.append(1)\n    assert seen[1:]\n    os._exit(0)\n"

    run = run_suite(NEWEST, tmp_path, {"test_a.py": text}, ("--reruns=2",))

    assert [(test.attempt, test.phase) for test in run.state.in_flight] == [(2, "call")]
    assert [(outcome.attempt, outcome.outcome) for outcome in run.state.outcomes] == [(1, "rerun")]
    assert [(failure.attempt, failure.exception_type) for failure in run.state.rerun_failures] == [
        (1, "AssertionError")
    ]


def test_a_process_that_dies_after_the_session_has_crashed_with_all_its_results(tmp_path: Path) -> None:
    conftest = "# WITNESS\nimport atexit, os, signal\natexit.register(os.kill, os.getpid(), signal.SIGKILL)\n"

    run = run_suite(NEWEST, tmp_path, {"test_a.py": GOOD, "conftest.py": conftest})

    assert (run.returncode, run.status) == (-signal.SIGKILL, "crashed")
    assert (run.state.counts, run.state.in_flight) == ({"passed": 3}, [])


def test_a_process_that_leaves_with_another_code_than_pytest_has_no_internal_error(tmp_path: Path) -> None:
    conftest = "# WITNESS\nimport atexit, os\natexit.register(os._exit, 3)\n"

    run = run_suite(NEWEST, tmp_path, {"test_a.py": GOOD, "conftest.py": conftest})

    assert (run.returncode, run.status, run.state.counts) == (3, "failed", {"passed": 3})
    assert reason_of(run.state, run.status, run.returncode) == "Pytest ended with 0, the process with 3."


def test_the_crashed_suite_would_have_passed_without_its_crash(tmp_path: Path) -> None:
    suite = CRASHES["leaves_with_0"]
    files = {name: text.replace("os._exit(0)", "pass") for name, text in suite.files.items()}

    run = run_suite(NEWEST, tmp_path, files)

    assert (run.status, run.state.complete, run.state.progress) == ("passed", True, 1.0)
