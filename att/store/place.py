"""Where a workspace keeps its files, and what a person should know about that place."""

from __future__ import annotations

import hashlib
import socket
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from att.errors import PermissionDenied

if TYPE_CHECKING:
    from att.settings import ATT

__all__ = ["Place"]

_NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "lustre", "gpfs", "beegfs", "ceph", "glusterfs", "fuse.sshfs", "afs", "9p"}
)


@dataclass(frozen=True)
class Place:
    """The folders of a workspace; all of them are private to the user."""

    data_dir: Path
    run_dir: Path
    network: bool
    notices: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, data_dir: Path, settings: ATT) -> Place:
        """Make the folders and look at what they lie on.

        Raises PermissionDenied when they cannot be made.
        """
        try:
            data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            network = _file_system(data_dir) in _NETWORK_FILE_SYSTEMS
            run_dir = _run_dir(data_dir, settings, network)
            run_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise PermissionDenied(
                f"The data directory {data_dir} cannot be made: {error.strerror}. Choose another with ATT_DATA_DIR."
            ) from error
        return cls(data_dir, run_dir, network, _notices(data_dir, run_dir, network))

    @property
    def database(self) -> Path:
        return self.data_dir / "att.db"

    @property
    def projects_dir(self) -> Path:
        """Holds the runs of each project, and its lock."""
        return self.run_dir / "projects"

    @property
    def supervisor_lock(self) -> Path:
        return self.run_dir / "supervisor.lock"


def _run_dir(data_dir: Path, settings: ATT, network: bool) -> Path:
    if settings.run_dir:
        return Path(settings.run_dir).expanduser().absolute()
    if not network:
        return data_dir
    digest = hashlib.sha256(str(data_dir).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"att-{Path.home().name}-{digest}"


def _file_system(path: Path) -> str:
    """Return the type of the file system that `path` lies on, or an empty text when it is not known."""
    mounts = {Path(p.mountpoint): p.fstype for p in psutil.disk_partitions(all=True)}
    resolved = path.resolve()
    return next((mounts[p] for p in (resolved, *resolved.parents) if p in mounts), "")


def _notices(data_dir: Path, run_dir: Path, network: bool) -> list[str]:
    if not network:
        return []
    return [
        f"{data_dir} is on a network file system: the database keeps a rollback journal, and runs and locks live on "
        f"{socket.gethostname()} in {run_dir}. Set ATT_RUN_DIR to choose another local folder."
    ]
