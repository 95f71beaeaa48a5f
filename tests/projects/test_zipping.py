from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import pytest

from att.errors import NotFound
from att.projects.archives import unpack
from att.workspace import Workspace


def test_a_project_travels_as_a_zip_and_comes_back(workspace: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "code"
    (folder / "src").mkdir(parents=True)
    (folder / "src/run.sh").write_text("#!/bin/sh\n")
    (folder / "src/run.sh").chmod(0o755)
    (folder / "src/latest").symlink_to("run.sh")
    (folder / "out").symlink_to("/etc/passwd")
    noise = os.urandom(1_000_000)
    (folder / "noise.bin").write_bytes(noise)
    (folder / ".gitignore").write_text("*.log\n")
    (folder / "a.log").touch()
    for hidden in (".git/config", ".venv/pyvenv.cfg"):
        (folder / hidden).parent.mkdir()
        (folder / hidden).touch()
    workspace.projects.create("demo", {"path": str(folder)})
    blocks = list(workspace.projects.archive("demo"))
    assert len(blocks) > 2
    assert max(map(len, blocks)) < 1024 * 1024
    with zipfile.ZipFile(io.BytesIO(b"".join(blocks))) as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == [".gitignore", "noise.bin", "src/latest", "src/run.sh"]
    (tmp_path / "a.zip").write_bytes(b"".join(blocks))
    unpack(tmp_path / "a.zip", tmp_path / "back", 1 << 24)
    assert (tmp_path / "back/noise.bin").read_bytes() == noise
    assert os.access(tmp_path / "back/src/run.sh", os.X_OK)
    assert str((tmp_path / "back/src/latest").readlink()) == "run.sh"


def test_a_project_without_a_folder_has_no_archive(workspace: Workspace) -> None:
    workspace.projects.create("demo", {})
    with pytest.raises(NotFound):
        workspace.projects.archive("demo")
