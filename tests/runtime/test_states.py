"""The state machine: every arrow is taken by a real process, and no other exists."""

from __future__ import annotations

import itertools
import os
import signal
from pathlib import Path
from typing import get_args

import pytest

from att.errors import Internal, StartFailed
from att.events.models import Event
from att.runtime.controls import asked_to_stop
from att.runtime.decisions import Seen, observed
from att.runtime.models import ProcessState
from att.runtime.states import ARROWS, Row, Snapshot
from tests.runtime.managed import HANG_SECONDS, SLEEP, Site, python
from tests.support.waiting import eventually

EXIT_7 = "import sys; sys.exit(7)"
LEAVES_A_CHILD = """
import subprocess, sys
ignores = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
subprocess.Popen([sys.executable, "-S", "-c", ignores])
sys.stdin.read()
import time; time.sleep(0.3)
sys.exit(7)
"""
IGNORES_TERM = "import signal, time; signal.signal(15, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"
UNHEALTHY_WHEN_TOLD = {
    "kind": "command",
    "role": "liveness",
    "command": ["test", "!", "-e", "sick"],
    "period_seconds": 0.05,
}


@pytest.mark.parametrize(("here", "there"), list(itertools.product(get_args(ProcessState), repeat=2)))
def test_only_the_arrows_of_the_table_can_be_taken(here: ProcessState, there: ProcessState) -> None:
    row = Row(snapshot=Snapshot(state=here))
    if here == there or there in ARROWS[here]:
        assert row.to(there, "why").snapshot.state == there
    else:
        with pytest.raises(Internal, match=f"from {here} to {there}"):
            row.to(there, "why")


def test_stopped_starting_running_stopping_stopped(site: Site) -> None:
    site.project()
    assert site.manager.start("demo").state == "running"
    assert site.manager.stop("demo").state == "stopped"
    assert site.states() == ["stopped", "starting", "running", "stopping", "stopped"]


def test_a_run_that_was_seen_alive_and_has_ended_since_changes_nothing(site: Site) -> None:
    site.project()
    site.manager.start("demo")
    known = site.until(lambda status: status.health == "healthy")
    site.manager.stop("demo")
    for stopping in (True, False):
        seen = Seen(
            run_id=str(known.run_id),
            observer="supervisor",
            stopping=stopping,
            health="healthy",
            reason="",
            probes=[],
            results=[],
            startup_passed=True,
        )
        site.book.change("demo", lambda row, at, seen=seen: observed(row, seen, at))  # type: ignore[misc]
    assert site.states() == ["stopped", "starting", "running", "stopping", "stopped"]


def test_a_run_that_ends_by_itself_while_it_is_asked_to_stop_is_not_stopping_any_more(site: Site) -> None:
    site.project(EXIT_7)
    site.manager.start("demo")
    site.until_written("running", "exited")
    run = site.launcher.latest("demo")
    assert run is not None
    site.book.change("demo", lambda row, _at: asked_to_stop(row, run))
    assert site.states() == ["stopped", "starting", "running", "exited", "stopped"]


def test_starting_to_stopped_when_the_program_cannot_be_executed(site: Site) -> None:
    site.project(command=["no-such-program-here"])
    with pytest.raises(StartFailed, match="no-such-program-here"):
        site.manager.start("demo")
    status = site.manager.status("demo")
    assert (status.state, "no-such-program-here" in status.reason) == ("stopped", True)
    assert site.states() == ["stopped", "starting", "stopped"]


def test_running_to_exited_to_starting_and_exited_to_stopped(site: Site) -> None:
    site.project(EXIT_7)
    site.manager.start("demo")
    status = site.until_state("exited")
    assert status.exit is not None
    assert (status.exit.code, status.exit.signal, status.pid, status.exit.requested) == (7, None, None, False)
    site.until_written("exited")
    site.manager.start("demo")
    site.until_written("exited", "starting", "running", "exited")
    first = site.manager.stop("demo")
    assert (first.state, first.exit and first.exit.code) == ("stopped", 7)
    assert site.manager.stop("demo").exit == first.exit
    assert site.states()[-2:] == ["exited", "stopped"]


def test_running_to_lost_to_starting_and_lost_to_stopped(site: Site) -> None:
    site.project()
    site.manager.start("demo")
    site.kill_shim()
    lost = site.until_state("lost")
    assert lost.pid is None
    assert lost.exit is not None
    assert lost.exit.reason.startswith("Lost")
    site.until_written("running", "lost")
    site.manager.start("demo")
    site.kill_shim()
    site.until_written("lost", "starting", "running", "lost")
    assert site.manager.stop("demo").state == "stopped"
    assert site.states()[-2:] == ["lost", "stopped"]


def test_a_lost_run_is_a_failure_that_the_policy_restarts(site: Site) -> None:
    site.project(restart="on_failure")
    first = site.manager.start("demo")
    site.kill_shim()
    second = site.until(lambda status: status.state == "running" and status.run_id != first.run_id)
    assert second.restarts == 1
    assert site.until_written("running", "backoff", "starting", "running")
    (record,) = site.manager.diagnostics("demo").restarts
    assert (record.trigger, record.exit and record.exit.exited_at) == ("exit", None)


def test_running_to_backoff_to_starting_when_the_delay_is_over(site: Site) -> None:
    site.project("import os, sys; sys.exit(0 if os.path.exists('good') else open('good', 'w').close() or 3)")
    site.registry.change("demo", {"restart": "on_failure"})
    site.manager.start("demo")
    assert site.until_written("running", "backoff", "starting", "running", "exited")


@pytest.mark.parametrize("by_hand", ["start", "stop"])
def test_backoff_is_ended_by_hand(site: Site, tmp_path: Path, by_hand: str) -> None:
    site.close()
    with Site(tmp_path, times={"backoff_base": 300.0, "backoff_most": 300.0}) as slow:
        slow.project(EXIT_7, restart="on_failure")
        slow.manager.start("demo")
        status = slow.until_state("backoff")
        assert status.next_restart_at is not None
        if by_hand == "stop":
            assert slow.manager.stop("demo").state == "stopped"
            assert slow.states()[-2:] == ["backoff", "stopped"]
        else:
            slow.registry.change("demo", {"command": python(SLEEP)})
            assert slow.manager.start("demo").state == "running"
            assert slow.states()[-3:] == ["backoff", "starting", "running"]
            assert slow.manager.status("demo").restarts == 0


def test_a_crash_loop_stops_by_itself_and_says_so(site: Site) -> None:
    site.project(EXIT_7, restart="always")
    site.manager.start("demo")
    status = site.until_state("crash_loop")
    assert "Crash loop: 5 failures within 120 s" in status.reason
    assert (status.restarts, status.restarts_in_window, status.next_restart_at) == (4, 5, None)
    assert len(site.manager.diagnostics("demo").restarts) == 4
    assert len(site.launcher.runs("demo")) == 5
    assert site.states()[-2:] == ["running", "crash_loop"]


def test_crash_loop_to_starting_by_hand_forgets_the_failures(site: Site) -> None:
    site.project(EXIT_7, restart="on_failure")
    site.manager.start("demo")
    site.until_state("crash_loop")
    site.registry.change("demo", {"command": python(SLEEP)})
    status = site.manager.start("demo")
    assert (status.state, status.restarts, status.restarts_in_window) == ("running", 0, 0)
    assert site.states()[-3:] == ["crash_loop", "starting", "running"]


def test_crash_loop_to_stopped(site: Site) -> None:
    site.project(EXIT_7, restart="on_failure")
    site.manager.start("demo")
    site.until_state("crash_loop")
    assert site.manager.stop("demo").state == "stopped"
    assert site.states()[-2:] == ["crash_loop", "stopped"]


def test_starting_to_backoff_to_crash_loop_when_a_restart_cannot_execute_the_program(site: Site) -> None:
    program = site.work / "program"
    program.write_text("#!/bin/sh\nrm program\nexit 3\n")
    program.chmod(0o755)
    site.project(command=["./program"], restart="on_failure")
    site.manager.start("demo")
    status = site.until_state("crash_loop")
    assert "could not be restarted" in status.reason
    assert "program" in status.reason
    assert site.states()[:6] == ["stopped", "starting", "running", "backoff", "starting", "backoff"]
    assert site.states()[-2:] == ["starting", "crash_loop"]


def test_stopping_to_starting_on_a_restart_by_hand(site: Site) -> None:
    site.project()
    first = site.manager.start("demo")
    second = site.manager.restart("demo")
    assert second.state == "running"
    assert second.run_id != first.run_id
    assert site.states() == ["stopped", "starting", "running", "stopping", "starting", "running"]
    (record,) = site.manager.diagnostics("demo").restarts
    assert (record.trigger, record.old_run_id, record.new_run_id) == ("manual", first.run_id, second.run_id)
    (event,) = site.events.read(kinds=["runtime.restarted"]).events
    assert (event.run_id, event.data["trigger"]) == (second.run_id, "manual")


def test_a_restart_that_is_seen_running_is_named_in_its_record(site: Site) -> None:
    site.project()
    site.manager.start("demo")
    named: list[str | None] = []

    def hear(event: Event) -> None:
        if event.data.get("to") == "running":
            named.append(site.book.restarts("demo")[-1].new_run_id)

    unsubscribe = site.events.subscribe(hear)
    second = site.manager.restart("demo")
    unsubscribe()
    assert named == [second.run_id]


def test_a_restart_that_cannot_be_launched_names_no_run(site: Site) -> None:
    site.project()
    site.manager.start("demo")
    site.registry.change("demo", {"command": ["no-such-program-here"]})
    with pytest.raises(StartFailed):
        site.manager.restart("demo")
    assert [record.new_run_id for record in site.book.restarts("demo")] == [None]
    site.registry.change("demo", {"command": ["/dev/null"]})
    with pytest.raises(StartFailed):
        site.manager.restart("demo")
    assert [record.new_run_id for record in site.book.restarts("demo")] == [None, None]


def test_running_to_stopping_to_exited_while_descendants_outlive_the_main_process(site: Site) -> None:
    site.project(LEAVES_A_CHILD)
    site.manager.start("demo")
    stopping = site.until_state("stopping")
    assert stopping.pid is None
    exited = site.until_state("exited")
    assert exited.exit is not None
    assert (exited.exit.code, exited.exit.leftovers_killed) == (7, 1)
    assert site.until_written("running", "stopping", "exited")


def test_stopping_to_lost_when_the_shim_dies_meanwhile(site: Site) -> None:
    site.project(LEAVES_A_CHILD)
    site.manager.start("demo")
    site.until_state("stopping")
    site.kill_shim()
    site.until_state("lost")
    assert site.until_written("running", "stopping", "lost")


def test_stopping_to_backoff_when_a_run_ends_with_descendants(site: Site) -> None:
    site.project(LEAVES_A_CHILD, restart="on_failure")
    site.manager.start("demo")
    assert eventually(lambda: "backoff" in site.states(), HANG_SECONDS)
    assert site.states()[2:5] == ["running", "stopping", "backoff"]


def test_stopping_to_stopped_even_if_the_shim_is_killed_meanwhile(site: Site) -> None:
    site.project(IGNORES_TERM, grace_seconds=20.0)
    site.manager.start("demo")
    eventually(lambda: site.manager.logs("demo").lines, HANG_SECONDS)
    run = site.launcher.latest("demo")
    assert run is not None
    shim = site.manager.status("demo").shim_pid
    assert shim is not None
    site.book.change("demo", lambda row, _at: row.to("stopping", "Asked to stop.", desired="stopped"))
    run.request_stop(20.0)
    os.kill(shim, signal.SIGKILL)
    site.until_state("stopped")
    assert site.until_written("stopping", "stopped")


def test_stopping_to_crash_loop_after_liveness_failures(site: Site) -> None:
    site.project(SLEEP, probes=[{**UNHEALTHY_WHEN_TOLD, "command": ["false"], "failure_threshold": 1}])
    site.manager.start("demo")
    site.until_state("crash_loop")
    assert site.states()[-3:] == ["running", "stopping", "crash_loop"]


@pytest.mark.parametrize("before", ["stopped", "exited", "lost", "backoff", "crash_loop", "stopping", "starting"])
def test_a_run_found_alive_makes_it_running_whatever_was_written(tmp_path: Path, before: ProcessState) -> None:
    with Site(tmp_path) as site:
        site.project()
        site.manager.start("demo")
        written = site.launcher.runs("demo")[0].run_id
        site.manager.stop("demo")
        site.launcher.launch("demo", site.manager._starter._spec(site.registry.get("demo"), None))
    snapshot = Snapshot(state=before, run_id=written)
    unopened = Site(tmp_path)
    unopened.book.change("demo", lambda row, _at: Row(desired="running", snapshot=snapshot))
    unopened.close()
    with Site(tmp_path) as site:
        assert site.manager.status("demo").state == "running"
        assert site.states()[-2:] == [before, "running"]
        assert site.manager.stop("demo").state == "stopped"


def test_an_unseen_end_is_concluded_when_somebody_looks_again(tmp_path: Path) -> None:
    with Site(tmp_path) as site:
        site.project("import sys; sys.stdin.read(); import time; time.sleep(0.5); sys.exit(7)")
        site.manager.start("demo")
    run = site.launcher.runs("demo")[0]
    assert run.wait(HANG_SECONDS) is not None
    with Site(tmp_path) as site:
        status = site.manager.status("demo")
        assert (status.state, status.exit and status.exit.code) == ("exited", 7)
        assert site.states()[-2:] == ["running", "exited"]


def test_unknown_states_are_never_written(site: Site) -> None:
    site.project()
    site.manager.start("demo")
    with pytest.raises(Internal):
        site.book.change("demo", lambda row, _at: row.to("backoff", "no").to("exited", "no"))
    assert site.book.read("demo").snapshot.state == "running"
