"""A signal that ends a following from another thread, at once, also while it waits for the network."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["Stop"]


class Stop:
    """Set once. The lock protects the hooks: one is called exactly when the signal is set inside its `with`."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._hooks: list[Callable[[], None]] = []

    @property
    def is_set(self) -> bool:
        return self._event.is_set()

    def set(self) -> None:
        """Give the signal; giving it twice does nothing more."""
        with self._lock:
            self._event.set()
            hooks, self._hooks = self._hooks, []
            for hook in hooks:
                hook()

    def wait(self, seconds: float) -> bool:
        """Wait so long at most, and say whether the signal was given."""
        return self._event.wait(seconds)

    @contextmanager
    def interrupting(self, hook: Callable[[], None]) -> Iterator[None]:
        """Call `hook`, which must not block, when the signal is given in here; at once when it was given before."""
        with self._lock:
            if self._event.is_set():
                hook()
            else:
                self._hooks.append(hook)
        try:
            yield
        finally:
            with self._lock:
                if hook in self._hooks:
                    self._hooks.remove(hook)
