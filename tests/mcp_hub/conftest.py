"""A hub over a store of its own, and small servers for it."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from att.events.manager import EventLog
from att.events.models import Event
from att.mcp_hub.manager import McpHub
from att.mcp_hub.models import McpServerStatus
from att.models import now
from att.projects.models import Project
from att.projects.registry import ProjectRegistry
from att.settings import ATT
from att.store import Store
from tests.support.waiting import eventually

PROGRAMS = Path(__file__).parent / "programs"
PLAIN = [sys.executable, "-I", "-S", str(PROGRAMS / "plain.py")]


@dataclass
class Bench:
    """A hub, its events, and what it needs."""

    hub: McpHub
    events: EventLog
    registry: ProjectRegistry
    store: Store
    folder: Path
    web: list[WebServer] = field(default_factory=list)

    def plain(self, name: str, *options: str, **settings: Any) -> McpServerStatus:
        """Add the plain server under a name."""
        return self.hub.add(name, command=PLAIN[0], args=[*PLAIN[1:], "--name", name, *options], **settings)

    def healthy(self, *names: str, project: str | None = None) -> None:
        """Wait until servers are healthy."""
        for name in names:
            eventually(lambda name=name: self.state(name, project) == "healthy", 30)  # type: ignore[misc]

    def state(self, name: str, project: str | None = None) -> str:
        return self.hub.status(name, project).state

    def told(self, kind: str) -> list[Event]:
        """Return the events of a kind."""
        return self.events.read(kinds=[kind], limit=10_000).events

    def project(self, name: str) -> str:
        """Register a project."""
        return self.registry.add(Project(id=name, created_at=now(), updated_at=now())).id

    def serve(self, name: str, *options: str, port: int | None = None) -> WebServer:
        """Start the server over HTTP, and wait until it listens."""
        server = WebServer(name, port or free_port(), options)
        self.web.append(server)
        server.start()
        return server

    def pid(self, name: str, project: str | None = None) -> int:
        """Return the process id that a plain server tells."""
        return int(self.hub.call("pid", {}, name, project).text)


class WebServer:
    """The server over HTTP as a process."""

    def __init__(self, name: str, port: int, options: tuple[str, ...]) -> None:
        self.command = [sys.executable, str(PROGRAMS / "web.py"), name, str(port), *options]
        self.url = f"http://127.0.0.1:{port}/mcp"
        self.port = port
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True)
        eventually(self._listens, 30)

    def _listens(self) -> bool:
        try:
            return httpx.get(self.url, trust_env=False, timeout=5).status_code > 0
        except httpx.TransportError:
            return False

    def line(self) -> str:
        """Return the next line that it prints."""
        assert self.process is not None
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@pytest.fixture
def settings() -> ATT:
    return ATT(mcp_health_seconds=0.5, mcp_check_seconds=5, mcp_connect_seconds=20)


@pytest.fixture
def bench(tmp_path: Path, settings: ATT) -> Iterator[Bench]:
    store = Store(tmp_path / "att.db")
    events = EventLog(store)
    registry = ProjectRegistry(store, events)
    made = Bench(McpHub(store, registry, events, settings=settings), events, registry, store, tmp_path)
    yield made
    made.hub.close()
    for server in made.web:
        server.kill()
    store.close()
