"""What a test run ran on: the commit of the project, and the machine."""

from __future__ import annotations

import logging
import os
import platform
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from att.errors import ATTError
from att.testing.models import TestEnvironment

__all__ = ["Commit", "GitFactory", "commit_of", "this_environment"]

_STATUS = ("status", "--porcelain=v2", "--branch", "--untracked-files=no", "--ignore-submodules=dirty", "-z")
_UNTRACKED = ("ls-files", "--others", "--exclude-standard", "-z")
_GIT_SECONDS = 10.0
_log = logging.getLogger("att")


class _Output(Protocol):
    @property
    def names(self) -> list[str]: ...


class _Git(Protocol):
    def run(self, *arguments: str, timeout: float = ...) -> _Output: ...


GitFactory = Callable[[Path], _Git]
"""Opens a folder with a git that runs nothing of the folder's own."""


@dataclass(frozen=True)
class Commit:
    """Where a work tree stands; all None outside git, `commit` None before the first one."""

    commit: str | None = None
    branch: str | None = None
    dirty: bool | None = None
    """Tracked files differ from the commit, or there are Python files that git neither tracks nor ignores: a new test
    or conftest makes another suite. Other untracked files do not count, for running the tests makes some."""


def commit_of(folder: Path, git: GitFactory) -> Commit:
    """Look at the work tree; a folder without git, and a git that fails, leave a run without a commit."""
    if not any((parent / ".git").exists() for parent in (folder, *folder.absolute().parents)):
        return Commit()
    try:
        here = git(folder)
        listed = here.run(*_STATUS, timeout=_GIT_SECONDS).names
        changed = any(not line.startswith("# ") for line in listed)
        dirty = changed or _new_python(here.run(*_UNTRACKED, timeout=_GIT_SECONDS).names)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with git, the tests can run
        level = logging.INFO if isinstance(error, ATTError) else logging.WARNING
        _log.log(level, "The commit of %s is not known: %s", folder, error)
        return Commit()
    headers = dict(line[2:].split(" ", 1) for line in listed if line.startswith("# ") and " " in line[2:])
    oid, head = headers.get("branch.oid"), headers.get("branch.head")
    return Commit(
        commit=None if oid in (None, "(initial)") else oid,
        branch=None if head in (None, "(detached)") else head,
        dirty=dirty,
    )


def _new_python(untracked: Sequence[str]) -> bool:
    """Say whether Python files are among untracked ones, those of virtual environments left out."""
    environments = tuple(name.removesuffix("pyvenv.cfg") for name in untracked if name.endswith("/pyvenv.cfg"))
    return any(name.endswith(".py") and not name.startswith(environments) for name in untracked)


def this_environment() -> TestEnvironment:
    """Return what is known before pytest tells its versions and plugins."""
    return TestEnvironment(
        host=socket.gethostname(), os=f"{platform.system()} {platform.release()}", cpus=_usable_cpus()
    )


def _usable_cpus() -> int | None:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
