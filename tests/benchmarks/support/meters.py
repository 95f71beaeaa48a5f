"""Meters on real processes: CPU time, memory share, and waiting without disturbing what is measured."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

__all__ = ["cpu_seconds", "pss_megabytes", "wait_until"]


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process's main thread so far, with the scheduler's nanosecond resolution."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def pss_megabytes(pid: int) -> float:
    """Return the proportional set size of a process: its own pages plus its share of the shared ones."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def wait_until(condition: Callable[[], bool], timeout: float = 120.0, interval: float = 0.001) -> None:
    """Wait until the condition holds. Raises TimeoutError."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing after {timeout} s")
        time.sleep(interval)
