"""One thread that runs callbacks: posted ones, timed ones, and those of descriptors that become readable."""

from __future__ import annotations

import heapq
import itertools
import logging
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["Loop", "Timer"]

_log = logging.getLogger("att")
Callback = Callable[[], object]


@dataclass(order=True)
class Timer:
    """A callback that is due at a monotonic time; `cancel` makes it do nothing."""

    at: float
    order: int
    callback: Callback | None = field(compare=False)

    def cancel(self) -> None:
        self.callback = None


class Loop:
    """A thread that sleeps until something happens.

    `post` and `close` may be called from any thread; everything else only in the loop's own thread, or before it is
    started. `_posted` is a deque, whose append and popleft are atomic; `_wake` interrupts the sleep. A callback that
    raises is logged, and the loop goes on.
    """

    def __init__(self, name: str) -> None:
        self._posted: deque[Callback] = deque()
        self._timers: list[Timer] = []
        self._order = itertools.count()
        self._readers: dict[int, Callback] = {}
        self._poll = select.poll()
        self._reader, self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC) if hasattr(os, "pipe2") else _pipe()
        self._guard = threading.Lock()  # guards `_wake` against being written while it is closed
        self._closing = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.wakeups = 0

    @property
    def started(self) -> bool:
        """Whether the thread was started."""
        return self._thread.ident is not None

    def start(self) -> None:
        """Start the thread."""
        self.on_readable(self._reader, self._drain)
        self._thread.start()

    def close(self) -> None:
        """End the thread after the callback it is in, and join it; what was posted is dropped."""
        with self._guard:
            if self._closing:
                return
            self._closing = True
            os.write(self._wake, b"x")
        if self.started:
            self._thread.join()
        with self._guard:
            os.close(self._reader)
            os.close(self._wake)

    def post(self, callback: Callback) -> None:
        """Run a callback soon; after `close` it is dropped."""
        self._posted.append(callback)
        with self._guard:
            if not self._closing:
                try:
                    os.write(self._wake, b"x")
                except BlockingIOError:  # it is awake already
                    return

    def later(self, seconds: float, callback: Callback) -> Timer:
        """Run a callback after a while."""
        timer = Timer(time.monotonic() + max(0.0, seconds), next(self._order), callback)
        heapq.heappush(self._timers, timer)
        return timer

    def on_readable(self, fd: int, callback: Callback) -> None:
        """Run a callback whenever a descriptor is readable."""
        self._readers[fd] = callback
        self._poll.register(fd, select.POLLIN)

    def forget(self, fd: int) -> None:
        """Watch a descriptor no longer; call it before closing it."""
        if self._readers.pop(fd, None) is not None:
            self._poll.unregister(fd)

    def _run(self) -> None:
        while not self._closing:
            ready = self._poll.poll(self._pause_ms())
            self.wakeups += 1
            for fd, _events in ready:
                if (callback := self._readers.get(fd)) is not None:
                    self._call(callback)
            while self._posted and not self._closing:
                self._call(self._posted.popleft())
            self._run_timers()

    def _run_timers(self) -> None:
        at = time.monotonic()
        while self._timers and self._timers[0].at <= at and not self._closing:
            if (callback := heapq.heappop(self._timers).callback) is not None:
                self._call(callback)

    def _pause_ms(self) -> float | None:
        while self._timers and self._timers[0].callback is None:
            heapq.heappop(self._timers)
        if not self._timers:
            return None
        return max(0.0, self._timers[0].at - time.monotonic()) * 1000 + 0.5

    def _drain(self) -> None:
        os.read(self._reader, 4096)

    def _call(self, callback: Callback) -> None:
        try:
            callback()
        except Exception:  # noqa: BLE001 - one project's trouble must not end the supervision of all
            _log.exception("Supervision went on after an error")


def _pipe() -> tuple[int, int]:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    return reader, writer
