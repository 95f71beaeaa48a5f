"""Installing the wheel is all it takes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.servers import Home

ROOT = Path(__file__).parents[3]


def run(*command: str | Path, home: Home | None = None) -> str:
    environment = home.environment if home else dict(os.environ)
    folder = home.work if home else ROOT
    done = subprocess.run([str(c) for c in command], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.timeout(600)
def test_installing_the_wheel_enables_the_extension(home: Home, tmp_path: Path) -> None:
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path / "dist")
    (wheel,) = (tmp_path / "dist").glob("jupyter_att-*.whl")
    run(sys.executable, "-m", "uv", "venv", "-q", "-p", sys.executable, tmp_path / "env")
    python = tmp_path / "env" / "bin" / "python"
    run(sys.executable, "-m", "uv", "pip", "install", "-q", "-p", python, wheel)
    listed = run(python, "-m", "jupyter_server.extension.serverextension", "list", home=home)
    assert "jupyter_ext enabled" in " ".join(listed.replace("\x1b[32m", "").replace("\x1b[0m", "").split())
    server = home.start(python=python, configure=False)
    assert server.get("health")["kind"] == "server"
    assert server.get("openapi.json")["openapi"] == "3.1.0"
    assert str(tmp_path / "env") in run(python, "-c", "import jupyter_ext; print(jupyter_ext.__file__)", home=home)
