"""MCP in servers as processes: how soon they end with streams and calls open, and who has the path."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.jupyter_ext.inside.mcp.wire import ACCEPT, body_of, heads_of
from tests.support.servers import Home, Server
from tests.support.waiting import eventually

OLD, NEW = "2025-11-25", "2026-07-28"
STUBBORN = ["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done"]
CLAIM = """
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import url_path_join

class Claiming(JupyterHandler):
    async def post(self):
        self.finish("mine")

def _jupyter_server_extension_points():
    return [{"module": "a_claim"}]

def _load_jupyter_server_extension(server):
    server.web_app.add_handlers(".*$", [(url_path_join(server.base_url, "mcp"), Claiming)])
"""


def client(server: Server) -> httpx.Client:
    assert server.get("health")
    headers = {"Authorization": f"Bearer {server.facts['token']}"}
    return httpx.Client(base_url=server.facts["url"], headers=headers, trust_env=False, timeout=60)


def session(http: httpx.Client) -> dict[str, str]:
    """Shake hands; return the headers of the session."""
    params = {"protocolVersion": OLD, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    begun = http.post("mcp", json=body_of(OLD, "initialize", params), headers=heads_of(OLD, "initialize"))
    heads = {"Accept": ACCEPT, "Mcp-Session-Id": begun.headers["mcp-session-id"]}
    http.post("mcp", json={"jsonrpc": "2.0", "method": "notifications/initialized"}, headers=heads)
    return heads


def streams(http: httpx.Client) -> Iterator[Any]:
    """Open a stream of each kind, and calls that go on, in both eras."""
    heads = session(http)
    yield http.stream("GET", "mcp", headers=heads)
    listen = body_of(NEW, "subscriptions/listen", {"notifications": {"resourceSubscriptions": ["att://projects"]}})
    yield http.stream("POST", "mcp", json=listen, headers=heads_of(NEW, "subscriptions/listen"))


def ended(server: Server) -> float:
    """Return how many seconds a server takes to end properly."""
    server.process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    assert server.process.wait(60) == 0
    return time.monotonic() - began


def test_open_streams_and_calls_hold_up_the_end_of_the_server_for_less_than_two_seconds(
    home: Home, tmp_path: Path
) -> None:
    quiet, server = home.start(), home.start()
    quiet.get("health")
    (tmp_path / "demo").mkdir()
    with client(server) as http, ExitStack() as stack:
        server.post("projects", id="demo", path=str(tmp_path / "demo"), command=STUBBORN, grace_seconds=20)
        server.post("projects/demo/runtime/start")
        for stream in streams(http):
            assert stack.enter_context(stream).status_code == 200
        heads = session(http)
        params: dict[str, Any] = {"name": "att.runtime.stop", "arguments": {"project": "demo"}}
        call = body_of(OLD, "tools/call", params)
        stack.enter_context(http.stream("POST", "mcp", json=call, headers=heads))
        eventually(lambda: server.get("projects/demo/runtime/status")["state"] == "stopping")
        seconds = ended(server)
    assert seconds < ended(quiet) + 2
    for trouble in ("Traceback", "was destroyed", "transport write blocked"):
        assert trouble not in server.log.read_text()


def test_a_path_that_another_extension_has_taken_is_told_in_health_and_in_the_log(home: Home) -> None:
    (home.work / "a_claim.py").write_text(CLAIM)
    extensions = {"a_claim": True, "jupyter_ext": True, "jupyterlab": False}
    server = home.start(config={"ServerApp": {"jpserver_extensions": extensions}})
    health = eventually(lambda: (found := server.get("health"))["notices"] and found)
    assert "mcp-server" not in health["capabilities"]
    (notice,) = [notice for notice in health["notices"] if "c.ATT.mcp_path" in notice]
    assert "a_claim.Claiming" in notice
    assert notice in server.log.read_text()


def test_nothing_of_mcp_is_imported_before_somebody_asks_for_it(home: Home) -> None:
    server = home.start()
    with client(server) as http:
        for path in ("api/v1/projects", "api/v1/openapi.json", "api/v1/events"):
            assert http.get(path).status_code == 200
        assert not mapped(server)
        session(http)
        assert mapped(server)


def mapped(server: Server) -> bool:
    """Say whether the server has loaded what only the MCP SDK needs."""
    return any("cryptography" in entry.path for entry in psutil.Process(server.process.pid).memory_maps())
