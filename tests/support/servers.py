"""Real Jupyter servers with ATT as processes of their own, in folders of their own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from tests.support.bare import BARE
from tests.support.waiting import eventually

__all__ = ["OTHERS", "Home", "Server"]

OTHERS = {"jupyterlab": False, "jupyter_lsp": False, "notebook_shim": False, "jupyter_server_terminals": False}
"""Extensions of this environment whose start takes longer than that of the server."""


@dataclass
class Server:
    """A Jupyter server that runs, and a client that has ATT's token."""

    process: subprocess.Popen[bytes]
    home: Home
    command: list[str]
    environment: dict[str, str]
    log: Path
    client: httpx.Client | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def file(self) -> Path:
        """What the extension publishes."""
        return self.home.runtime / f"att-{self.process.pid}.json"

    @property
    def api(self) -> httpx.Client:
        """A client below the API; it waits until the server has said where it is."""
        if self.client is None:
            self.facts = eventually(self._published, timeout=60)
            transport = httpx.HTTPTransport(uds=self.facts["sock"]) if self.facts["sock"] else None
            self.client = httpx.Client(
                base_url=f"{self.facts['url'] if transport is None else 'http://localhost/'}api/v1",
                headers={"Authorization": f"Bearer {self.facts['token']}"},
                timeout=30,
                trust_env=False,
                transport=transport,
            )
        return self.client

    def _published(self) -> dict[str, Any]:
        assert self.process.poll() is None, self.log.read_text()
        return json.loads(self.file.read_text()) if self.file.exists() else {}

    def get(self, path: str, /, **query: Any) -> Any:
        """Return the JSON of a GET that must succeed."""
        response = self.api.get(path, params=query)
        assert response.status_code == 200, response.text
        return response.json()

    def post(self, path: str, /, **body: Any) -> Any:
        """Return the JSON of a POST that must succeed."""
        response = self.api.post(path, json=body)
        assert response.is_success, response.text
        return response.json()

    def again(self) -> None:
        """End it and start it once more, at the same port."""
        port = f"--ServerApp.port={urlsplit(self.facts['url']).port}"
        self.end()
        self.command = [port if option == "--ServerApp.port=0" else option for option in self.command]
        self.process = self.home.run(self.command, self.environment, self.log)
        self.client, self.facts = None, {}
        self.get("health")

    def end(self, signal_number: int = signal.SIGTERM, timeout: float = 60) -> int:
        """Send a signal and return the exit code."""
        if self.client is not None:
            self.client.close()
        if self.process.poll() is None:
            self.process.send_signal(signal_number)
        return self.process.wait(timeout)


class Home:
    """The folders of one user: configuration, runtime files, ATT's data."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.runtime = root / "runtime"
        self.data = root / "att"
        self.config = root / "config"
        self.work = root / "work"
        for folder in (self.runtime, self.config, self.work):
            folder.mkdir(parents=True, exist_ok=True)
        self.servers: list[Server] = []

    @property
    def environment(self) -> dict[str, str]:
        own = {
            "HOME": str(self.root),
            "JUPYTER_RUNTIME_DIR": str(self.runtime),
            "JUPYTER_CONFIG_DIR": str(self.config),
            "JUPYTER_DATA_DIR": str(self.root / "share"),
            "JUPYTER_PLATFORM_DIRS": "1",
            "JUPYTER_PREFER_ENV_PATH": "0",  # what a test installs is used, not what this Python has
        }
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("ATT_", "JUPYTER", "JPY_", "COV"))}
        return kept | own | BARE

    def start(
        self,
        *options: str,
        lab: bool = False,
        configure: bool = True,
        config: dict[str, Any] | None = None,
        python: Path | str = sys.executable,
        release: Path | None = None,
    ) -> Server:
        """Start a server on a free port; without Lab the other extensions of this environment are left out.

        With `configure=False` nothing but the data directory is set: extensions are those that are installed.
        `release` is a folder whose ATT is run instead of this checkout's.
        """
        if configure:
            self._configure({"jupyter_ext": True} | ({} if lab else OTHERS), config or {})
        command = [str(python), "-m", "jupyterlab" if lab else "jupyter_server", "--no-browser", "--allow-root"]
        placed = any(option.startswith(("--ServerApp.sock=", "--ServerApp.port=")) for option in options)
        port = [] if placed else ["--ServerApp.port=0"]
        command += [f"--ServerApp.root_dir={self.work}", *port, *options]
        if not configure:
            command.append(f"--ATT.data_dir={self.data}")
        log = self.root / f"server-{len(self.servers)}.log"
        environment = self.environment | ({"PYTHONPATH": str(release)} if release else {})
        server = Server(self.run(command, environment, log), self, command, environment, log)
        self.servers.append(server)
        return server

    def run(self, command: list[str], environment: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
        """Start a process in the working folder, which writes behind what is in `log`."""
        with log.open("ab") as file:
            return subprocess.Popen(
                command, cwd=self.work, env=environment, stdin=subprocess.DEVNULL, stdout=file, stderr=file
            )

    def _configure(self, extensions: dict[str, bool], config: dict[str, Any]) -> None:
        settings: dict[str, Any] = {
            "ServerApp": {"jpserver_extensions": extensions},
            "ATT": {"data_dir": str(self.data)},
        }
        for name, values in config.items():
            settings.setdefault(name, {}).update(values)
        (self.config / "jupyter_server_config.json").write_text(json.dumps(settings))

    @contextlib.contextmanager
    def closing(self) -> Iterator[Home]:
        """Kill what still runs when the test is over: projects first, then servers."""
        try:
            yield self
        finally:
            for server in self.servers:
                if server.process.poll() is None and server.file.exists():
                    with contextlib.suppress(httpx.HTTPError, AssertionError):
                        for project in server.get("projects")["projects"]:
                            server.api.delete(f"projects/{project['project']['id']}")
                if server.process.poll() is None:
                    server.process.kill()
                server.end()
