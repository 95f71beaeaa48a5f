"""Run git on a folder that nobody vouches for: no hooks, helpers, prompts or network, and bounded time and output."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from att.errors import NotSupported, TimedOut
from att.runtime.spec import child_environment

__all__ = ["Git", "GitFailed", "GitOutput"]

_OUTPUT_BYTES = 16 * 1024 * 1024
_HARMLESS = {
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "core.pager": "cat",
    "core.askPass": "",
    "credential.helper": "",
    "diff.external": "",
    "log.showSignature": "false",
    "maintenance.auto": "false",
    "gc.auto": "0",
    "submodule.recurse": "false",
}
_VARIABLES = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",
    "GIT_ALLOW_PROTOCOL": "none",  # a partial clone would fetch what it lacks
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_PAGER": "cat",
    "LC_ALL": "C.UTF-8",
}
_KEPT = frozenset({"GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM"})


class GitFailed(Exception):
    """Git ended with an error; its text is the last thing that it wrote."""


@dataclass(frozen=True)
class GitOutput:
    """What git wrote; `cut` when there was more than asked for."""

    data: bytes
    cut: bool = False

    @property
    def text(self) -> str:
        return self.data.decode("utf-8", "replace").strip()

    @property
    def names(self) -> list[str]:
        """The elements of a list that ends each with NUL."""
        return [os.fsdecode(name) for name in self.data.split(b"\0") if name]


class Git:
    """Git for reading in one folder.

    The folder's own configuration may name programs (file system monitors, filters, external diffs, hooks); they are
    switched off, filters by their names. Configuration of the user and the system stays in force.
    """

    def __init__(self, folder: Path) -> None:
        """Look at the folder. Raises NotSupported without git and in a folder that git does not want to read."""
        self.folder = folder
        self._config = dict(_HARMLESS)
        try:
            self.top = Path(os.fsdecode(self.run("rev-parse", "--show-toplevel").data.removesuffix(b"\n")))
        except GitFailed as error:
            raise NotSupported(f"{folder} is not in a git work tree that can be read: {error}") from None
        if not folder.resolve().is_relative_to(self.top.resolve()):
            raise NotSupported(f"The git repository of {folder} has its work tree elsewhere ({self.top}).")
        self._config |= self._without_filters()

    def run(
        self,
        *arguments: str,
        text: bytes | None = None,
        variables: Mapping[str, str] | None = None,
        most_bytes: int = _OUTPUT_BYTES,
        timeout: float = 20.0,
    ) -> GitOutput:
        """Run git and return its output, at most `most_bytes` of it.

        Raises GitFailed, TimedOut after `timeout` seconds and NotSupported when there is no git.
        """
        env = {**self._environment(), **(variables or {})}
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as errors:
            given.write(text or b"")
            given.seek(0)
            try:
                process = subprocess.Popen(
                    ["git", "--no-pager", *arguments],  # noqa: S607 - the user's git
                    cwd=self.folder,
                    env=env,
                    stdin=given,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    start_new_session=True,
                )
            except FileNotFoundError:
                raise NotSupported("There is no git on this machine; install it.") from None
            with process:
                output = _read(process, most_bytes, timeout)
                code = process.wait()
            errors.seek(0)
            if code and not output.cut:
                raise GitFailed(_last_line(errors.read()) or f"git {arguments[0]} exited with code {code}")
        return output

    def _environment(self) -> dict[str, str]:
        own = {n: v for n, v in child_environment(os.environ).items() if not n.startswith("GIT_") or n in _KEPT}
        config = {"GIT_CONFIG_COUNT": str(len(self._config))}
        for place, (key, value) in enumerate(self._config.items()):
            config |= {f"GIT_CONFIG_KEY_{place}": key, f"GIT_CONFIG_VALUE_{place}": value}
        return {**own, **_VARIABLES, **config}

    def _without_filters(self) -> dict[str, str]:
        """Return settings that switch off the filters of the repository's own configuration."""
        try:
            listed = self.run("config", "--show-scope", "-z", "--name-only", "--get-regexp", r"^filter\.").names
        except GitFailed:  # there is none
            return {}
        off = {}
        for scope, key in zip(listed[::2], listed[1::2], strict=False):
            if scope in ("local", "worktree"):
                off[key] = "false" if key.endswith(".required") else ""
        return off


def _read(process: subprocess.Popen[bytes], most_bytes: int, timeout: float) -> GitOutput:
    """Read up to a number of bytes and kill the rest of git. Raises TimedOut."""
    assert process.stdout is not None
    deadline = time.monotonic() + timeout
    parts: list[bytes] = []
    size = 0
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while selector.select(max(0.0, deadline - time.monotonic())):
            block = os.read(process.stdout.fileno(), 1 << 16)
            if not block:
                return GitOutput(b"".join(parts))
            parts.append(block[: most_bytes - size])
            size += len(block)
            if size > most_bytes:
                _kill(process)
                return GitOutput(b"".join(parts), cut=True)
    _kill(process)
    raise TimedOut(f"git did not answer within {timeout:g} s; try a smaller part of the project.")


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _last_line(errors: bytes) -> str:
    lines = [line for line in errors.decode("utf-8", "replace").splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("fatal:", "error:"))] or lines
    return telling[0].strip() if telling else ""
