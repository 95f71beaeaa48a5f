"""CPU and memory of a whole process tree over time, sampled only while somebody watches."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from att.models import now
from att.runtime import proctree
from att.runtime.models import MetricsSample, MetricsSeries

if TYPE_CHECKING:
    import psutil

__all__ = ["Metrics", "TreeSampler"]

KEPT_SAMPLES = 900


class TreeSampler:
    """Samples everything below a run's shim: also what has left the program's session, for the shim adopts it."""

    def __init__(self, shim_pid: int) -> None:
        self._shim_pid = shim_pid
        self._known: dict[int, psutil.Process] = {}
        self._cpu: tuple[float, float] | None = None

    def sample(self) -> MetricsSample:
        """Return one sample. Raises ProcessLookupError when nothing of the tree is left."""
        import psutil

        rss = threads = files = processes = 0
        cpu = 0.0
        countable = True
        for process in self._processes():
            try:
                with process.oneshot():
                    times = process.cpu_times()
                    rss += process.memory_info().rss
                    threads += process.num_threads()
                cpu += times.user + times.system
                processes += 1
                files += process.num_fds()
            except psutil.AccessDenied:
                countable = False
            except psutil.NoSuchProcess:
                continue
        if not processes:
            raise ProcessLookupError(self._shim_pid)
        return MetricsSample(
            at=now(),
            cpu_percent=self._share(cpu),
            rss_bytes=rss,
            threads=threads,
            open_files=files if countable else None,
            processes=processes,
        )

    def _processes(self) -> list[psutil.Process]:
        import psutil

        found: dict[int, psutil.Process] = {}
        for pid in self._pids():
            try:
                known = self._known.get(pid)
                found[pid] = known if known is not None and known.is_running() else psutil.Process(pid)
            except psutil.Error:
                continue
        self._known = found
        return list(found.values())

    def _pids(self) -> list[int]:
        import psutil

        if psutil.LINUX:
            return proctree.descendants(self._shim_pid)
        try:
            return [child.pid for child in psutil.Process(self._shim_pid).children(recursive=True)]
        except psutil.Error:
            return []

    def _share(self, cpu_seconds: float) -> float | None:
        """Return the CPU since the sample before in percent of one core; a process that ended takes its part along."""
        at = time.monotonic()
        before, self._cpu = self._cpu, (at, cpu_seconds)
        if before is None or at <= before[0]:
            return None
        return round(max(0.0, cpu_seconds - before[1]) / (at - before[0]) * 100, 1)


@dataclass
class _Watched:
    run_id: str
    sampler: TreeSampler
    until: float
    samples: deque[MetricsSample] = field(default_factory=lambda: deque(maxlen=KEPT_SAMPLES))
    scheduled: bool = False

    def sample(self) -> bool:
        """Add a sample; False when nothing of the run is left."""
        try:
            self.samples.append(self.sampler.sample())
        except ProcessLookupError:
            return False
        return True


class Metrics:
    """The series of all projects. `_lock` guards every sampler and the samples; `later` runs a callback off the
    callers' threads after some seconds, and must be callable from any thread.
    """

    def __init__(self, interval: float, watched: float, later: Callable[[float, Callable[[], Any]], None]) -> None:
        self._interval = interval
        self._watch_seconds = watched
        self._later = later
        self._lock = threading.Lock()
        self._projects: dict[str, _Watched] = {}

    def series(self, project: str, run_id: str | None, shim_pid: int | None) -> MetricsSeries:
        """Return what was sampled of the run, and go on sampling for a while."""
        samples: list[MetricsSample] = []
        if run_id is not None and shim_pid is not None:
            with self._lock:
                watched = self._watched(project, run_id, shim_pid)
                watched.until = time.monotonic() + self._watch_seconds
                begin = not watched.scheduled
                watched.scheduled = True
            if begin:
                self._tick(project, run_id)
            with self._lock:
                samples = list(watched.samples)
        return MetricsSeries(run_id=run_id, interval_seconds=self._interval, samples=samples)

    def now(self, project: str, run_id: str, shim_pid: int) -> MetricsSample | None:
        """Return one sample of this moment; None when the run has just ended."""
        with self._lock:
            try:
                return self._watched(project, run_id, shim_pid).sampler.sample()
            except ProcessLookupError:
                return None

    def forget(self, project: str) -> None:
        """Drop what is kept of a project."""
        with self._lock:
            self._projects.pop(project, None)

    def _watched(self, project: str, run_id: str, shim_pid: int) -> _Watched:
        known = self._projects.get(project)
        if known is None or known.run_id != run_id:
            known = self._projects[project] = _Watched(run_id, TreeSampler(shim_pid), 0.0)
        return known

    def _tick(self, project: str, run_id: str) -> None:
        with self._lock:
            watched = self._projects.get(project)
            if watched is None or watched.run_id != run_id:
                return
            watched.scheduled = time.monotonic() <= watched.until and watched.sample()
            if not watched.scheduled:
                return
        self._later(self._interval, lambda: self._tick(project, run_id))
