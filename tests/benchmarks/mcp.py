"""Measure MCP in a real Jupyter server: `python -m tests.benchmarks.mcp`.

The same tools/call goes through ATT's bridge and through the SDK's own server on uvicorn, in both eras, and beside its
REST twin. Rounds are interleaved and medians of the rounds' medians are compared. Exits with 1 when a bar is missed.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.benchmarks.support.table import Row, print_table
from tests.jupyter_ext.inside.mcp.wire import body_of, heads_of
from tests.support.servers import Home
from tests.support.waiting import eventually

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
CALLS = int(os.environ.get("BENCH_CALLS", "200"))
FIXTURE = "tests.mcp.fixture_extension"
ROOT = Path(__file__).parents[2]
OLD, NEW = "2025-11-25", "2026-07-28"
FIXTURE_CALL: dict[str, Any] = {"name": "test_simple_text", "arguments": {}}
ATT_CALL: dict[str, Any] = {"name": "att.runtime.status", "arguments": {"project": "demo"}}


class Caller:
    """Sends one request again and again over one connection, as HTTP clients do."""

    def __init__(self, url: str, token: str | None, era: str) -> None:
        address = urlsplit(url)
        self._connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=60)
        self._path = address.path
        self._era = era
        self._heads = {"Authorization": f"Bearer {token}"} if token else {}
        if era == OLD:
            params = {"protocolVersion": OLD, "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}}
            begun = self._post(body_of(OLD, "initialize", params), heads_of(OLD, "initialize"))
            self._heads["Mcp-Session-Id"] = begun.headers["mcp-session-id"]
            self._post({"jsonrpc": "2.0", "method": "notifications/initialized"}, heads_of(OLD, ""))

    def _post(self, body: Any, heads: dict[str, str]) -> http.client.HTTPResponse:
        self._connection.request("POST", self._path, json.dumps(body), {**heads, **self._heads})
        response = self._connection.getresponse()
        self.last = response.read()
        assert response.status < 300, self.last
        return response

    def ask(self, method: str, params: dict[str, Any]) -> Callable[[], object]:
        """Return what sends the request once."""
        body, heads = body_of(self._era, method, params), heads_of(self._era, method, params)
        return lambda: self._post(body, heads)

    def get(self) -> None:
        """Ask the REST twin."""
        self._connection.request("GET", self._path, headers=self._heads)
        response = self._connection.getresponse()
        self.last = response.read()
        assert response.status == 200, self.last


@contextmanager
def servers(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Start both; yield the Jupyter server's URL and token, and the URL of the SDK's own."""
    os.environ["PYTHONPATH"] = str(ROOT)
    extensions = {"jupyter_ext": True, FIXTURE: True, "jupyterlab": False, "jupyter_lsp": False, "notebook_shim": False}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    uvicorn = subprocess.Popen([sys.executable, "-m", "tests.mcp.fixture_uvicorn", str(port)], cwd=ROOT)
    config = {"ServerApp": {"jpserver_extensions": extensions}, "ATT": {"mcp_tools": ["*"]}}
    try:
        with Home(folder).closing() as home:
            server = home.start(config=config)
            server.post("projects", id="demo", path=str(folder), command=["sleep", "1000"])
            server.post("projects/demo/runtime/start")
            eventually(lambda: _listens(port), timeout=60)
            yield server.facts["url"], server.facts["token"], f"http://127.0.0.1:{port}/mcp"
    finally:
        uvicorn.terminate()
        uvicorn.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def measure(folder: Path) -> list[Row]:
    """Measure both eras against uvicorn and against REST, and how long the list of all tools takes."""
    rows: list[Row] = []
    with servers(folder) as (url, token, plain):
        for era in (OLD, NEW):
            rest = Caller(f"{url}api/v1/projects/demo/runtime/status", token, "")
            fixture, att = Caller(f"{url}fixture", token, era), Caller(f"{url}mcp", token, era)
            times = _interleaved(
                {
                    "bridge": fixture.ask("tools/call", FIXTURE_CALL),
                    "uvicorn": Caller(plain, None, era).ask("tools/call", FIXTURE_CALL),
                    "att": att.ask("tools/call", ATT_CALL),
                    "rest": rest.get,
                    "list": att.ask("tools/list", {}),
                }
            )
            rows += [
                Row(
                    f"tools/call through the bridge, {era}, p50",
                    times["bridge"],
                    "ms",
                    "uvicorn",
                    times["uvicorn"],
                    2.5,
                ),
                Row(f"runtime.status as a tool, {era}, p50", times["att"], "ms", "its REST twin", times["rest"], 3.5),
                Row(f"tools/list of all operations, {era}, p50", times["list"], "ms", bar=10),
            ]
    return rows


def _interleaved(asks: dict[str, Callable[[], object]]) -> dict[str, float]:
    found: dict[str, list[float]] = {name: [] for name in asks}
    for ask in asks.values():
        for _ in range(10):
            ask()
    for _ in range(ROUNDS):
        for name, ask in asks.items():
            found[name].append(_p50(ask))
    return {name: statistics.median(values) for name, values in found.items()}


def _p50(ask: Callable[[], object]) -> float:
    times = []
    for _ in range(CALLS):
        began = time.perf_counter()
        ask()
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


def main() -> int:
    """Measure and print the table."""
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as folder:
        rows = measure(Path(folder))
    print_table(rows)
    return int(any(row.holds is False for row in rows))


if __name__ == "__main__":
    sys.exit(main())
