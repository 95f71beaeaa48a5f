"""Run pytest processes to their end: a deadline, a request to stop, and the ladder INT, TERM, KILL."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType

from att.runtime import proctree

__all__ = ["Ladder", "Suite", "Wake", "kill_tree"]

_RUNGS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
_LOOK_SECONDS = 0.5


class Suite:
    """One pytest process in a process group of its own."""

    def __init__(self, command: Sequence[str], cwd: Path | str, env: Mapping[str, str]) -> None:
        """Start it. Raises OSError."""
        self.process: subprocess.Popen[bytes] = subprocess.Popen(
            list(command), cwd=cwd, env=env, stdin=subprocess.DEVNULL, process_group=0
        )
        self.ended_at: float | None = None
        """When it was first seen to be gone, in seconds since the epoch."""

    @property
    def running(self) -> bool:
        if self.process.poll() is None:
            return True
        self.ended_at = self.ended_at or time.time()
        return False

    @property
    def returncode(self) -> int | None:
        """Of the ended process; -N when signal N ended it."""
        return self.process.poll()

    def send(self, number: signal.Signals) -> None:
        """INT goes to pytest alone, which tells its workers; TERM and KILL go to everything that it has started."""
        if not self.running:
            return
        if number == signal.SIGINT:
            self.process.send_signal(number)
        elif number == signal.SIGTERM:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)
        else:
            kill_tree(self.process.pid)


def kill_tree(pid: int) -> None:
    """Kill a process, its group and its descendants."""
    below = proctree.descendants(pid)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    for child in below:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(child, signal.SIGKILL)


class Wake:
    """Ended children and requests to stop, as something to wait for. Takes the signals of the main thread."""

    def __init__(self) -> None:
        self._reader, writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGCHLD, signal.SIGINT):
            signal.signal(number, _heard)

    def wait(self, seconds: float) -> bool:
        """Wait for a signal; return whether one of them asked to stop."""
        if not select.select([self._reader], [], [], max(0.0, seconds))[0]:
            return False
        numbers = os.read(self._reader, 4096)
        return signal.SIGTERM in numbers or signal.SIGINT in numbers


def _heard(_number: int, _frame: FrameType | None) -> None:
    """Exist: a handler makes the wake-up descriptor work, and children start with the default again."""


class Ladder:
    """Ends processes rung by rung; `timed_out` and `stopped` say why it was entered. Single-threaded."""

    def __init__(self, timeout: float | None, interrupt_seconds: float, terminate_seconds: float) -> None:
        self._due = None if timeout is None else time.monotonic() + timeout
        self._pauses = (interrupt_seconds, terminate_seconds, _LOOK_SECONDS)
        self._rung = 0
        self.timed_out = False
        self.stopped = False

    @property
    def entered(self) -> bool:
        return self.timed_out or self.stopped

    @property
    def pause(self) -> float:
        """Seconds until there is something to do."""
        return _LOOK_SECONDS if self._due is None else min(_LOOK_SECONDS, self._due - time.monotonic())

    def stop(self) -> None:
        """Enter the ladder, or go on to its next rung at once."""
        self.stopped = self.stopped or not self.timed_out
        self._due = time.monotonic()

    def climb(self, suites: Sequence[Suite]) -> None:
        """Send the signal that is due, if one is."""
        if self._due is None or time.monotonic() < self._due:
            return
        self.timed_out = self.timed_out or not self.stopped
        number, pause = _RUNGS[self._rung], self._pauses[self._rung]
        for suite in suites:
            suite.send(number)
        self._rung = min(self._rung + 1, len(_RUNGS) - 1)
        self._due = time.monotonic() + pause

    def until_ended(self, suites: Sequence[Suite], wake: Wake) -> None:
        """Wait until every process has ended, whatever that takes."""
        while [suite for suite in suites if suite.running]:  # each is looked at, for when it ended
            self.climb(suites)
            if wake.wait(self.pause):
                self.stop()
