"""A run is told once, and joins the history once, whoever dies and whoever looks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from att.code.gitprogram import Git
from att.runtime.launcher import Launcher
from att.testing.manager import TestManager
from att.testing.models import TestRun
from att.testing.suiterun import KIND, SuiteRun
from att.testing.telling import KEPT_RUNS
from tests.support.waiting import eventually
from tests.testing.runner.house import GOOD, HANG_SECONDS, House, KeptRuns, house, marked_processes

MANY = "import pytest\n@pytest.mark.parametrize('n', range({count}))\ndef test_many(n): pass\n"
GATED = """
import pathlib, pytest, time
@pytest.mark.parametrize("n", range({count}))
def test_many(n): pass
def test_waits_for_the_gate():
    while not pathlib.Path({gate!r}).exists(): time.sleep(0.02)
def test_after(): pass
"""
OTHER = """
import sys, threading
from pathlib import Path
from tests.testing.runner.house import House
opened = House(Path(sys.argv[1]))
run = opened.start("demo")
opened.until(run, int(sys.argv[2]))
print(run.run_id, flush=True)
threading.Event().wait()
"""


@contextmanager
def _other_process(data_dir: Path, finished: int) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start the tests of `demo` in another process, and yield it with the run when so many tests have finished."""
    root = Path(__file__).parents[3]
    process = subprocess.Popen(
        [sys.executable, "-c", OTHER, str(data_dir), str(finished)], cwd=root, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate(timeout=HANG_SECONDS)


def _told_outcomes(opened: House, run: TestRun) -> list[str]:
    events = opened.told(run, "test.outcome")
    return [outcome["nodeid"] for event in events for outcome in event.data["outcomes"]]


def _kinds(opened: House, run: TestRun) -> list[str]:
    page = opened.events.read(None, 10_000, project=run.project, kinds=["test"])
    return [event.kind for event in page.events if event.run_id == run.run_id and event.kind != "test.progress"]


def test_a_run_is_told_while_it_goes_on(shared: House, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    shared.project(tmp_path, {"test_a.py": GATED.format(count=30, gate=str(gate))}, "live")
    run = shared.until(shared.start("live"), 30)
    eventually(lambda: len(_told_outcomes(shared, run)) == 30)
    progress = eventually(lambda: [e for e in shared.told(run, "test.progress") if e.data["finished"] == 30])
    assert (progress[0].data["collected"], progress[0].data["passed"]) == (32, 30)
    gate.touch()
    ended = shared.wait(run)
    assert len(_told_outcomes(shared, run)) == 32
    (told,) = shared.told(run, "test.ended")
    assert (told.data["status"], told.data["passed"]) == ("passed", ended.passed)


def test_thousands_of_tests_are_few_events(shared: House, tmp_path: Path) -> None:
    shared.project(tmp_path, {"test_a.py": MANY.format(count=4_000)}, "many")
    run = shared.run("many", extra_args=["-q"])
    assert run.passed == 4_000
    told = _told_outcomes(shared, run)
    assert len(told) == len(set(told)) == 4_000
    assert len(shared.told(run, "test.outcome")) < 50
    assert len(shared.history.outcomes("many", run.run_id)) == 4_000


def test_the_event_log_keeps_single_tests_of_the_latest_runs_only(shared: House, tmp_path: Path) -> None:
    shared.project(tmp_path, {"test_a.py": "def test_a(): pass\n"}, "bounded")
    runs = [shared.run("bounded") for _ in range(KEPT_RUNS + 2)]
    kept = [bool(shared.told(run, "test.outcome")) for run in runs]
    assert kept == [False] * 2 + [True] * KEPT_RUNS
    assert all(shared.told(run, "test.ended") for run in runs)


def test_a_run_survives_the_kill_of_its_manager_and_is_told_once(tmp_path: Path) -> None:
    gate, data = tmp_path / "gate", tmp_path / "data"
    with house(data) as opened:
        opened.project(tmp_path, {"test_a.py": GATED.format(count=40, gate=str(gate))})
        opened.close()
    with _other_process(data, 40) as (manager, run_id), house(data) as witness:
        run = witness.tests.status("demo", run_id)
        eventually(lambda: len(_told_outcomes(witness, run)) == 40)
        assert witness.tests._following.suite(run_id) is None, "somebody else follows it"
        assert witness.history.appended == []
        manager.send_signal(signal.SIGKILL)
        manager.wait(HANG_SECONDS)
        gate.touch()
        ended = witness.wait(run)
        assert (ended.status, ended.passed, ended.complete) == ("passed", 42, True)
        assert witness.history.appended == [run_id]
        told = _told_outcomes(witness, run)
        assert len(told) == len(set(told)) == 42
        assert _kinds(witness, run).count("test.started") == 1
        assert _kinds(witness, run).count("test.ended") == 1
        assert eventually(lambda: not marked_processes(run_id))


def test_a_run_that_ended_while_nobody_was_there_joins_the_history(tmp_path: Path) -> None:
    gate, data = tmp_path / "gate", tmp_path / "data"
    with house(data) as opened:
        opened.project(tmp_path, {"test_a.py": GATED.format(count=3, gate=str(gate))})
        opened.close()
    with _other_process(data, 3) as (manager, run_id):
        manager.kill()
        manager.wait(HANG_SECONDS)
    (run,) = Launcher(data / "projects").runs("demo", KIND)
    gate.touch()
    assert run.wait(HANG_SECONDS) is not None
    assert not SuiteRun(run).is_settled()
    with house(data) as second:
        eventually(lambda: second.history.appended == [run_id])
        assert second.tests.status("demo", run_id).passed == 5
        second.close()
    with house(data) as third:
        assert third.tests.status("demo", run_id).passed == 5
        assert third.history.appended == [], "it has joined already"


class EndingHistory(KeptRuns):
    """A history that lets a run end while it is asked how long tests take."""

    def __init__(self, gate: Path, suite: SuiteRun) -> None:
        super().__init__()
        self._gate = gate
        self._suite = suite

    def expected_durations(self, project: str) -> Mapping[str, float]:
        self._gate.touch()
        assert eventually(self._suite.ended, HANG_SECONDS)
        return super().expected_durations(project)


def test_a_run_that_ends_between_two_looks_has_joined_the_history_when_it_is_shown(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with house(tmp_path / "data") as opened:
        opened.project(tmp_path, {"test_a.py": GATED.format(count=3, gate=str(gate))})
        run = opened.until(opened.start(), 3)
        opened.tests.close()  # nobody follows the run any more
        directory = opened.launcher.run("demo", run.run_id)
        history = EndingHistory(gate, SuiteRun(directory))
        parts = (opened.registry, opened.launcher, opened.store, opened.events, history)
        seen = TestManager(*parts, git=Git, settings=opened.settings).status("demo", run.run_id)
        assert (seen.state, seen.passed) == ("succeeded", 5)
        assert history.appended == [run.run_id]
        assert SuiteRun(directory).settled() == seen


def test_two_houses_at_once_see_the_same_and_keep_it_once(tmp_path: Path) -> None:
    gate, data = tmp_path / "gate", tmp_path / "data"
    with house(data) as one, house(data) as two:
        one.project(tmp_path, {"test_a.py": GATED.format(count=5, gate=str(gate))})
        run = one.start()
        assert two.until(run, 5).finished == 5
        gate.touch()
        assert one.wait(run) == two.wait(run)
        kept = one.history.appended + two.history.appended
        assert kept == [run.run_id]
        told = _told_outcomes(one, run)
        assert len(told) == len(set(told)) == 7


def test_a_history_that_fails_is_tried_again(tmp_path: Path) -> None:
    with house(tmp_path / "data", retry_seconds=0.05) as opened:
        opened.project(tmp_path, {"test_a.py": GOOD})
        keep, failures = opened.history.append, [OSError("full"), OSError("full")]

        def full(run, outcomes, more):  # type: ignore[no-untyped-def]
            if failures:
                raise failures.pop()
            return keep(run, outcomes, more)

        opened.history.append = full  # type: ignore[method-assign]
        run = opened.start()
        eventually(lambda: SuiteRun(opened.launcher.run("demo", run.run_id)).is_settled(), HANG_SECONDS)
        assert opened.history.appended == [run.run_id]
        assert len(opened.told(run, "test.ended")) == 1


def test_a_project_that_is_deleted_meanwhile_is_let_go(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    import shutil

    with house(tmp_path / "data") as opened:
        opened.project(tmp_path, {"test_a.py": GATED.format(count=2, gate=str(tmp_path / "never"))})
        run = opened.until(opened.start(), 2)
        directory = opened.launcher.run("demo", run.run_id)
        directory.stop(0)
        shutil.rmtree(directory.path, ignore_errors=True)
        eventually(lambda: opened.tests._following.suite(run.run_id) is None)
        assert not [record for record in caplog.records if record.levelname == "ERROR"]
        assert not marked_processes(run.run_id)


def test_a_forked_child_does_not_keep_a_run(tmp_path: Path) -> None:
    gate, data = tmp_path / "gate", tmp_path / "data"
    with house(data) as opened:
        opened.project(tmp_path, {"test_a.py": GATED.format(count=2, gate=str(gate))})
        run = opened.until(opened.start(), 2)
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(writer)
            os.read(reader, 1)
            os._exit(0)
        try:
            opened.tests.close()
            with house(data) as other:
                eventually(lambda: other.tests._following.suite(run.run_id) is not None)
                gate.touch()
                assert other.wait(run).passed == 4
        finally:
            os.close(writer)
            os.waitpid(child, 0)
            os.close(reader)
