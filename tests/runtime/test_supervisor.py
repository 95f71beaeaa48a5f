"""The supervisor of a process: its lease, what it costs, and what it leaves alone."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from att.errors import Busy
from att.runtime.lease import Lease
from att.store import tables
from att.workspace import Workspace
from tests.runtime.managed import HANG_SECONDS, Site, stop_everything
from tests.support.waiting import eventually


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


def test_a_take_over_that_fails_is_tried_again(tmp_path: Path) -> None:
    info = Site(tmp_path).place.supervisor_lock.with_suffix(".json")
    info.mkdir()
    with pytest.raises(IsADirectoryError):
        Workspace(tmp_path / "data")
    info.rmdir()
    with Workspace(tmp_path / "data") as workspace:
        holder = workspace.runtime.supervised_by()
        assert holder is not None
        assert workspace.events.read(kinds=["supervisor.started"]).events


def test_a_run_that_lies_here_is_of_this_machine_however_that_was_called(tmp_path: Path) -> None:
    before = Site(tmp_path)
    with before:
        before.project()
        before.manager.start("demo")
    (run,) = before.launcher.runs("demo")
    state = run.state()
    assert state is not None
    for pid in (state.shim_pid, state.pid):
        os.kill(pid, signal.SIGKILL)
    before.book.change("demo", lambda row, _at: row.with_(host="a-container-that-is-gone"))
    with Site(tmp_path) as site:
        eventually(lambda: site.manager.status("demo").state == "lost")
        assert site.manager.start("demo").state == "running"
        site.manager.forget("demo")


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
