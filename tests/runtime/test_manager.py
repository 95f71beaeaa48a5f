"""RuntimeManager by hand: starting, stopping, looking, and clear errors."""

from __future__ import annotations

import os
import signal
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from att.errors import Invalid, NotFound, StartFailed
from att.runtime.models import RuntimeStatus
from att.runtime.rundir import RunDirectory
from att.runtime.runids import new_run_id
from tests.runtime.managed import HANG_SECONDS, SLEEP, Site, python, stop_everything
from tests.support.waiting import eventually

PRINTS_ENV = "import os; print(sorted(os.environ)); print(os.environ.get('PORT'), os.environ.get('MINE'))"
ESCAPES = """
import os, signal, subprocess, sys, time
stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
subprocess.Popen([sys.executable, "-S", "-c", stubborn])
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execv(sys.executable, [sys.executable, "-S", "-c", stubborn])
    os._exit(0)
time.sleep(600)
"""


def test_a_start_answers_the_status_of_what_runs_already(site: Site) -> None:
    site.project()
    first = site.manager.start("demo")
    second = site.manager.start("demo")
    assert (first.pid, first.run_id) == (second.pid, second.run_id)
    assert first.pid is not None
    assert psutil.Process(first.pid).ppid() == first.shim_pid
    assert site.alive_runs() == 1


def test_two_threads_that_start_at_once_start_one_copy(site: Site) -> None:
    site.project()
    found: list[RuntimeStatus] = []
    threads = [threading.Thread(target=lambda: found.append(site.manager.start("demo"))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({status.pid for status in found}) == 1
    assert len(found) == 6
    assert len(site.launcher.runs("demo")) == 1


def test_a_stop_is_idempotent_and_its_exit_record_stays_the_same(site: Site) -> None:
    site.project()
    site.manager.start("demo")
    stopped = site.manager.stop("demo")
    assert stopped.exit is not None
    assert (stopped.state, stopped.pid, stopped.exit.requested) == ("stopped", None, True)
    assert stopped.exit.signal == signal.SIGTERM
    assert site.manager.stop("demo").exit == stopped.exit
    assert site.states()[-1] == "stopped"


def test_a_project_that_never_ran_is_stopped_and_can_be_stopped(site: Site) -> None:
    site.project()
    assert site.manager.status("demo").state == "stopped"
    status = site.manager.stop("demo")
    assert (status.state, status.exit, status.run_id) == ("stopped", None, None)


def test_a_stop_leaves_no_orphan(site: Site) -> None:
    site.project(ESCAPES, grace_seconds=0.5)
    status = site.manager.start("demo")
    assert status.shim_pid is not None
    eventually(lambda: len(site.manager.logs("demo").lines) == 2, HANG_SECONDS)
    tree = psutil.Process(status.shim_pid).children(recursive=True)
    assert len([process for process in tree if process.status() != "zombie"]) == 3
    assert site.manager.stop("demo").state == "stopped"
    assert [process for process in tree if process.is_running() and process.status() != "zombie"] == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_signal_is_reported_as_a_signal(site: Site, number: signal.Signals) -> None:
    site.project()
    pid = site.manager.start("demo").pid
    assert pid is not None
    eventually(lambda: site.manager.logs("demo").lines, HANG_SECONDS)
    os.kill(pid, number)
    status = site.until_state("exited")
    assert status.exit is not None
    assert (status.exit.signal, status.exit.code, status.exit.signal_name) == (number, None, number.name)
    assert number.name in status.exit.reason
    diagnosis = site.manager.diagnostics("demo").diagnosis
    assert diagnosis is not None
    assert number.name not in diagnosis.summary, "it stands above it"


def test_unknown_projects_are_not_found_with_close_names(site: Site) -> None:
    site.project()
    for ask in (site.manager.start, site.manager.stop, site.manager.status, site.manager.logs, site.manager.runs):
        with pytest.raises(NotFound, match="Did you mean 'demo'"):
            ask("demos")


def test_a_fixed_port_in_use_says_by_whom(site: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        site.project(port=port)
        with pytest.raises(StartFailed, match=rf"Port {port} is in use.*\({os.getpid()}\)") as caught:
            site.manager.start("demo")
    assert caught.value.details["reason"] == "port_in_use"
    assert caught.value.details["remedy"]
    assert site.manager.status("demo").state == "stopped"
    assert site.manager.start("demo").port == port


def test_a_missing_folder_is_a_clear_error(site: Site) -> None:
    site.project(path=str(site.folder / "gone"))
    with pytest.raises(StartFailed, match="does not exist"):
        site.manager.start("demo")


def test_a_project_that_nobody_can_start_says_what_to_set(site: Site) -> None:
    site.project(SLEEP)
    site.registry.change("demo", {"command": None})
    with pytest.raises(Invalid, match="set its command"):
        site.manager.start("demo")


def test_a_bad_import_is_explained_with_the_pip_line(site: Site) -> None:
    site.project("import yaml_does_not_exist")
    site.manager.start("demo")
    site.until_state("exited")
    diagnostics = site.manager.diagnostics("demo")
    assert diagnostics.exit is not None
    assert diagnostics.diagnosis is not None
    assert diagnostics.diagnosis.remedy.endswith("-m pip install yaml_does_not_exist")
    assert "ModuleNotFoundError" in diagnostics.last_lines[-1].text


def test_an_environment_has_the_port_and_the_settings_but_nothing_of_att(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATT_SECRET", "x")
    monkeypatch.setenv("JPY_API_TOKEN", "x")
    site.project(PRINTS_ENV, env={"MINE": "yes"})
    site.manager.start("demo")
    site.until_state("exited")
    names, values = [line.text for line in site.manager.logs("demo").lines]
    assert "ATT_SECRET" not in names
    assert "JPY_API_TOKEN" not in names
    run = site.launcher.latest("demo")
    assert run is not None
    assert values == f"{run.spec().port} yes"


def test_placeholders_become_the_port_and_the_python(site: Site) -> None:
    code = "import sys, time; print(sys.argv[1]); time.sleep(600)"
    site.project(command=["{python}", "-S", "-c", code, "{port}"])
    status = site.manager.start("demo")
    assert status.url == f"http://127.0.0.1:{status.port}"
    (line,) = eventually(lambda: site.manager.logs("demo").lines, HANG_SECONDS)
    assert line.text == str(status.port)


def test_a_project_that_does_not_use_its_port_has_no_url(site: Site) -> None:
    site.project()
    assert site.manager.start("demo").url is None


def test_a_restart_keeps_the_port(site: Site) -> None:
    site.project()
    assert site.manager.start("demo").port == site.manager.restart("demo").port


def test_a_virtual_environment_of_the_project_comes_first(site: Site) -> None:
    folder = site.work / ".venv" / "bin"
    folder.mkdir(parents=True)
    (folder.parent / "pyvenv.cfg").write_text("")
    (folder / "python").write_text("#!/bin/sh\necho $0 $VIRTUAL_ENV $PATH\n")
    (folder / "python").chmod(0o755)
    site.project(command=["{python}"])
    site.manager.start("demo")
    site.until_state("exited")
    (line,) = site.manager.logs("demo").lines
    assert line.text.startswith(f"{folder}/python {folder.parent} {folder}:")


def test_changed_settings_ask_for_a_restart_and_the_policy_does_not(site: Site) -> None:
    site.project()
    assert not site.manager.start("demo").restart_to_apply
    site.registry.change("demo", {"restart": "always", "title": "New", "grace_seconds": 1.0})
    assert not site.manager.status("demo").restart_to_apply
    site.registry.change("demo", {"env": {"A": "1"}})
    assert site.manager.status("demo").restart_to_apply
    assert not site.manager.restart("demo").restart_to_apply


def test_runs_come_newest_first_in_pages_and_old_ones_are_deleted(tmp_path: Path) -> None:
    with Site(tmp_path, keep_runs=3) as site:
        site.project("pass")
        started = []
        for _ in range(5):
            started.append(site.manager.start("demo").run_id)
            site.until_state("exited")
            site.until_written("exited")
        page = site.manager.runs("demo", limit=2)
        assert ([run.run_id for run in page.runs], page.has_more) == (started[:2:-1], True)
        rest = site.manager.runs("demo", page.cursor)
        assert ([run.run_id for run in rest.runs], rest.has_more) == ([started[2]], False)
        assert page.runs[0].state == "exited"
        assert page.runs[0].command == site.registry.get("demo").command


def test_a_past_run_has_its_own_diagnostics(site: Site) -> None:
    site.project("import sys; print('first'); sys.exit(3)")
    first = site.manager.start("demo").run_id
    site.until_written("exited")
    site.registry.change("demo", {"command": python("print('second')")})
    site.manager.start("demo")
    site.until_state("exited")
    past = site.manager.diagnostics("demo", first)
    assert (past.exit and past.exit.code, [line.text for line in past.last_lines]) == (3, ["first"])
    assert site.manager.diagnostics("demo").diagnosis is None


def test_metrics_are_sampled_while_somebody_asks(tmp_path: Path) -> None:
    with Site(tmp_path, times={"watched": 0.5}, metrics_seconds=0.2) as site:
        site.project("import subprocess, sys; subprocess.run([sys.executable, '-c', 'x = 1\\nwhile x: pass'])")
        assert site.manager.metrics("demo").samples == []
        site.manager.start("demo")
        eventually(lambda: len(site.manager.metrics("demo").samples) >= 3, HANG_SECONDS)
        sample = eventually(
            lambda: next((s for s in reversed(site.manager.metrics("demo").samples) if s.processes == 2), None)
        )
        assert sample is not None
        assert sample.rss_bytes > 1_000_000
        assert sample.threads >= 2
        eventually(lambda: (site.manager.metrics("demo").samples[-1].cpu_percent or 0) > 1, HANG_SECONDS)
        status = site.manager.status("demo", resources=True)
        assert status.resources is not None
        assert status.resources.processes == 2
        site.manager.stop("demo")
        assert site.manager.status("demo", resources=True).resources is None


def test_statuses_of_many_projects_at_once(site: Site) -> None:
    projects = [site.project(name=f"p{number}") for number in range(3)]
    site.manager.start("p1")
    found = site.manager.statuses(projects)
    assert {name: status.state for name, status in found.items()} == {
        "p0": "stopped",
        "p1": "running",
        "p2": "stopped",
    }


def test_forgetting_a_project_stops_it_and_leaves_nothing(site: Site) -> None:
    site.project()
    pid = site.manager.start("demo").pid
    assert pid is not None
    site.manager.restart("demo")
    site.manager.forget("demo")
    assert site.launcher.runs("demo") == []
    assert not psutil.pid_exists(pid)
    assert site.book.restarts("demo") == []
    assert site.manager.status("demo").state == "stopped"


def test_a_run_that_others_look_at_while_it_is_forgotten_does_not_come_back(site: Site) -> None:
    site.project()

    def look(run: RunDirectory) -> None:
        while run.path.exists():
            run.record_loss()

    with ThreadPoolExecutor(3) as pool:
        for _ in range(10):
            site.manager.start("demo")
            run = site.launcher.runs("demo")[-1]
            looking = [pool.submit(look, run) for _ in range(3)]
            site.manager.forget("demo")
            assert site.launcher.runs("demo") == []
            assert [looks.result() for looks in looking] == [None] * 3


def test_a_project_whose_start_was_cut_short_can_be_looked_at_and_forgotten(site: Site) -> None:
    site.project()
    run = site.launcher.runs_dir("demo") / new_run_id()
    run.mkdir(parents=True)
    assert site.manager.diagnostics("demo", run.name).last_lines == []
    page = site.manager.logs("demo", run=run.name)
    assert site.manager.logs("demo", page.cursor).lines == []
    site.manager.forget("demo")
    assert site.launcher.runs("demo") == []


def test_a_server_stops_its_projects_on_shutdown_only_when_told(tmp_path: Path) -> None:
    try:
        with Site(tmp_path, kind="server") as site:
            site.project()
            site.manager.start("demo")
        assert site.alive_runs() == 1
        with Site(tmp_path, kind="server", stop_on_shutdown=True) as site:
            assert site.manager.status("demo").state == "running"
        assert site.alive_runs() == 0
    finally:
        stop_everything(tmp_path)


def test_a_status_of_a_supervised_run_reads_no_database(site: Site) -> None:
    from sqlalchemy import event

    site.project()
    site.manager.start("demo")
    site.until_health("healthy")
    asked: list[str] = []
    event.listen(site.store.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    first = site.manager.status("demo")
    second = site.manager.status("demo")
    assert first.pid == second.pid
    assert second.observed_at > first.observed_at
    assert asked == []
