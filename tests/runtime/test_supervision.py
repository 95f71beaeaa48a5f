"""Several processes over one data directory: one supervises, another takes over, and nothing is started twice."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from att.errors import NotFound
from att.runtime.models import RuntimeStatus
from tests.runtime.managed import HANG_SECONDS, STUBBORN, Another, MakeAnother, Site, stop_everything
from tests.support.waiting import eventually


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
