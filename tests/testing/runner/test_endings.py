"""However a suite ends: what finished is kept, the test in flight is named, the status is right, nothing is left."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from att.testing.models import TestRun
from tests.support.waiting import eventually
from tests.testing.runner.house import GOOD, HANG_SECONDS, HANGING, House, house, marked_processes

CHILD = """
import subprocess, sys
def test_starts_a_child():
    subprocess.Popen([sys.executable, "-c", {code!r}], start_new_session=True)
"""
STUBBORN = """
def test_ignores_everything():
    import signal, time
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True: time.sleep(1)
"""


def _left(run: TestRun) -> bool:
    return bool(marked_processes(run.run_id))


def _nothing_is_left(run: TestRun) -> bool:
    return eventually(lambda: not _left(run), HANG_SECONDS)


def _in_flight(run: TestRun) -> list[str]:
    return [test.nodeid.rpartition("::")[2] for test in run.in_flight]


@pytest.mark.parametrize(
    ("name", "body", "status", "returncode"),
    [
        ("leaves", "import os; os._exit(0)", "crashed", 0),
        ("segfaults", "import ctypes; ctypes.string_at(0)", "crashed", -signal.SIGSEGV),
        ("killed", "import os; os.kill(os.getpid(), 9)", "crashed", -signal.SIGKILL),
        ("interrupted", "raise KeyboardInterrupt", "interrupted", 2),
    ],
)
def test_a_suite_that_does_not_come_to_its_end(
    shared: House, tmp_path: Path, name: str, body: str, status: str, returncode: int
) -> None:
    shared.project(tmp_path, {"test_a.py": f"{GOOD}def test_ends():\n    {body}\ndef test_later(): pass\n"}, name)
    run = shared.run(name)
    assert (run.state, run.status, run.returncode, run.passed) == ("failed", status, returncode, 3)
    assert (_in_flight(run), run.complete) == (["test_ends"], False)
    assert _nothing_is_left(run)


def test_a_suite_over_its_time_is_interrupted_and_sums_up(shared: House, tmp_path: Path) -> None:
    shared.project(tmp_path, {"test_a.py": HANGING}, "slow")
    run = shared.run("slow", timeout=2)
    assert (run.status, run.timed_out, run.returncode, run.passed) == ("timed_out", True, 124, 3)
    assert _in_flight(run) == ["test_hangs"]
    lines = [line.text for line in shared.log(run)]
    assert any("3 passed in" in line for line in lines), lines
    assert _nothing_is_left(run)


def test_a_suite_that_heeds_no_signal_is_killed(tmp_path: Path) -> None:
    with house(tmp_path / "data", interrupt_seconds=0.3, terminate_seconds=0.3) as opened:
        opened.project(tmp_path, {"test_a.py": GOOD + STUBBORN})
        run = opened.run(timeout=2)
        assert (run.status, run.returncode, run.passed) == ("timed_out", 124, 3)
        assert (run.duration_seconds or 0) > 0.5, "from the session's start, not to the last thing that it told"
        assert _in_flight(run) == ["test_ignores_everything"]
        assert _nothing_is_left(run)


def test_a_single_test_over_its_time_fails_with_pytest_timeout(shared: House, tmp_path: Path) -> None:
    shared.project(tmp_path, {"test_a.py": HANGING}, "each")
    run = shared.run("each", extra_args=["--timeout=1"])
    assert (run.status, run.failed, run.passed, run.timed_out) == ("failed", 1, 4, False)


def test_a_single_test_over_its_time_ends_the_process_by_the_thread_method(shared: House, tmp_path: Path) -> None:
    shared.project(tmp_path, {"test_a.py": HANGING}, "thread")
    run = shared.run("thread", extra_args=["--timeout=1", "--timeout-method=thread"])
    assert (run.status, run.passed, _in_flight(run)) == ("crashed", 3, ["test_hangs"])


def test_a_cancelled_suite_keeps_what_has_finished(shared: House, tmp_path: Path) -> None:
    shared.project(tmp_path, {"test_a.py": HANGING}, "cancelled")
    run = shared.until(shared.start("cancelled"), 3)
    shared.tests.cancel("cancelled", run.run_id)
    ended = shared.wait(run)
    assert (ended.state, ended.status, ended.passed) == ("cancelled", "cancelled", 3)
    assert _in_flight(ended) == ["test_hangs"]
    assert _nothing_is_left(run)


def test_a_suite_is_cancelled_before_it_has_begun(shared: House, tmp_path: Path) -> None:
    shared.project(tmp_path, {"test_a.py": HANGING}, "early")
    run = shared.start("early")
    shared.tests.cancel("early", run.run_id)
    assert shared.wait(run).status == "cancelled"
    assert _nothing_is_left(run)


def test_cancelling_what_has_ended_changes_nothing(shared: House, tmp_path: Path) -> None:
    shared.project(tmp_path, {"test_a.py": GOOD}, "over")
    run = shared.run("over")
    assert shared.tests.cancel("over", run.run_id) == run


@pytest.mark.parametrize(
    "code", ["import time; time.sleep(300)", STUBBORN.replace("def test_ignores_everything():", "if 1:")]
)
def test_a_finished_suite_does_not_wait_for_a_child_that_it_left(shared: House, tmp_path: Path, code: str) -> None:
    """The child holds pytest's output open, in a session of its own."""
    name = f"left{len(code)}"
    stamp = tmp_path / "stamp"
    conftest = f"import atexit, pathlib\natexit.register(pathlib.Path({str(stamp)!r}).touch)\n"
    shared.project(tmp_path, {"conftest.py": conftest, "test_a.py": CHILD.format(code=code)}, name)
    run = shared.run(name)
    seen_at = time.time()
    assert (run.status, run.returncode) == ("passed", 0)
    assert seen_at - stamp.stat().st_mtime < 1.0
    assert _nothing_is_left(run)


def _killed(shared: House, tmp_path: Path, name: str, whose: str) -> TestRun:
    """Kill a process of a run whose fourth test hangs, and return how the run ended."""
    shared.project(tmp_path, {"test_a.py": HANGING}, name)
    run = shared.until(shared.start(name), 3)
    state = shared.launcher.run(name, run.run_id).state()
    assert state is not None
    os.kill(getattr(state, whose), signal.SIGKILL)
    return shared.wait(run)


def test_a_killed_driver_leaves_a_crash_and_no_process(shared: House, tmp_path: Path) -> None:
    ended = _killed(shared, tmp_path, "driver", "pid")
    assert (ended.status, ended.passed, _in_flight(ended)) == ("crashed", 3, ["test_hangs"])
    assert _nothing_is_left(ended)


def test_a_run_whose_shim_was_killed_is_lost_with_all_that_finished(shared: House, tmp_path: Path) -> None:
    ended = _killed(shared, tmp_path, "lost", "shim_pid")
    assert (ended.status, ended.returncode, ended.passed) == ("crashed", None, 3)
    assert _in_flight(ended) == ["test_hangs"]
    assert _nothing_is_left(ended)


def test_a_python_without_pytest_is_a_usage_error(shared: House, tmp_path: Path) -> None:
    root = shared.project(tmp_path, {"test_a.py": GOOD}, "bare")
    shared.registry.change("bare", {"python": "/usr/bin/env"})
    run = shared.run("bare")
    assert (run.status, run.passed, root.is_dir()) == ("usage_error", 0, True)
    assert "pytest" in run.message.lower()
