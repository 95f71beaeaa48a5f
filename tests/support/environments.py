"""Virtual environments that tests need, built once under `.cache/envs` and kept between runs."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["cached_python", "locked"]

CACHE = Path(__file__).parents[2] / ".cache" / "envs"


def cached_python(name: str, requirements: tuple[str, ...], pythons: tuple[str, ...] = ()) -> Path:
    """Return the interpreter of an environment with `requirements`, building it first if this machine has not got it.

    `pythons` are versions to look for, best first; the running one is always good enough. Safe to call from several
    processes at once: one builds, the others wait.
    """
    base = _base_python(pythons)
    key = hashlib.sha256("\n".join((*requirements, str(base))).encode()).hexdigest()[:12]
    folder = CACHE / f"{name}-{key}"
    ready = folder / ".ready"
    if not ready.exists():
        with locked(CACHE / f"{name}-{key}.lock"):
            if not ready.exists():
                _build(folder, base, requirements)
                ready.touch()
    return folder / "bin" / "python"


def _build(folder: Path, base: Path, requirements: tuple[str, ...]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    _run(uv, "venv", "--quiet", "--no-python-downloads", "--python", str(base), str(folder))
    _run(
        uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(folder / "bin" / "python"), *requirements
    )


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr}")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of a cached folder; other processes wait."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _base_python(versions: tuple[str, ...]) -> Path:
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for version in versions:
        candidates = sorted(pyenv.glob(f"{version}.*/bin/python"))
        on_path = shutil.which(f"python{version}")
        candidates += [Path(on_path)] if on_path else []
        for candidate in candidates:
            # A shim may be there without its interpreter.
            if subprocess.run([candidate, "-c", ""], capture_output=True, check=False).returncode == 0:
                return candidate.resolve()
    return Path(sys.executable).resolve()
