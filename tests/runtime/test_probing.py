"""Probes of real projects: health, restarts by liveness and startup, and what never happens."""

from __future__ import annotations

import sys
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from att.models import now
from att.runtime.checks import Target
from att.runtime.loop import Loop
from att.runtime.prober import Prober
from att.runtime.probes import ProbeBoard
from att.runtime.rundir import RunState
from att.runtime.timings import Timings
from tests.runtime.managed import HANG_SECONDS, SLEEP, Site
from tests.support.waiting import eventually

SERVER = """
import http.server, os, sys, threading, time

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        while os.path.exists("hang"):
            time.sleep(0.01)
        while os.path.exists("drip"):
            self.wfile.write(b"H")
            time.sleep(0.02)
        self.send_response(503 if os.path.exists("sick") else 200)
        self.end_headers()
        self.wfile.write(b"fine")

http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
HTTP: dict[str, Any] = {"kind": "http", "url": "/health", "period_seconds": 0.05, "timeout_seconds": 0.5}


def unless(name: str, **more: Any) -> dict[str, Any]:
    """Return a probe that passes unless there is a file of that name in the project's folder."""
    return {"kind": "command", "command": ["test", "!", "-e", name], "period_seconds": 0.05, **more}


def test_a_server_becomes_healthy_sick_and_healthy_again(site: Site) -> None:
    site.project(SERVER, probes=[HTTP])
    status = site.manager.start("demo")
    assert (status.health, status.url) == ("starting", f"http://127.0.0.1:{status.port}")
    site.until_health("healthy")
    (site.work / "sick").touch()
    sick = site.until_health("unhealthy")
    assert (sick.state, "status 503" in sick.reason) == ("running", True)
    assert site.manager.health_signal("demo").unhealthy_since is not None
    diagnosis = site.manager.diagnostics("demo").diagnosis
    assert diagnosis is not None
    assert "status 503" in diagnosis.summary
    (site.work / "sick").unlink()
    well = site.until_health("healthy")
    assert (well.run_id, well.restarts) == (status.run_id, 0)
    assert site.manager.health_signal("demo").unhealthy_since is None
    assert "transient" in site.healths()


def test_health_settles_even_if_its_time_comes_between_telling_and_scheduling(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at = [now()]
    monkeypatch.setattr("att.runtime.prober.now", lambda: at[0])
    loop, told = Loop("att-test"), []
    who = RunState("0" * 26, 1, None, 1, None, "", "", at[0])
    with ThreadPoolExecutor(1) as pool:
        prober = Prober(
            loop,
            pool,
            ProbeBoard([], Timings(settle=1.0)),
            who,
            deque(),
            adopted=False,
            target=lambda: Target(Path("/"), {}),
            quiet=lambda: False,
            changed=lambda: told.append(prober.health()[0]),
        )

        def attend() -> None:
            at[0] += timedelta(seconds=0.999)
            told.append(prober.health()[0])
            at[0] += timedelta(seconds=0.002)
            prober.schedule()

        loop.post(attend)
        loop.start()
        try:
            assert eventually(lambda: len(told) == 2 and told, HANG_SECONDS) == ["starting", "healthy"]
        finally:
            loop.close()


def test_lines_that_probes_cause_are_hidden_unless_asked_for(site: Site) -> None:
    site.project(SERVER, probes=[HTTP])
    site.manager.start("demo")
    site.until_health("healthy")
    if sys.platform == "linux":
        eventually(lambda: site.manager.logs("demo", probes=True).lines, HANG_SECONDS)
        assert site.manager.logs("demo").lines == []
        assert all(line.probe for line in site.manager.logs("demo", probes=True).lines)


def test_a_hanging_server_blocks_neither_other_probes_nor_the_supervisor(site: Site) -> None:
    site.project(SERVER, probes=[HTTP])
    site.manager.start("demo")
    site.until_health("healthy")
    (site.work / "hang").touch()
    site.project(name="other", probes=[unless("nothing")])
    site.manager.start("other")
    site.until_health("healthy", name="other")
    assert "no answer within 0.5 s" in site.until_health("unhealthy").reason
    (site.work / "hang").unlink()
    site.until_health("healthy")


def test_a_server_that_drips_an_endless_answer_fails_on_time(site: Site) -> None:
    site.project(SERVER, probes=[{**HTTP, "timeout_seconds": 0.1, "failure_threshold": 1}])
    site.manager.start("demo")
    site.until_health("healthy")
    (site.work / "drip").touch()
    assert "no answer within 0.1 s" in site.until_health("unhealthy").reason
    (site.work / "drip").unlink()
    site.until_health("healthy")


def test_without_a_readiness_probe_it_is_healthy_after_a_moment(site: Site) -> None:
    site.project()
    assert site.manager.start("demo").health == "starting"
    site.until_health("healthy")
    assert site.healths() == ["starting", "healthy"]


def test_a_tcp_probe_uses_the_projects_own_port(site: Site) -> None:
    site.project(SERVER, probes=[{"kind": "tcp", "period_seconds": 0.1}])
    status = site.manager.start("demo")
    assert status.probes == [] or status.probes[0].probe.port == status.port
    assert site.until_health("healthy").probes[0].probe.port == status.port


def test_a_process_probe_is_enough(site: Site) -> None:
    site.project(probes=[{"kind": "process"}])
    site.manager.start("demo")
    assert site.until_health("healthy").probes[0].state == "passing"


def test_probe_commands_know_port_environment_and_folder(site: Site) -> None:
    code = "import os, sys; sys.exit(not (os.environ['MINE'] == 'yes' and sys.argv[1] == os.environ['PORT']))"
    command = ["{python}", "-S", "-c", code, "{port}"]
    site.project(env={"MINE": "yes"}, probes=[{"kind": "command", "command": command, "timeout_seconds": 20}])
    site.manager.start("demo")
    site.until_health("healthy")


def test_a_liveness_failure_restarts_even_under_never(site: Site) -> None:
    site.project(probes=[unless("sick", role="liveness", failure_threshold=2)], restart="never")
    first = site.manager.start("demo")
    site.until_health("healthy")
    (site.work / "sick").touch()
    site.until(lambda status: status.state in ("stopping", "backoff"))
    (site.work / "sick").unlink()
    second = site.until(lambda status: status.state == "running" and status.run_id != first.run_id)
    assert second.restarts == 1
    site.until_health("healthy")
    site.until_written("running", "stopping", "backoff", "starting", "running")
    (record,) = site.manager.diagnostics("demo").restarts
    assert (record.trigger, record.old_run_id, record.new_run_id) == ("liveness", first.run_id, second.run_id)
    assert record.exit is not None
    assert record.exit.requested
    assert [result.result for result in record.probes[-2:]] == ["fail", "fail"]
    assert record.count_in_window == 1
    assert site.manager.status("demo").probes[0].failures == 0


def test_a_startup_failure_restarts_with_its_own_trigger(site: Site) -> None:
    probe = unless("sick", role="startup", failure_threshold=2)
    site.project(probes=[probe, unless("nothing")])
    (site.work / "sick").touch()
    first = site.manager.start("demo")
    site.until(lambda status: status.run_id != first.run_id or status.state == "backoff")
    (site.work / "sick").unlink()
    site.until_health("healthy")
    assert {record.trigger for record in site.manager.diagnostics("demo").restarts} == {"startup"}


def test_startup_gates_the_other_probes(site: Site) -> None:
    (site.work / "sick").touch()
    ready = {"kind": "command", "command": ["sh", "-c", "echo x >> asked"], "period_seconds": 0.05}
    site.project(probes=[unless("sick", role="startup", failure_threshold=1000), ready])
    site.manager.start("demo")
    site.until(lambda status: len(site.manager.health_signal("demo").last_results) > 3)
    assert not (site.work / "asked").exists()
    assert site.manager.status("demo").health == "starting"
    (site.work / "sick").unlink()
    site.until_health("healthy")
    assert (site.work / "asked").exists()


def test_probes_are_quiet_while_stopping(site: Site) -> None:
    code = "import signal, sys, time; signal.signal(15, lambda *_: (time.sleep(0.5), sys.exit())); time.sleep(600)"
    asked = {"kind": "command", "command": ["sh", "-c", "echo x >> asked"], "period_seconds": 0.05, "role": "liveness"}
    site.project(code, probes=[asked])
    site.manager.start("demo")
    eventually((site.work / "asked").exists, HANG_SECONDS)
    before = len(site.manager.health_signal("demo").last_results)
    assert before >= 0
    site.manager.stop("demo")
    amount = (site.work / "asked").stat().st_size
    results = site.manager.health_signal("demo").last_results
    assert all(result.result == "pass" for result in results)
    assert amount <= 2 * (len(results) + 2)
    assert site.manager.diagnostics("demo").restarts == []


def test_an_answer_that_comes_while_stopping_is_dropped(site: Site) -> None:
    waits = "touch asking; while ! test -e go; do sleep 0.02; done; touch gone; exit 1"
    probe = {"kind": "command", "command": ["sh", "-c", waits], "role": "liveness", "failure_threshold": 1}
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
    site.project(code, probes=[{**probe, "timeout_seconds": 30}], grace_seconds=1.0)
    site.manager.start("demo")
    eventually(lambda: (site.work / "asking").exists() and site.manager.logs("demo").lines, HANG_SECONDS)
    stop = threading.Thread(target=site.manager.stop, args=("demo",))
    stop.start()
    site.until_state("stopping")
    (site.work / "go").touch()
    eventually((site.work / "gone").exists, HANG_SECONDS)
    while stop.is_alive():
        assert site.manager.health_signal("demo").last_results == []
        stop.join(0.02)
    site.until_written("running", "stopping", "stopped")
    assert "unhealthy" not in site.healths()


def test_a_healthy_while_forgives_earlier_failures(tmp_path: Path) -> None:
    with Site(tmp_path, times={"forgiven": 0.05, "settle": 0.01}) as site:
        site.project("import time; time.sleep(0.2); raise SystemExit(3)", restart="on_failure")
        site.manager.start("demo")
        status = site.until(lambda status: status.restarts >= 7 or status.state == "crash_loop")
        assert (status.state != "crash_loop", status.restarts_in_window <= 1) == (True, True)
        site.manager.stop("demo")


def test_a_probe_that_cannot_run_leaves_health_alone(site: Site) -> None:
    site.project(probes=[{"kind": "command", "command": ["/no/such/probe"], "period_seconds": 0.05}])
    site.manager.start("demo")
    status = site.until(lambda status: status.probes and status.probes[0].errors >= 3)
    assert (status.health, status.probes[0].failures, status.state) == ("starting", 0, "running")


def test_results_are_kept_the_last_fifty_of_them(site: Site) -> None:
    site.project(probes=[unless("nothing", period_seconds=0.01) for _ in range(4)])
    site.manager.start("demo")
    site.until(lambda _: len(site.manager.health_signal("demo").last_results) == 50)
    newest = site.manager.health_signal("demo").last_results[-1].at
    site.until(lambda _: site.manager.health_signal("demo").last_results[-1].at > newest)
    assert len(site.manager.health_signal("demo").last_results) == 50


def test_probing_now_answers_with_a_fresh_result(site: Site) -> None:
    site.project(probes=[unless("sick", period_seconds=3600.0)])
    site.manager.start("demo")
    site.until_health("healthy")
    assert len(site.manager.health_signal("demo").last_results) == 1
    (site.work / "sick").touch()
    signal = site.manager.probe("demo")
    assert [result.result for result in signal.last_results] == ["pass", "fail"]
    assert signal.health == "transient"
    site.manager.stop("demo")
    assert site.manager.probe("demo").state == "stopped"


def test_counters_start_anew_with_a_new_run(site: Site, tmp_path: Path) -> None:
    site.project(probes=[unless("sick")])
    site.manager.start("demo")
    site.until_health("healthy")
    (site.work / "sick").touch()
    site.until_health("unhealthy")
    (site.work / "sick").unlink()
    status = site.manager.restart("demo")
    assert status.health == "starting"
    well = site.until_health("healthy")
    assert well.probes[0].failures == 0


def test_a_good_end_is_seen_by_the_exit_and_not_by_its_probes(site: Site) -> None:
    site.project("import time; time.sleep(0.3)", probes=[unless("nothing")])
    site.manager.start("demo")
    site.until_state("exited")
    assert "unhealthy" not in site.healths()


def test_slow_probes_do_not_delay_a_close(tmp_path: Path) -> None:
    from tests.runtime.managed import stop_everything

    try:
        with Site(tmp_path) as site:
            site.project(SLEEP, probes=[{"kind": "command", "command": ["sleep", "300"], "timeout_seconds": 300}])
            site.manager.start("demo")
            site.until(lambda _: _asking())
        assert not _asking()
    finally:
        stop_everything(tmp_path)


def _asking() -> bool:
    import psutil

    children = psutil.Process().children(recursive=True)
    return any("sleep" in child.name() for child in children if child.status() != psutil.STATUS_ZOMBIE)
