"""Makes archives, repositories and waits for setups; returns values."""

from __future__ import annotations

import io
import subprocess
import tarfile
import zipfile
from pathlib import Path

from att.projects.models import ProjectSetup
from att.workspace import Workspace
from tests.support.waiting import eventually

__all__ = ["ended", "git", "repository", "tar_bytes", "zip_bytes"]


def zip_bytes(files: dict[str, str | bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


def tar_bytes(*members: tuple[tarfile.TarInfo, bytes], mode: str = "w:gz") -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=mode) as archive:  # type: ignore[call-overload]
        for member, content in members:
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return made.getvalue()


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


def repository(place: Path, files: dict[str, str]) -> Path:
    """Make a work tree with one commit, pushed to a bare repository beside it; return the bare one."""
    bare, tree = place / "origin.git", place / "author"
    git(place, "init", "--quiet", "--bare", str(bare))
    git(place, "clone", "--quiet", str(bare), str(tree))
    for name, content in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(content)
    git(tree, "add", ".")
    git(tree, "commit", "--quiet", "-m", "first")
    git(tree, "push", "--quiet", "origin", "HEAD")
    return bare


def ended(workspace: Workspace, project: str) -> ProjectSetup:
    """Return the setup of a project once it is over."""
    return eventually(
        lambda: (found := workspace.projects.setup(project)).state != "running" and found, timeout=60
    ) or (workspace.projects.setup(project))
