"""Carry out the recipe of a setup, step after step, in a process of its own that no server's death can touch.

Runs in a bare interpreter (standard library only). Standard output belongs to the marks that the manager reads
progress from; everything that the steps' programs write goes to standard error.
"""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from att.errors import ATTError, Invalid, SetupFailed, Unavailable
from att.projects.copying import copy_files
from att.projects.recipe import SECRET_VARIABLE, Recipe, Step

__all__ = ["main"]

_MARK_SECONDS = 0.25
_TEMPORARY_ARCHIVE = "att-download"
_NOT_FOR_GIT = frozenset(
    {
        "GIT_DIR",
        "GIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_NAMESPACE",
        "GIT_TRACE_CURL",
        "SSH_ASKPASS",
    }
)
_GIT_CONFIG = {
    "core.askPass": "",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "60",
    "init.templateDir": "",
}


def main() -> None:
    """Run the recipe in the first argument; exit with 1 when a step failed."""
    recipe = Recipe.from_json(sys.argv[1])
    secret = json.loads(os.environ.pop(SECRET_VARIABLE, "{}"))
    runner = _Runner(recipe, secret)
    for number, step in enumerate(recipe.steps):
        if not runner.run(number, step):
            sys.exit(1)


def _mark(**values: Any) -> None:
    print(json.dumps(values), flush=True)  # noqa: T201


class _Runner:
    """Does the steps. `secret` holds `url` and `login` of what is fetched."""

    def __init__(self, recipe: Recipe, secret: dict[str, str]) -> None:
        self._limit = recipe.limit_bytes
        self._secret = secret
        self._actions: dict[str, Callable[..., None]] = {
            "copy": _copy,
            "clone": self._clone,
            "fetch": self._fetch,
            "unpack": self._unpack,
            "environment": _environment,
            "requirements": _requirements,
            "install": _install,
        }

    def run(self, number: int, step: Step) -> bool:
        """Do one step between its marks; return whether it went well."""
        _mark(step=number, state="running")
        print(f"-- {step.title}", file=sys.stderr, flush=True)  # noqa: T201
        begun = time.monotonic()
        try:
            self._actions[step.kind](number, **step.arguments)
        except (ATTError, OSError, shutil.Error) as error:
            code = error.code if isinstance(error, ATTError) else "setup_failed"
            print(f"-- failed: {error}", file=sys.stderr, flush=True)  # noqa: T201
            _mark(step=number, state="failed", seconds=_since(begun), code=code, message=str(error))
            return False
        _mark(step=number, state="succeeded", seconds=_since(begun))
        return True

    def _clone(self, _number: int, source: str, target: str) -> None:
        url = self._secret.get("url", source)
        kept = {name: value for name, value in os.environ.items() if name not in _NOT_FOR_GIT}
        env = {**kept, **_git_environment(url, self._secret.get("login"))}
        _call(["git", "clone", "--no-recurse-submodules", "--", url, target], env=env)

    def _fetch(self, number: int, source: str, sha256: str = "") -> None:
        from att.projects.fetching import fetch

        last = 0.0

        def progress(share: float) -> None:
            nonlocal last
            if time.monotonic() - last >= _MARK_SECONDS:
                last = time.monotonic()
                _mark(step=number, state="running", share=round(share, 4))

        size = fetch(
            self._secret.get("url", source),
            _archive(),
            self._limit,
            login=self._secret.get("login"),
            sha256=sha256 or None,
            progress=progress,
        )
        print(f"fetched {size} bytes", file=sys.stderr, flush=True)  # noqa: T201

    def _unpack(self, _number: int, target: str) -> None:
        from att.projects.archives import unpack

        done = unpack(_archive(), Path(target), self._limit)
        _archive().unlink()
        print(f"unpacked {done.files} entries, {done.size_bytes} bytes", file=sys.stderr, flush=True)  # noqa: T201


def _archive() -> Path:
    """Return where the archive lies meanwhile: in the run's private folder, which the shim removes."""
    return Path(os.environ["TMPDIR"]) / _TEMPORARY_ARCHIVE


def _git_environment(url: str, login: str | None) -> dict[str, str]:
    """Return variables that let git ask nobody, use plain transports only, and keep the login out of sight."""
    config = dict(_GIT_CONFIG)
    if login is not None:
        config[f"http.{url}.extraHeader"] = "Authorization: Basic " + base64.b64encode(login.encode()).decode()
    pairs: dict[str, str] = {"GIT_CONFIG_COUNT": str(len(config))}
    for place, (key, value) in enumerate(config.items()):
        pairs |= {f"GIT_CONFIG_KEY_{place}": key, f"GIT_CONFIG_VALUE_{place}": value}
    return {
        **pairs,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "",
        "GIT_SSH_COMMAND": os.environ.get("GIT_SSH_COMMAND", "ssh -o BatchMode=yes"),
        "GIT_ALLOW_PROTOCOL": "https:http:ssh:git:file",
    }


def _copy(_number: int, files: str, target: str) -> None:
    copy_files(Path(files), Path(target))


def _environment(_number: int, folder: str) -> None:
    # Made by venv where it can be, so that it has pip: that is what people are told to use in it.
    uv = None if importlib.util.find_spec("ensurepip") else _uv()
    if uv is not None:
        _call([uv, "venv", "--seed", "--no-python-downloads", "--python", sys.executable, folder])
    else:
        _call([sys.executable, "-I", "-m", "venv", folder])


def _requirements(_number: int, python: str, requirements: str) -> None:
    _call([*_installer(python), "--", *requirements.split("\n")])


def _install(_number: int, python: str, project: str) -> None:
    # Built with what is there: the environment is the user's, and it may have no network.
    _call([*_installer(python), "--no-build-isolation", "--no-deps", "-e", project])


def _installer(python: str) -> list[str]:
    """Return the beginning of an installation command: uv, else the environment's own pip. Raises SetupFailed."""
    has_pip = subprocess.run([python, "-I", "-c", "import pip"], capture_output=True, check=False).returncode == 0
    uv = _uv()
    if uv is not None:
        return [uv, "pip", "install", "--python", python]
    if has_pip:
        return [python, "-I", "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
    raise SetupFailed(f"{python} has no pip, and there is no uv. Run: {python} -m ensurepip")


def _uv() -> str | None:
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.exists() else shutil.which("uv")
    if found is None:
        return None
    works = subprocess.run([found, "--version"], capture_output=True, check=False).returncode == 0
    return found if works else None


def _call(command: list[str], env: dict[str, str] | None = None) -> None:
    """Run a program with its output on standard error. Raises SetupFailed when it fails, Unavailable without it."""
    try:
        code = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=2, env=env, check=False).returncode
    except FileNotFoundError:
        raise Unavailable(f"There is no program {command[0]!r}; install it.") from None
    except OSError as error:
        raise Invalid(f"{command[0]} cannot be run: {error.strerror}.") from None
    if code:
        name = " ".join([Path(command[0]).name, *(part for part in command[1:3] if not part.startswith("-"))])
        how = f"exited with code {code}" if code > 0 else f"was ended by signal {-code}"
        raise SetupFailed(f"{name} {how}")


def _since(begun: float) -> float:
    return round(time.monotonic() - begun, 3)
