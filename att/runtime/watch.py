"""Wake an event loop at the end of a run: descriptors of its two processes that become readable."""

from __future__ import annotations

import contextlib
import os
import select
import time
from collections.abc import Callable
from types import TracebackType

from att.runtime import proctree

__all__ = ["RunWatch"]

Identity = tuple[int, int | None]
"""Pid and start time in clock ticks."""


class RunWatch:
    """The end of a run as something to wait for; no polling on Linux.

    `app_fd` is readable once the app's main process has ended, `shim_fd` once the run is over (exit record written,
    leftovers gone). Either is None when that process is gone already or the platform has no pidfd; while `poll_seconds`
    is not None, ask `app_ended()` and `ended()` that often.
    """

    def __init__(self, app: Identity | None, shim: Identity | None, alive: Callable[[], bool]) -> None:
        self._app = app
        self._alive = alive
        self.app_fd = None if app is None else _open_pidfd(app)
        self.shim_fd = None if shim is None else _open_pidfd(shim)
        self.poll_seconds = None if self.shim_fd is not None or not alive() else 0.02

    def app_ended(self) -> bool:
        """Say whether the main process has ended."""
        if self.app_fd is not None:
            return _readable(self.app_fd, 0)
        return not self._alive() or (self._app is not None and not _runs(self._app))

    def ended(self) -> bool:
        """Say whether the whole run is over."""
        return _readable(self.shim_fd, 0) if self.shim_fd is not None else not self._alive()

    def wait(self, timeout: float | None = None) -> bool:
        """Block until the whole run is over; return False when `timeout` seconds passed first."""
        if self.shim_fd is not None:
            return _readable(self.shim_fd, timeout)
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self.ended():
            if deadline is not None and time.monotonic() >= deadline:
                return False
            time.sleep(0.02)
        return True

    def close(self) -> None:
        """Close the descriptors."""
        for fd in (self.app_fd, self.shim_fd):
            if fd is not None:
                os.close(fd)
        self.app_fd = self.shim_fd = None

    def __enter__(self) -> RunWatch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _open_pidfd(identity: Identity) -> int | None:
    """Return a pidfd of this very process, or None when it is gone or there are no pidfds."""
    if not hasattr(os, "pidfd_open"):
        return None
    with contextlib.suppress(ProcessLookupError):
        fd = os.pidfd_open(identity[0])
        if _runs(identity):
            return fd
        os.close(fd)
    return None


def _runs(identity: Identity) -> bool:
    pid, ticks = identity
    stat = proctree.process_stat(pid)
    if stat is not None:
        return stat[2] == ticks and stat[0] not in b"ZX"
    if ticks is not None:
        return False
    try:  # no /proc here: the pid is all there is
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def _readable(fd: int, timeout: float | None) -> bool:
    poller = select.poll()
    poller.register(fd, select.POLLIN)
    return bool(poller.poll(None if timeout is None else max(0.0, timeout) * 1000))
