"""A real Jupyter server with ATT in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.bare import BARE
from tests.support.servers import OTHERS
from tests.support.waiting import eventually

__all__ = ["JupyterServer", "jupyter_server"]

_EXTENSIONS = {"jupyter_ext": True} | OTHERS
_OPTIONS = [
    "--no-browser",
    "--ServerApp.base_url=/a%40b/",
    f"--ServerApp.jpserver_extensions={_EXTENSIONS}",
    "--ServerApp.reraise_server_extension_failures=True",
    "--ServerApp.allow_root=True",
]


@dataclass(frozen=True)
class JupyterServer:
    """A server that answers; `token` is ATT's own, as kernels get it."""

    url: str
    token: str
    process: subprocess.Popen[bytes]
    runtime_dir: Path
    data_dir: Path
    log: Path

    @property
    def published(self) -> dict[str, Any]:
        """What ATT's extension has written for kernels."""
        found: dict[str, Any] = json.loads((self.runtime_dir / f"att-{self.process.pid}.json").read_text())
        return found

    def kill(self) -> None:
        """End the server with SIGKILL."""
        self.process.kill()
        self.process.wait(30)


@contextmanager
def jupyter_server(folder: Path, *options: str) -> Iterator[JupyterServer]:
    """Start a server with its own configuration, runtime and data directories below `folder`, and stop it after."""
    runtime_dir, data_dir, log = folder / "runtime", folder / "data", folder / "server.log"
    env = {name: value for name, value in os.environ.items() if not name.startswith(("ATT_", "JPY_", "JUPYTER"))}
    env |= {
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "jupyter"),
        "JUPYTER_RUNTIME_DIR": str(runtime_dir),
        "ATT_DATA_DIR": str(data_dir),
        **BARE,
    }
    folder.mkdir(parents=True, exist_ok=True)
    port = [] if any(option.startswith("--ServerApp.port=") for option in options) else ["--port=0"]
    command = [sys.executable, "-m", "jupyter", "server", *_OPTIONS, *port, *options]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, env=env, stdout=output, stderr=subprocess.STDOUT)
    try:
        published = eventually(lambda: _published(process, runtime_dir, log), timeout=60) or {}
        yield JupyterServer(published["url"], published["token"], process, runtime_dir, data_dir, log)
    finally:
        process.terminate()
        process.wait(30)


def _published(process: subprocess.Popen[bytes], runtime_dir: Path, log: Path) -> dict[str, Any] | None:
    if process.poll() is not None:
        raise AssertionError(log.read_text())
    file = runtime_dir / f"att-{process.pid}.json"
    return json.loads(file.read_text()) if file.exists() else None
