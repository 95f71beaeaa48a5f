"""The launcher: clear failures, one copy, past runs, and adoption after the death of whoever launched."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from att.errors import Busy, Invalid, NotFound, StartFailed
from att.runtime import launcher
from att.runtime.launcher import Launcher, LaunchSpec, child_environment
from att.runtime.runids import is_run_id, new_run_id, run_created_at
from tests.runtime.lowlevel import Bench, bench_in, process_gone
from tests.support.waiting import eventually

SLEEP = "import time; print('up', flush=True); time.sleep(1000)"
WRITES_60_LINES = """
import sys, time
for n in range(60):
    print(n, flush=True)
    time.sleep(0.01)
sys.exit(7)
"""
LAUNCHES_AND_WAITS = """
import sys, time
from pathlib import Path
from tests.runtime.lowlevel import Bench
print(Bench(Path(sys.argv[1])).start(sys.argv[2]).run_id, flush=True)
time.sleep(1000)
"""
STARTS_UNLESS_RUNNING = """
import sys
from pathlib import Path
from tests.runtime.lowlevel import Bench
bench = Bench(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
with bench.launcher.project_lock("demo"):
    latest = bench.launcher.latest("demo")
    run = latest if latest is not None and latest.phase() == "running" else bench.start(sys.argv[2])
print(run.run_id, flush=True)
"""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with bench_in(tmp_path) as bench:
        yield bench


def python(code: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )


def kill(process: subprocess.Popen[str]) -> None:
    with process:
        process.kill()


@pytest.mark.parametrize("still_running", [True, False], ids=["still-running", "already-over"])
def test_a_launcher_killed_with_9_loses_no_line_and_no_exit_code(bench: Bench, still_running: bool) -> None:
    manager = python(LAUNCHES_AND_WAITS, str(bench.folder), WRITES_60_LINES)
    assert manager.stdout is not None
    run = bench.launcher.run("demo", manager.stdout.readline().strip())
    eventually(lambda: len(bench.lines()) >= 5)
    kill(manager)
    if not still_running:
        eventually(lambda: run.phase() == "exited")
    adopted = bench.launcher.adopt("demo")
    assert (adopted.alive, adopted.exited, adopted.lost) == (([run], [], []) if still_running else ([], [run], []))
    record = run.wait(30)
    assert record is not None
    assert record.code == 7
    assert [line.text for line in bench.lines()] == [str(n) for n in range(60)]
    assert bench.launcher.runs("demo") == [run]


def test_two_processes_that_start_at_once_start_one_copy(bench: Bench) -> None:
    starters = [python(STARTS_UNLESS_RUNNING, str(bench.folder), SLEEP) for _ in range(3)]
    for starter in starters:
        assert starter.stdout is not None
        starter.stdout.readline()
    for starter in starters:
        assert starter.stdin is not None
        starter.stdin.write("go\n")
        starter.stdin.flush()
    answers = {starter.communicate()[0] for starter in starters}
    assert len(answers) == 1
    assert len(bench.launcher.runs("demo")) == 1


def test_a_lock_that_is_held_elsewhere_is_busy_and_one_of_the_same_thread_is_not(bench: Bench) -> None:
    failures: list[BaseException] = []

    def other() -> None:
        try:
            with Launcher(bench.launcher.projects_dir).project_lock("demo", timeout=0.05):
                pass
        except Busy as error:
            failures.append(error)

    with bench.launcher.project_lock("demo"), bench.launcher.project_lock("demo"):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert len(failures) == 1
    with bench.launcher.project_lock("demo", timeout=0.05):
        pass


def failure(bench: Bench, command: tuple[str, ...], cwd: Path | None = None) -> StartFailed:
    with pytest.raises(StartFailed) as caught:
        bench.launcher.launch("demo", LaunchSpec(command, cwd or bench.folder, child_environment(os.environ)))
    assert bench.launcher.runs("demo") == []
    return caught.value


@pytest.mark.parametrize(
    ("content", "mode", "reason"),
    [
        (None, 0, "missing_executable"),
        ("#!/bin/sh\n", 0o644, "not_executable"),
        ("no program at all", 0o755, "exec_format"),
        ("#!/no/such/interpreter\n", 0o755, "missing_executable"),
    ],
)
def test_a_program_that_cannot_be_executed_is_a_clear_error(
    bench: Bench, content: str | None, mode: int, reason: str
) -> None:
    program = bench.folder / "program"
    if content is not None:
        program.write_text(content)
        program.chmod(mode)
    error = failure(bench, ("./program",))
    assert error.details["reason"] == reason
    assert str(program) in error.message


def test_an_unknown_command_and_a_missing_folder_are_clear_errors(bench: Bench) -> None:
    assert failure(bench, ("no-such-program-here",)).details["reason"] == "missing_executable"
    missing = failure(bench, (sys.executable,), bench.folder / "nowhere")
    assert missing.details["reason"] == "missing_cwd"
    assert str(bench.folder / "nowhere") in missing.message


def test_a_name_that_would_leave_the_data_directory_is_refused(bench: Bench) -> None:
    for name in ("../evil", "", "a/b", "..", "\0"):
        with pytest.raises(Invalid):
            bench.launcher.launch(name, bench.spec("pass"))
    with pytest.raises(Invalid):
        bench.start("pass", "nul\0byte")


def test_the_child_environment_holds_neither_our_variables_nor_tokens() -> None:
    base = {
        "PATH": "/bin",
        "ATT_TOKEN": "x",
        "JPY_PARENT_PID": "1",
        "JUPYTER_TOKEN": "x",
        "JUPYTER_GATEWAY_AUTH_TOKEN": "x",
        "JUPYTERHUB_API_TOKEN": "x",
        "JUPYTER_PATH": "/kept",
    }
    assert child_environment(base, {"ATT_GRANTED": "y"}) == {
        "PATH": "/bin",
        "JUPYTER_PATH": "/kept",
        "PYTHONUNBUFFERED": "1",
        "ATT_GRANTED": "y",
    }


def test_the_program_gets_this_environment_and_this_folder_exactly(bench: Bench) -> None:
    spec = LaunchSpec(("/usr/bin/env",), bench.folder, {"A": "1", "B": "zwei\nZeilen ä"})
    bench.launcher.launch("demo", spec).wait(20)
    text = bench.raw().decode()
    assert text.replace("\n", "|").startswith("A=1|B=zwei|Zeilen ä|_ATT_RUN=")
    assert text.count("=") == 3


def test_a_large_environment_passes(bench: Bench) -> None:
    bench.finish("import os; print(len(os.environ['BIG']))", env={"BIG": "x" * 100_000, "MORE": "y" * 100_000})
    assert bench.lines()[0].text == "100000"


def test_runs_are_listed_oldest_first_by_kind(bench: Bench) -> None:
    runs = [bench.finish("pass", kind=kind)[0] for kind in ("app", "test", "app")]
    assert bench.launcher.runs("demo") == runs
    assert bench.launcher.runs("demo", "app") == [runs[0], runs[2]]
    assert bench.launcher.latest("demo") == runs[2]
    assert bench.launcher.latest("demo", "test") == runs[1]
    assert bench.launcher.latest("demo", "ci") is None
    with pytest.raises(NotFound):
        bench.launcher.run("demo", new_run_id())
    with pytest.raises(NotFound):
        bench.launcher.run("demo", "..")


def test_pruning_keeps_the_newest_the_live_and_the_last_of_each_kind(bench: Bench) -> None:
    tests = bench.finish("pass", kind="test")[0]
    live = bench.start(SLEEP)
    ended = [bench.finish("print('x' * 100)")[0] for _ in range(4)]
    assert bench.launcher.prune("demo", keep_runs=2) == [run.run_id for run in ended[:2]]
    assert bench.launcher.runs("demo") == [tests, live, *ended[2:]]
    assert bench.launcher.prune("demo", keep_bytes=150) == [ended[2].run_id]
    assert bench.launcher.runs("demo") == [tests, live, ended[3]]


def test_adoption_records_a_lost_run_once(bench: Bench) -> None:
    run = bench.start(SLEEP)
    state = run.state()
    assert state is not None
    os.kill(state.shim_pid, signal.SIGKILL)
    eventually(lambda: not run.alive())
    assert bench.launcher.adopt("demo").lost == [run]
    again = bench.launcher.adopt("demo")
    assert (again.exited, again.lost) == ([run], [])


def test_an_interrupt_after_the_program_was_executed_leaves_nothing_running(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[int] = []
    converse = launcher._converse

    def interrupted(shim: Any, orders: bytes) -> str:
        assert converse(shim, orders).startswith("ok ")
        state = bench.launcher.runs("demo")[0].state()
        assert state is not None
        begun.append(state.pid)
        raise KeyboardInterrupt

    monkeypatch.setattr(launcher, "_converse", interrupted)
    with pytest.raises(KeyboardInterrupt):
        bench.start("import time; time.sleep(600)")
    assert bench.launcher.runs("demo") == []
    assert [process_gone(pid) for pid in begun] == [True]


def test_a_start_that_was_cut_short_is_adopted_as_lost(bench: Bench) -> None:
    run, _ = bench.finish("pass")
    cut = run.path.with_name(new_run_id(run.run_id))
    cut.mkdir()
    assert [lost.path for lost in bench.launcher.adopt("demo").lost] == [cut]


def test_run_ids_sort_by_creation_even_if_the_clock_goes_back() -> None:
    first = new_run_id()
    later = [first]
    for _ in range(50):
        later.append(new_run_id(later[-1]))
    assert sorted(later) == later
    assert all(is_run_id(run_id) for run_id in later)
    assert run_created_at(later[-1]) > run_created_at(first)
