"""A manager that ends in the middle of something leaves what the next one finishes."""

from __future__ import annotations

from pathlib import Path

import psutil

from tests.runtime.managed import HANG_SECONDS, SLEEP, STUBBORN, MakeAnother, Site, python, stop_everything
from tests.support.waiting import eventually

WRITES_60_LINES = "import sys, time\nfor n in range(60): print(n, flush=True); time.sleep(0.02)\nsys.exit(7)"


def test_a_killed_manager_loses_no_line_and_no_exit_code(tmp_path: Path, another: MakeAnother) -> None:
    first = another()
    site = Site(tmp_path)
    site.project(WRITES_60_LINES)
    pid = first.call("start", "demo")["pid"]
    eventually(lambda: site.manager.logs("demo").lines, HANG_SECONDS)
    first.kill()
    with site:
        status = site.manager.status("demo")
        assert (status.state, status.pid) == ("running", pid)
        assert site.alive_runs() == 1
        assert site.manager.start("demo").pid == pid
        status = site.until_state("exited")
        assert status.exit is not None
        assert status.exit.code == 7
        assert [line.text for line in site.manager.logs("demo").lines] == [str(n) for n in range(60)]


def test_an_exit_while_nobody_watched_is_known_and_concluded(tmp_path: Path, another: MakeAnother) -> None:
    first = another()
    site = Site(tmp_path)
    site.project(WRITES_60_LINES, restart="on_failure")
    first.call("start", "demo")
    first.kill()
    run = site.launcher.runs("demo")[0]
    assert run.wait(HANG_SECONDS) is not None
    site.registry.change("demo", {"command": python(SLEEP)})
    with site:
        assert site.manager.status("demo").state in ("backoff", "starting", "running")
        site.until(lambda status: status.state == "running" and status.run_id != run.run_id)
        (record,) = site.manager.diagnostics("demo").restarts
        assert record.exit is not None
        assert (record.exit.code, record.last_lines[-1].text) == (7, "59")


def test_a_manager_killed_mid_stop_leaves_a_stop_that_is_finished(tmp_path: Path, another: MakeAnother) -> None:
    first = another()
    site = Site(tmp_path)
    site.project(STUBBORN, restart="always", grace_seconds=1.0)
    first.call("start", "demo")
    eventually(lambda: site.manager.logs("demo").lines, HANG_SECONDS)
    first.begin("stop", "demo")
    eventually(lambda: site.manager.status("demo").state == "stopping", HANG_SECONDS)
    first.kill()
    with site:
        assert site.manager.status("demo").state in ("stopping", "stopped")
        status = site.until_state("stopped")
        assert status.exit is not None
        assert (status.exit.requested, status.exit.signal) == (True, 9)
        site.until_written("stopping", "stopped")
        assert len(site.launcher.runs("demo")) == 1


def test_a_manager_killed_between_the_wish_and_the_signal_is_followed(tmp_path: Path) -> None:
    try:
        with Site(tmp_path) as site:
            site.project(restart="always")
            site.manager.start("demo")
        unopened = Site(tmp_path)
        unopened.book.change("demo", lambda row, _at: row.to("stopping", "Asked to stop.", desired="stopped"))
        unopened.close()
        with Site(tmp_path) as site:
            assert site.until_state("stopped").restarts == 0
    finally:
        stop_everything(tmp_path)


def test_a_manager_killed_between_the_intent_and_the_signal_is_followed_by_the_supervisor(site: Site) -> None:
    site.project(restart="always")
    site.manager.start("demo")
    site.until_health("healthy")
    (run,) = site.launcher.runs("demo")
    with (run.path / "stop").open("r+b") as intent:
        intent.write(b"5.000")
    other = Site(site.folder)  # never opened: only its store is used, as that of the manager that is killed
    other.book.change("demo", lambda row, _at: row.to("stopping", "Asked to stop.", desired="stopped"))
    other.close()
    status = site.until_state("stopped")
    assert (status.restarts, status.exit and status.exit.signal, len(site.launcher.runs("demo"))) == (0, 15, 1)


def test_a_crash_after_the_wish_to_stop_is_not_restarted(tmp_path: Path) -> None:
    with Site(tmp_path) as site:
        site.project("import time; time.sleep(0.3); raise SystemExit(3)", restart="always")
        site.manager.start("demo")
    unopened = Site(tmp_path)
    unopened.book.change("demo", lambda row, _at: row.to("stopping", "Asked to stop.", desired="stopped"))
    unopened.close()
    assert unopened.launcher.runs("demo")[0].wait(HANG_SECONDS) is not None
    with Site(tmp_path) as site:
        status = site.manager.status("demo")
        assert (status.state, status.exit and status.exit.code) == ("stopped", 3)
        assert site.states()[-1] == "stopped"
        assert len(site.launcher.runs("demo")) == 1


def test_a_startup_probe_that_has_passed_is_not_asked_by_the_next_supervisor(tmp_path: Path) -> None:
    startup = {"kind": "command", "command": ["test", "!", "-e", "sick"], "role": "startup", "failure_threshold": 1}
    try:
        with Site(tmp_path) as site:
            site.project(probes=[{**startup, "period_seconds": 0.05}, {"kind": "process", "period_seconds": 0.05}])
            run_id = site.manager.start("demo").run_id
            site.until_health("healthy")
        (site.work / "sick").touch()
        with Site(tmp_path) as site:
            site.until_health("healthy")
            assert site.manager.status("demo").run_id == run_id
    finally:
        stop_everything(tmp_path)


def test_a_manager_killed_mid_backoff_leaves_a_restart_that_still_comes(tmp_path: Path, another: MakeAnother) -> None:
    first = another(backoff_base=1.0, backoff_most=1.0, backoff_jitter=0.0)
    site = Site(tmp_path)
    site.project("import sys; sys.exit(3)", restart="on_failure")
    old = first.call("start", "demo")["run_id"]
    eventually(lambda: site.manager.status("demo").state == "backoff", HANG_SECONDS)
    first.kill()
    site.registry.change("demo", {"command": python(SLEEP)})
    with site:
        status = site.until_state("running")
        assert (status.restarts, status.restarts_in_window) == (1, 1)
        (record,) = site.manager.diagnostics("demo").restarts
        assert (record.old_run_id, record.new_run_id, record.trigger) == (old, status.run_id, "exit")


def test_a_manager_killed_mid_restart_leaves_a_project_that_runs(tmp_path: Path, another: MakeAnother) -> None:
    first = another()
    site = Site(tmp_path)
    site.project(STUBBORN, grace_seconds=0.5)
    old = first.call("start", "demo")["run_id"]
    eventually(lambda: site.manager.logs("demo").lines, HANG_SECONDS)
    first.begin("restart", "demo")
    eventually(lambda: site.manager.status("demo").state == "stopping", HANG_SECONDS)
    first.kill()
    with site:
        status = site.until(lambda status: status.state == "running" and status.run_id != old)
        assert site.alive_runs() == 1
        assert status.run_id is not None


def test_a_manager_killed_mid_start_leaves_a_project_that_runs(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.project()
    site.book.change("demo", lambda row, _at: row.to("starting", "Started by hand.", desired="running"))
    try:
        with site:
            assert site.manager.status("demo").state == "starting"
            site.until_state("running")
            assert len(site.launcher.runs("demo")) == 1
    finally:
        stop_everything(tmp_path)


def test_a_machine_that_restarted_has_lost_runs(tmp_path: Path) -> None:
    with Site(tmp_path) as site:
        site.project(restart="always")
        site.manager.start("demo")
        run = site.launcher.runs("demo")[0]
    state = run.state()
    assert state is not None
    psutil.Process(state.shim_pid).kill()
    eventually(lambda: not run.alive(), HANG_SECONDS)
    try:
        with Site(tmp_path) as site:
            site.until(lambda status: status.state == "running" and status.run_id != run.run_id)
            assert run.phase() == "lost"
            assert site.manager.diagnostics("demo", run.run_id).diagnosis is not None
    finally:
        stop_everything(tmp_path)


def test_a_run_adopted_after_its_main_process_ended_is_stopping(tmp_path: Path) -> None:
    leaves = f"import subprocess, sys; subprocess.Popen([sys.executable, '-S', '-c', {STUBBORN!r}]); sys.exit(7)"
    with Site(tmp_path) as site:
        site.project(leaves)
        site.manager.start("demo")
    with Site(tmp_path) as site:
        assert site.until_state("stopping").pid is None
        status = site.until_state("exited")
        assert (status.exit and status.exit.code) == 7
        assert site.until_written("running", "stopping", "exited")
