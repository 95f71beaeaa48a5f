"""What servers of this user publish in Jupyter's runtime directory: ATT's own files and the Jupyter server's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

__all__ = ["ServerFile", "att_file", "att_files", "jupyter_file"]


class ServerFile(BaseModel):
    """The address of a server and the token that opens it. Jupyter's own file has no create time and instance id."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    url: str
    token: str | None = None
    pid: int
    create_time: float | None = None
    instance_id: str | None = None
    data_dir: str | None = None
    api_version: str | None = None
    sock: str | None = None
    certfile: str | None = None
    path: Path | None = None

    @property
    def alive(self) -> bool:
        """Whether the process that wrote the file still runs."""
        import psutil

        try:
            created: float = psutil.Process(self.pid).create_time()
        except psutil.Error:
            return False
        return self.create_time is None or abs(created - self.create_time) < 1.0


def att_file(pid: int) -> ServerFile | None:
    """Return what ATT's extension in the server `pid` has published, or None."""
    return _read(_folder() / f"att-{pid}.json")


def att_files() -> Iterator[ServerFile]:
    """Yield what every living server with ATT has published, the newest first."""
    found = sorted(_folder().glob("att-*.json"), key=lambda path: path.name, reverse=True)
    for path in found:
        published = _read(path)
        if published is not None and published.alive:
            yield published


def jupyter_file(pid: int) -> ServerFile | None:
    """Return what the Jupyter server `pid` has published about itself, or None."""
    return _read(_folder() / f"jpserver-{pid}.json")


def _folder() -> Path:
    from jupyter_core.paths import jupyter_runtime_dir

    return Path(jupyter_runtime_dir())


def _read(path: Path) -> ServerFile | None:
    try:
        return ServerFile(**{**json.loads(path.read_bytes()), "path": path})
    except (OSError, ValueError, TypeError, ValidationError):
        return None
