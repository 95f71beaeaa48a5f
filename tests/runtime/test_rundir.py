"""Run directories: who runs, who lives, how it ended, for everybody who looks."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from att.errors import TimedOut
from att.runtime import rundir
from att.runtime.rundir import RunDirectory
from tests.runtime.lowlevel import Bench, bench_in, process_gone
from tests.support.waiting import eventually

SLEEP = "import time; print('up', flush=True); time.sleep(1000)"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with bench_in(tmp_path) as bench:
        yield bench


def test_a_running_run_is_alive_and_has_no_exit(bench: Bench) -> None:
    run = bench.start(SLEEP)
    assert (run.alive(), run.phase(), run.exit(), run.stopping()) == (True, "running", None, False)
    state = run.state()
    assert state is not None
    assert state.is_here()
    assert abs((state.started_at - run.created_at()).total_seconds()) < 30


def test_the_exit_record_is_the_same_for_everybody_and_for_ever(bench: Bench) -> None:
    run, record = bench.finish("import sys; sys.exit(3)")
    code = "import sys; from pathlib import Path; from att.runtime.rundir import RunDirectory as R; "
    other = subprocess.run(
        [sys.executable, "-c", code + "print(R(Path(sys.argv[1])).exit().model_dump_json())", str(run.path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(other.stdout) == record.to_json()
    run.request_stop(0)
    assert run.exit() == record


def test_the_specification_is_kept_without_the_environment(bench: Bench) -> None:
    run, _ = bench.finish("pass", env={"SECRET": "hunter2"}, port=8123, meta={"why": "test"})
    spec = run.spec()
    assert (spec.port, spec.meta, spec.env, spec.cwd) == (8123, {"why": "test"}, {}, bench.folder)
    texts = [path.read_bytes() for path in run.path.rglob("*") if path.is_file()]
    assert not any(b"hunter2" in text for text in texts)


def test_files_are_private(bench: Bench) -> None:
    run, _ = bench.finish("print(1)")
    modes = {path.name: path.stat().st_mode & 0o077 for path in (run.path, *run.path.rglob("*"))}
    assert set(modes.values()) == {0}, modes


def test_a_watch_wakes_at_the_end_of_the_app_and_at_the_end_of_the_run(bench: Bench) -> None:
    run = bench.start("import os, sys, time\nif os.fork() == 0: time.sleep(1000)\nsys.stdout.flush(); sys.exit(4)")
    with run.watch() as watch:
        assert watch.poll_seconds is None
        if watch.app_fd is not None:
            assert select.select([watch.app_fd], [], [], 20)[0]
        assert watch.app_ended()
        assert watch.wait(20)
        assert watch.ended()
    record = run.exit()
    assert record is not None
    assert (record.code, record.leftovers_killed) == (4, 1)


def test_a_wait_that_is_too_short_says_none_and_disturbs_nothing(bench: Bench) -> None:
    run = bench.start(SLEEP)
    assert run.wait(0.01) is None
    assert run.phase() == "running"


def test_a_manager_killed_in_the_middle_of_a_stop_changes_nothing(bench: Bench) -> None:
    stubborn = "import signal, time; signal.signal(15, lambda *_: print('asked', flush=True)); print('up', flush=True)"
    run = bench.start(f"{stubborn}\nwhile True: time.sleep(1000)")
    eventually(lambda: bench.lines())
    code = "import sys; from pathlib import Path; from att.runtime.rundir import RunDirectory as R; "
    stop = "R(Path(sys.argv[1])).stop(0.5)"
    manager = subprocess.Popen([sys.executable, "-c", code + stop, str(run.path)], start_new_session=True)
    eventually(lambda: len(bench.lines()) == 2)
    manager.kill()
    manager.wait()
    record = run.wait(20)
    assert record is not None
    assert (record.signal, record.requested) == (9, True)


def test_a_stop_intent_without_its_signal_is_carried_out_at_adoption(bench: Bench) -> None:
    run = bench.start(SLEEP)
    fd = os.open(run.path / "stop", os.O_WRONLY)
    os.write(fd, b"5.0")
    os.close(fd)
    assert bench.launcher.adopt("demo").alive == [run]
    record = run.wait(20)
    assert record is not None
    assert (record.signal, record.requested) == (15, True)


def test_a_stop_that_takes_too_long_is_an_error_with_the_run(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    run = bench.start(
        "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(1000)"
    )
    eventually(lambda: bench.lines())
    monkeypatch.setattr(rundir, "SHIM_MARGIN_SECONDS", -4.9)
    with pytest.raises(TimedOut, match=run.run_id):
        run.stop(5)


def test_a_lost_run_has_a_durable_record_after_a_wait(bench: Bench) -> None:
    run = bench.start(SLEEP)
    state = run.state()
    assert state is not None
    os.kill(state.shim_pid, signal.SIGKILL)
    record = run.wait(20)
    assert record is not None
    assert (record.code, record.signal, record.exited_at, run.phase()) == (None, None, None, "lost")
    assert record.reason.startswith("Lost")
    assert RunDirectory(run.path).exit() == record


def test_processes_of_another_boot_are_never_swept(bench: Bench) -> None:
    run = bench.start(SLEEP)
    state = run.state()
    assert state is not None
    stranger = subprocess.Popen([sys.executable, "-S", "-c", SLEEP], env={rundir.RUN_MARK: run.run_id}, stdout=-3)
    try:
        text = (run.path / "state.json").read_text()
        (run.path / "state.json").write_text(text.replace(state.boot_id, "another-boot"))
        os.kill(state.shim_pid, signal.SIGKILL)
        eventually(lambda: not run.alive())
        assert run.record_loss()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_recycled_pid_is_never_swept(bench: Bench) -> None:
    run = bench.start(SLEEP)
    state = run.state()
    assert state is not None
    stranger = subprocess.Popen([sys.executable, "-S", "-c", SLEEP], stdout=subprocess.DEVNULL)
    try:
        values = json.loads((run.path / "state.json").read_text())
        values |= {"pid": stranger.pid, "start_ticks": values["start_ticks"] - 100}
        (run.path / "state.json").write_text(json.dumps(values))
        os.kill(state.shim_pid, signal.SIGKILL)
        eventually(lambda: not run.alive())
        assert run.record_loss()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_grandchildren_of_a_killed_shim_are_swept(bench: Bench) -> None:
    run = bench.start(
        "import os, time\nif os.fork() == 0:\n    os.setsid(); print(os.getpid(), flush=True)\ntime.sleep(1000)"
    )
    grandchild = int(eventually(lambda: bench.lines())[0].text)
    state = run.state()
    assert state is not None
    os.kill(state.shim_pid, signal.SIGKILL)
    record = run.wait(20)
    assert record is not None
    assert process_gone(grandchild)
    assert record.leftovers_killed is not None
    assert record.leftovers_killed >= 1


def test_a_torn_exit_record_counts_as_none(bench: Bench) -> None:
    run, _ = bench.finish("pass")
    (run.path / "exit.json").write_bytes(b"")
    assert (run.exit(), run.phase()) == (None, "lost")
