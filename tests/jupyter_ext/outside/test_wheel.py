"""Installing the wheel is all it takes, and without Node only the JupyterLab panel is missing from it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.support.labextension import ROOT, built_labextension
from tests.support.servers import Home, Server
from tests.support.waiting import eventually

PANEL = ".data/data/share/jupyter/labextensions/jupyter-att/"


def run(*command: str | Path, home: Home | None = None, **options: Any) -> str:
    environment = home.environment if home else dict(os.environ)
    folder = home.work if home else ROOT
    given: dict[str, Any] = {"cwd": folder, "env": environment, **options}
    done: subprocess.CompletedProcess[str] = subprocess.run(
        [str(c) for c in command], capture_output=True, text=True, **given
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def panel_files(wheel: Path) -> list[str]:
    """What of the panel is in a wheel."""
    return [name.partition(PANEL)[2] for name in zipfile.ZipFile(wheel).namelist() if PANEL in name]


def panel_told(server: Server) -> str:
    """What a server says of the panel, once it has looked: built or missing."""

    def told() -> list[str]:
        found: list[str] = server.get("health")["capabilities"]
        return [name.partition(":")[2] for name in found if name.startswith("labextension:")]

    (answer,) = eventually(told)
    return answer


def wheel_without_node(folder: Path) -> tuple[Path, str]:
    """Build from the files of this checkout where no Node can be found; return the wheel and what was said."""
    for name in run("git", "ls-files", "--cached", "--others", "--exclude-standard").splitlines():
        target = folder / "clone" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)
    run(sys.executable, "-m", "uv", "venv", "-q", "-p", sys.executable, folder / "builder")
    python = folder / "builder" / "bin" / "python"
    run(sys.executable, "-m", "uv", "pip", "install", "-q", "-p", python, "hatchling")
    environment = {"PATH": str(python.parent), "HOME": str(folder)}
    said = run(python, "-m", "hatchling", "build", "-t", "wheel", cwd=folder / "clone", env=environment)
    (wheel,) = (folder / "clone" / "dist").glob("jupyter_att-*.whl")
    return wheel, said


@pytest.mark.timeout(600)
def test_installing_the_wheel_enables_the_extension_and_without_node_all_but_the_panel(
    home: Home, tmp_path: Path
) -> None:
    has_panel = built_labextension() is not None
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path / "dist")
    (wheel,) = (tmp_path / "dist").glob("jupyter_att-*.whl")
    assert any(name.startswith("static/remoteEntry.") for name in panel_files(wheel)) is has_panel
    assert not any(name.startswith("jupyter_ext/labextension") for name in zipfile.ZipFile(wheel).namelist())
    run(sys.executable, "-m", "uv", "venv", "-q", "-p", sys.executable, tmp_path / "env")
    python = tmp_path / "env" / "bin" / "python"
    run(sys.executable, "-m", "uv", "pip", "install", "-q", "-p", python, wheel)
    listed = run(python, "-m", "jupyter_server.extension.serverextension", "list", home=home)
    assert "jupyter_ext enabled" in " ".join(listed.replace("\x1b[32m", "").replace("\x1b[0m", "").split())
    server = home.start(python=python, configure=False)
    assert server.get("openapi.json")["openapi"] == "3.1.0"
    assert panel_told(server) == ("built" if has_panel else "missing")
    server.end()
    assert str(tmp_path / "env") in run(python, "-c", "import jupyter_ext; print(jupyter_ext.__file__)", home=home)
    bare, said = wheel_without_node(tmp_path)
    assert "Only the JupyterLab panel of ATT is missing" in said
    assert "Node" in said
    assert panel_files(bare) == []
    run(sys.executable, "-m", "uv", "pip", "install", "-q", "-p", python, "--no-deps", "--reinstall", bare)
    assert panel_told(home.start(python=python, configure=False)) == "missing"


def test_an_sdist_has_the_panel_and_its_sources(tmp_path: Path) -> None:
    has_panel = built_labextension() is not None
    run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", tmp_path)
    (sdist,) = tmp_path.glob("jupyter_att-*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = [name.partition("/")[2] for name in archive.getnames()]
    assert "jupyter_ext/labextension/src/index.ts" in names
    assert ("jupyter_ext/labextension/built/package.json" in names) is has_panel
    assert not any("node_modules" in name for name in names)
