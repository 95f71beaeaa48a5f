"""Bounded waiting for real things to happen."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

__all__ = ["eventually"]

T = TypeVar("T")


_RARELY = 0.15


def eventually(probe: Callable[[], T], timeout: float = 20.0, interval: float = 0.02) -> T:
    """Return the first truthy value of `probe`, asking until `timeout` seconds have passed.

    What takes long is asked for less and less often, from every `interval` seconds on. Raises AssertionError with the
    last value when it never became true.
    """
    deadline = time.monotonic() + timeout
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise AssertionError(f"still {value!r} after {timeout} s")
        time.sleep(interval)
        interval = max(interval, min(interval * 1.2, _RARELY))
