"""Servers as processes: how they start, what they publish, how they end, and what outlives them."""

from __future__ import annotations

import json
import os
import signal
import stat
import sys
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.support.servers import Home, Server
from tests.support.waiting import eventually

COUNTING = "import time\nfor n in range(60): print('line', n, flush=True); time.sleep(0.02)\nraise SystemExit(7)"


def make(server: Server, folder: Path, *command: str, **settings: Any) -> None:
    folder.mkdir(exist_ok=True)
    server.post("projects", id="demo", path=str(folder), command=list(command), **settings)


def alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_the_published_file_opens_the_api_and_goes_with_the_server(home: Home) -> None:
    server = home.start("--ServerApp.base_url=/a%40b/")
    assert server.get("health")["pid"] == server.process.pid
    assert stat.S_IMODE(server.file.stat().st_mode) == 0o600
    facts = json.loads(server.file.read_text())
    assert facts["url"].endswith("/a%40b/")
    assert facts["instance_id"] == server.get("health")["instance_id"]
    assert facts["api_version"] == server.get("health")["api_version"]
    assert facts["data_dir"] == str(home.data)
    assert facts["create_time"] == pytest.approx(psutil.Process(server.process.pid).create_time())
    assert server.end() == 0
    assert not server.file.exists()
    assert "Traceback" not in server.log.read_text()


def test_files_of_dead_servers_are_swept_and_those_of_living_ones_are_not(home: Home) -> None:
    first = home.start()
    first.get("health")
    first.end(signal.SIGKILL)
    assert first.file.exists()
    here = psutil.Process()
    living = home.runtime / f"att-{os.getpid()}.json"
    living.write_text(json.dumps({"pid": os.getpid(), "create_time": here.create_time()}))
    reused = home.runtime / "att-1.json"
    reused.write_text(json.dumps({"pid": os.getpid(), "create_time": here.create_time() - 100}))
    (home.runtime / "att-2.json").write_text("not JSON")
    second = home.start()
    second.get("health")
    eventually(lambda: {p.name for p in home.runtime.glob("att-*.json")} == {living.name, second.file.name})


def test_a_server_killed_while_a_child_runs_loses_nothing(home: Home, tmp_path: Path) -> None:
    first = home.start()
    make(first, tmp_path / "demo", sys.executable, "-c", COUNTING)
    run = first.post("projects/demo/runtime/start")
    first.end(signal.SIGKILL)
    second = home.start()
    status = second.get("projects/demo/runtime/status")
    assert status["run_id"] == run["run_id"]
    assert status["pid"] in (run["pid"], None)
    ended = eventually(lambda: (s := second.get("projects/demo/runtime/status"))["exit"] and s)
    assert (ended["exit"]["code"], ended["exit"]["signal"], ended["state"]) == (7, None, "exited")
    lines = second.get("projects/demo/runtime/logs", limit=100)["lines"]
    assert [line["text"] for line in lines] == [f"line {n}" for n in range(60)]
    assert len(second.get("projects/demo/runtime/runs")["runs"]) == 1


def test_a_killed_server_leaves_one_copy_that_the_next_one_adopts_and_stops(home: Home, tmp_path: Path) -> None:
    first = home.start()
    make(first, tmp_path / "demo", "sleep", "1000")
    run = first.post("projects/demo/runtime/start")
    first.end(signal.SIGKILL)
    assert alive(run["pid"])
    second = home.start()
    again = second.post("projects/demo/runtime/start")
    assert (again["pid"], again["run_id"], again["state"]) == (run["pid"], run["run_id"], "running")
    assert second.post("projects/demo/runtime/stop")["state"] == "stopped"
    assert not alive(run["pid"])


@pytest.mark.parametrize("stops", [False, True])
def test_stopping_the_server_leaves_projects_running_unless_told_otherwise(
    home: Home, tmp_path: Path, stops: bool
) -> None:
    server = home.start(f"--ATT.stop_on_shutdown={stops}")
    make(server, tmp_path / "demo", "sleep", "1000")
    pid = server.post("projects/demo/runtime/start")["pid"]
    with server.api.stream("GET", "projects/demo/events", headers={"Accept": "text/event-stream"}) as stream:
        lines = stream.iter_lines()
        assert next(lines)
        server.process.send_signal(signal.SIGTERM)
        for _ in lines:
            pass
    assert server.process.wait(30) == 0
    assert alive(pid) is not stops
    if not stops:
        assert home.start().get("projects/demo/runtime/status")["pid"] == pid


def test_settings_come_from_the_command_line_and_from_the_servers_configuration(home: Home, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    server = home.start(f"--ATT.data_dir={elsewhere}", config={"ATT": {"file_limit_bytes": 2048}})
    assert server.get("health")["data_dir"] == str(elsewhere)
    make(server, tmp_path / "demo", "true")
    (tmp_path / "demo" / "big.txt").write_text("x" * 2049)
    response = server.api.get("projects/demo/file", params={"path": "big.txt"})
    assert (response.status_code, response.json()["code"]) == (413, "too_large")


def test_a_server_on_a_unix_socket_publishes_it(home: Home, tmp_path: Path) -> None:
    sock = home.runtime / "s"
    server = home.start(f"--ServerApp.sock={sock}")
    assert server.get("health")["pid"] == server.process.pid
    assert server.facts["sock"] == str(sock)


def test_a_server_on_every_address_publishes_one_that_this_machine_reaches(home: Home) -> None:
    server = home.start("--ServerApp.ip=0.0.0.0")
    assert server.get("health")["pid"] == server.process.pid
    assert httpx.URL(server.facts["url"]).host == "127.0.0.1"


def test_a_workspace_that_cannot_be_opened_leaves_the_server_usable_and_is_logged(home: Home) -> None:
    server = home.start("--ATT.data_dir=/dev/null/att")
    response = server.api.get("health")
    assert (response.status_code, response.json()["code"]) == (503, "unavailable")
    assert "/dev/null/att" in response.json()["detail"]
    assert "/dev/null/att" in server.log.read_text()
    assert server.end() == 0


def test_it_works_in_jupyterlab(home: Home) -> None:
    server = home.start("--IdentityProvider.token=lab", lab=True)
    assert server.get("health")["kind"] == "server"
    page = httpx.get(f"{server.facts['url']}lab", params={"token": "lab"}, timeout=30, trust_env=False)
    assert page.status_code == 200
    assert "jupyter_ext | extension was successfully loaded" in server.log.read_text()


def test_a_reader_that_does_not_read_costs_the_server_no_memory(home: Home, tmp_path: Path) -> None:
    server = home.start()
    writing = "import sys\nfor n in range(400): sys.stdout.write((str(n) * 100_000)[:99_999] + '\\n')"
    make(server, tmp_path / "demo", sys.executable, "-c", writing)
    server.post("projects/demo/runtime/start")
    eventually(lambda: server.get("projects/demo/runtime/status")["state"] == "exited")
    before = psutil.Process(server.process.pid).memory_info().rss
    headers = {"Accept": "text/event-stream"}
    with server.api.stream("GET", "projects/demo/runtime/logs", params={"limit": 50}, headers=headers) as stalled:
        lines = stalled.iter_lines()
        next(lines)
        with server.api.stream("GET", "projects/demo/runtime/logs", params={"limit": 50}, headers=headers) as stream:
            seen = 0
            for line in stream.iter_lines():
                seen += line.count('"text":')
                if seen >= 400:
                    break
        grown = psutil.Process(server.process.pid).memory_info().rss - before
    assert seen == 400
    assert grown < 30_000_000
