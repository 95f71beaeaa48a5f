"""Measure ATT in a real Jupyter server: `python -m tests.benchmarks.server [name ...]`.

Prints a table with ratios and bars; exits with 1 when a bar is missed. Rounds are interleaved and medians are compared.
"""

from __future__ import annotations

import http.client
import os
import signal
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.benchmarks.support.table import Row, print_table
from tests.support.servers import Home, Server

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
MEGABYTES = int(os.environ.get("BENCH_MEGABYTES", "100"))
REQUESTS = 300
TOKEN = "bench"
BARE = "tests.benchmarks.support.bare"
WRITER = "import sys\nfor n in range(int(sys.argv[1])): sys.stdout.write('%099d\\n' % n)"


@contextmanager
def server(folder: Path) -> Iterator[tuple[Server, httpx.Client]]:
    """Start a server with ATT and the extension to measure against; yield it with a client that has Jupyter's token."""
    os.environ["PYTHONPATH"] = str(Path(__file__).parents[2])
    extensions = {"jupyter_ext": True, BARE: True, "jupyterlab": False, "jupyter_lsp": False, "notebook_shim": False}
    with Home(folder).closing() as home:
        started = home.start(
            f"--IdentityProvider.token={TOKEN}", config={"ServerApp": {"jpserver_extensions": extensions}}
        )
        started.get("health")
        headers = {"Authorization": f"token {TOKEN}"}
        with httpx.Client(base_url=started.facts["url"], headers=headers, trust_env=False, timeout=60) as client:
            yield started, client


def lag(folder: Path) -> list[Row]:
    """Measure how late the event loop's timers are while a project writes and a client follows."""
    with server(folder) as (running, client):
        rows = [Row("loop lag at rest, p99", _percentile(_lag(client, lambda: time.sleep(2)), 0.99), "ms")]
        delays = _lag(client, lambda: _write_and_follow(running))
        rows.append(Row(f"loop lag, {MEGABYTES} MB written and followed, p50", _percentile(delays, 0.5), "ms"))
        rows.append(Row(f"loop lag, {MEGABYTES} MB written and followed, p99", _percentile(delays, 0.99), "ms", bar=20))
        rows.append(Row("the same, worst", max(delays), "ms"))
    return rows


def _lag(client: httpx.Client, work: Callable[[], None]) -> list[float]:
    client.post("bench/lag").raise_for_status()
    work()
    delays: list[float] = client.get("bench/lag").json()
    return delays


def _write_and_follow(running: Server) -> None:
    lines = MEGABYTES * 10_000
    command = [sys.executable, "-S", "-c", WRITER, str(lines)]
    running.post("projects", id="writer", path=str(running.home.work), command=command)
    running.post("projects/writer/runtime/start")
    last = f"{lines - 1:099d}"
    headers = {"Accept": "text/event-stream"}
    with running.api.stream("GET", "projects/writer/runtime/logs", headers=headers) as stream:
        for line in stream.iter_lines():
            if last in line:
                return


def requests(folder: Path) -> list[Row]:
    """Measure one status request beside a bare authenticated handler of the same server."""
    with server(folder) as (running, client):
        running.post("projects", id="demo", path=str(folder), command=["sleep", "1000"])
        running.post("projects/demo/runtime/start")
        paths = {"att": "api/v1/projects/demo/runtime/status", "bare handler": "bench/bare"}
        times: dict[str, list[float]] = {name: [] for name in paths}
        for _ in range(ROUNDS):
            for name, path in paths.items():
                times[name].append(_p50(client, path))
        median = {name: statistics.median(values) for name, values in times.items()}
        health = _p50(client, "api/v1/health")
    return [
        Row("runtime.status, p50", median["att"], "ms", "bare handler", median["bare handler"], 2.0),
        Row("system.health, p50", health, "ms", "bare handler", median["bare handler"]),
    ]


def _p50(client: httpx.Client, path: str) -> float:
    found = []
    for _ in range(REQUESTS):
        began = time.perf_counter()
        client.get(path).raise_for_status()
        found.append((time.perf_counter() - began) * 1000)
    return statistics.median(found)


def starting(folder: Path) -> list[Row]:
    """Measure what the extension adds to the time from exec to the server's first answer."""
    times: dict[bool, list[float]] = {True: [], False: []}
    for number in range(ROUNDS):
        for att in (False, True):
            times[att].append(_start(folder / f"{number}-{att}", att))
    with_att, without = statistics.median(times[True]), statistics.median(times[False])
    return [
        Row("server start with ATT", with_att, "s", "without", without),
        Row("added to server start", with_att - without, "s", bar=0.3),
    ]


def _start(folder: Path, att: bool) -> float:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    extensions = {"jupyter_ext": att, "jupyterlab": False, "jupyter_lsp": False, "notebook_shim": False}
    home = Home(folder)
    began = time.perf_counter()
    started = home.start(
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        f"--IdentityProvider.token={TOKEN}",
        config={"ServerApp": {"jpserver_extensions": extensions}},
    )
    while not _answers(port):
        assert started.process.poll() is None, started.log.read_text()
        time.sleep(0.005)
    seconds = time.perf_counter() - began
    started.end(signal.SIGTERM)
    return seconds


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", "/api/status", headers={"Authorization": f"token {TOKEN}"})
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _percentile(values: list[float], share: float) -> float:
    return sorted(values)[int((len(values) - 1) * share)]


BENCHMARKS: dict[str, Callable[[Path], list[Row]]] = {"lag": lag, "requests": requests, "starting": starting}
"""Each is given a folder of its own and returns rows of the table."""


def main() -> int:
    """Run the named benchmarks (all without a name) and print one table."""
    rows: list[Row] = []
    for name in sys.argv[1:] or BENCHMARKS:
        with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as folder:
            rows += BENCHMARKS[name](Path(folder))
    print_table(rows)
    return int(any(row.holds is False for row in rows))


if __name__ == "__main__":
    sys.exit(main())
