"""Several processes over one data directory: one supervises, another takes over, and nothing is started twice."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from att.errors import Busy, NotFound
from att.runtime.lease import Lease
from att.runtime.models import RuntimeStatus
from att.store import tables
from tests.runtime.managed import HANG_SECONDS, SLEEP, Another, Site, python, stop_everything
from tests.support.waiting import eventually

MakeAnother = Callable[..., Another]
WRITES_60_LINES = "import sys, time\nfor n in range(60): print(n, flush=True); time.sleep(0.02)\nsys.exit(7)"
STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"


def supervisor_pid(site: Site) -> int | None:
    holder = site.manager.supervised_by()
    return None if holder is None else holder.pid


def test_one_process_supervises_and_the_others_read(site: Site, another: MakeAnother) -> None:
    other = another()
    site.project(probes=[{"kind": "process"}])
    site.manager.start("demo")
    site.until_health("healthy")
    mine = site.manager.status("demo")
    theirs = RuntimeStatus.model_validate(eventually(lambda: _healthy(other), HANG_SECONDS))
    assert mine.supervised_by is not None
    assert mine.supervised_by.pid == os.getpid()
    assert theirs.supervised_by == mine.supervised_by
    varying = {"observed_at", "uptime_seconds", "probes"}
    assert theirs.model_dump(exclude=varying) == mine.model_dump(exclude=varying)


def _healthy(other: Another) -> Any:
    status = other.call("status", "demo")
    return status if status["health"] == "healthy" else None


def test_without_a_supervisor_nobody_supervises_and_health_is_unknown(tmp_path: Path) -> None:
    try:
        with Site(tmp_path) as site:
            site.project()
            site.manager.start("demo")
            site.until_health("healthy")
        closed = Site(tmp_path)
        status = closed.manager.status("demo")
        assert (status.state, status.health, status.supervised_by) == ("running", "unknown", None)
        assert status.pid is not None
        closed.close()
    finally:
        stop_everything(tmp_path)


def test_a_start_by_another_process_is_supervised_here(site: Site, another: MakeAnother) -> None:
    other = another()
    site.project("import sys; sys.exit(3)", restart="on_failure")
    assert other.call("start", "demo")["run_id"]
    assert site.until_state("crash_loop").restarts == 4
    assert site.states()[-1] == "crash_loop"


def test_a_stop_by_another_process_is_no_crash(site: Site, another: MakeAnother) -> None:
    other = another()
    site.project(restart="always")
    site.manager.start("demo")
    site.until_health("healthy")
    assert other.call("stop", "demo")["state"] == "stopped"
    status = site.until_state("stopped")
    assert (status.pid, status.restarts) == (None, 0)
    assert site.manager.diagnostics("demo").restarts == []
    assert site.states() == ["stopped", "starting", "running", "stopping", "stopped"]


def test_a_restart_by_another_process_starts_one_copy(site: Site, another: MakeAnother) -> None:
    other = another()
    site.project(restart="always")
    first = site.manager.start("demo")
    second = other.call("restart", "demo")
    assert second["run_id"] != first.run_id
    site.until(lambda status: status.run_id == second["run_id"] and status.health == "healthy")
    assert len(site.launcher.runs("demo")) == 2


def test_two_processes_that_start_at_once_start_one_copy(site: Site, another: MakeAnother) -> None:
    others = [another(), another()]
    site.project()
    for round_ in range(3):
        for other in others:
            other.begin("start", "demo")
        mine = site.manager.start("demo")
        found = {mine.pid, *(other.answer()["pid"] for other in others)}
        assert found == {mine.pid}
        assert len(site.launcher.runs("demo")) == round_ + 1
        site.manager.stop("demo")


@pytest.mark.parametrize("how", ["kill", "close"])
def test_another_process_takes_over(tmp_path: Path, another: MakeAnother, how: str) -> None:
    first = another()
    with Site(tmp_path) as site:
        site.project(probes=[{"kind": "process", "period_seconds": 0.1}])
        started = first.call("start", "demo")
        site.until_health("healthy")
        assert supervisor_pid(site) == first.pid
        getattr(first, how)()
        eventually(lambda: supervisor_pid(site) == os.getpid(), HANG_SECONDS)
        status = site.until_health("healthy")
        assert (status.pid, status.run_id) == (started["pid"], started["run_id"])
        assert site.alive_runs() == 1
        site.kill_shim()
        assert site.until_state("lost").pid is None


def test_health_is_unknown_until_the_new_supervisor_has_looked(tmp_path: Path, another: MakeAnother) -> None:
    first = another()
    late = {"first_probe": 0.02, "check": 600.0}
    site = Site(tmp_path, times=late)
    site.project(probes=[{"kind": "process", "period_seconds": 3600.0}])
    first.call("start", "demo")
    eventually(lambda: site.manager.status("demo").health == "healthy", HANG_SECONDS)
    first.kill()
    status = site.manager.status("demo")
    assert (status.state, status.health, status.supervised_by) == ("running", "unknown", None)
    with site:
        assert site.manager.status("demo").health in ("unknown", "healthy")
        site.until_health("healthy")
        assert site.healths()[-2:] == ["unknown", "healthy"]


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


def test_a_stop_during_a_restart_wins(site: Site) -> None:
    site.project(STUBBORN, grace_seconds=0.5)
    site.manager.start("demo")
    eventually(lambda: site.manager.logs("demo").lines, HANG_SECONDS)
    restart = threading.Thread(target=site.manager.restart, args=("demo",))
    restart.start()
    site.until_state("stopping")
    assert site.manager.stop("demo").state == "stopped"
    restart.join()
    assert site.manager.status("demo").state == "stopped"
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


def test_the_lease_is_held_by_one_and_ends_with_it(tmp_path: Path, site: Site) -> None:
    holder = site.manager.supervised_by()
    assert holder is not None
    assert site.place.supervisor_lock.with_suffix(".json").stat().st_mode & 0o777 == 0o600
    other = Lease(site.place.supervisor_lock)
    assert not other.acquire(holder)
    assert other.holder() == holder
    site.manager.close()
    assert other.holder() is None
    assert other.acquire(holder)
    other.release()


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_does_not_keep_the_lease(tmp_path: Path, site: Site) -> None:
    holder = site.manager.supervised_by()
    assert holder is not None
    reader, writer = os.pipe()
    forked, forked_in_child = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(writer)
        os.write(forked_in_child, b"x")
        os.read(reader, 1)
        os._exit(0)
    try:
        os.read(forked, 1)
        site.manager.close()
        other = Lease(site.place.supervisor_lock)
        assert other.acquire(holder)
        other.release()
    finally:
        for fd in (writer, reader, forked, forked_in_child):
            os.close(fd)
        os.waitpid(pid, 0)


def test_supervision_is_told_of_in_events(tmp_path: Path) -> None:
    with Site(tmp_path) as site:
        pass
    site = Site(tmp_path)
    events = site.events.read(kinds=["supervisor"]).events
    site.close()
    assert [event.kind for event in events] == ["supervisor.started", "supervisor.stopped"]
    assert events[0].data["pid"] == os.getpid()


def test_a_deleted_project_is_supervised_no_longer(site: Site, another: MakeAnother) -> None:
    site.project()
    site.manager.start("demo")
    site.manager.forget("demo")
    site.registry.remove("demo")
    with pytest.raises(NotFound):
        site.manager.status("demo")
    site.project()
    assert site.manager.status("demo").state == "stopped"
    assert site.manager.start("demo").state == "running"
    site.until_health("healthy")


def test_fifty_openings_leak_neither_descriptors_nor_threads(tmp_path: Path) -> None:
    try:
        with Site(tmp_path) as site:
            site.project(probes=[{"kind": "process", "period_seconds": 0.05}])
            site.manager.start("demo")
            site.until_health("healthy")
        before = (psutil.Process().num_fds(), threading.active_count())
        for _ in range(50):
            with Site(tmp_path) as site:
                assert site.manager.status("demo").state == "running"
        assert (psutil.Process().num_fds(), threading.active_count()) <= before
    finally:
        stop_everything(tmp_path)


def test_an_idle_supervisor_hardly_wakes_up(tmp_path: Path) -> None:
    try:
        with Site(tmp_path, times={"check": 0.2}) as site:
            for number in range(5):
                site.project(name=f"p{number}")
                site.manager.start(f"p{number}")
                site.until_health("healthy", name=f"p{number}")
            supervisor = site.manager._supervisor
            eventually(lambda: _settled(supervisor), HANG_SECONDS)
            wakeups, cpu = supervisor.wakeups, time.process_time()
            time.sleep(1.0)
            assert supervisor.wakeups - wakeups <= 7
            assert time.process_time() - cpu < 0.05
    finally:
        stop_everything(tmp_path)


def _settled(supervisor: Any) -> bool:
    """Say whether a check has passed without anything to do."""
    before = supervisor.wakeups
    time.sleep(0.45)
    return bool(supervisor.wakeups - before <= 3)


def test_a_snapshot_that_cannot_be_read_costs_counters_only(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site.project(name="broken")
    site.project(restart="on_failure")
    pid = site.manager.start("broken").pid
    first = site.manager.start("demo")
    site.until_health("healthy", name="broken")
    with site.store.write() as connection:
        garbage = {"state": "dancing", "from_the_future": 1}
        connection.execute(tables.runtime.update().where(tables.runtime.c.project == "broken").values(snapshot=garbage))
    site.kill_shim()
    site.until(lambda status: status.state == "running" and status.run_id != first.run_id)
    status = site.until_health("healthy", name="broken")
    assert (status.state, status.pid) == ("running", pid)
    assert site.manager.stop("broken").state == "stopped"
    assert "cannot be read" in caplog.text


def test_what_another_machine_runs_is_left_alone(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.project(restart="always")
    site.book.change("demo", lambda row, _at: row.to("running", "Runs.", desired="running", host="far", run_id="x"))
    with site:
        status = site.manager.status("demo")
        assert (status.state, status.health, status.pid) == ("running", "unknown", None)
        assert "far" in status.reason
        for act in (site.manager.start, site.manager.stop, site.manager.restart):
            with pytest.raises(Busy, match="runs on far"):
                act("demo")
        assert site.launcher.runs("demo") == []
