"""Supervision of a data directory: one thread that watches every run, or waits for whoever does to go away."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from att.errors import ATTError, Busy
from att.events.manager import EventLog
from att.events.models import Event
from att.projects.registry import ProjectRegistry
from att.runtime.evidence import Coroner
from att.runtime.launcher import Launcher
from att.runtime.lease import Lease
from att.runtime.loop import Loop
from att.runtime.models import Supervisor as Holder
from att.runtime.starter import Starter
from att.runtime.states import StateBook
from att.runtime.timings import Timings
from att.runtime.ward import Office, Sight, Ward
from att.store import Store

__all__ = ["Supervisor", "observer_name"]

JOB_THREADS = 4
PROBE_THREADS = 8
_log = logging.getLogger("att")


def observer_name(holder: Holder) -> str:
    """Return what marks the observations of one term of supervision."""
    return f"{holder.pid}@{holder.host} {holder.since.isoformat()}"


class Supervisor:
    """Owns the loop's thread and two pools, from `open` to `close`.

    `_wards` is written in the loop's thread only (in `open` before that runs); other threads read single entries.
    `_lock` guards the changes of `_noticed`, which counts the changes of a project that have not been looked at. When
    idle the thread wakes once in `timings.check` seconds, to see what other processes wrote, or whether the supervisor
    has gone. Closing order: events, thread, wards (which cuts probes short), pools, lease.
    """

    def __init__(
        self,
        me: Holder,
        lease: Lease,
        store: Store,
        registry: ProjectRegistry,
        launcher: Launcher,
        book: StateBook,
        starter: Starter,
        coroner: Coroner,
        events: EventLog,
        timings: Timings,
    ) -> None:
        self._me = me
        self._lease = lease
        self._store = store
        self._events = events
        self._wards: dict[str, Ward] = {}
        self._lock = threading.Lock()
        self._noticed: Counter[str] = Counter()
        self._loop = Loop("att-supervisor")
        self._jobs = ThreadPoolExecutor(JOB_THREADS, "att-job")
        self._probes = ThreadPoolExecutor(PROBE_THREADS, "att-probe")
        self._office = Office(
            self._loop,
            self._jobs,
            self._probes,
            registry,
            launcher,
            book,
            starter,
            coroner,
            timings,
            observer_name(me),
        )
        self._version = 0  # of the store, when this last looked at what others wrote
        self._unsubscribe: Callable[[], None] = lambda: None
        self._closed = False

    def open(self) -> None:
        """Take over if nobody supervises, adopt what runs, and begin; adoption is complete on return."""
        self._check()
        self._unsubscribe = self._events.subscribe(self._on_event)
        self._loop.start()

    def close(self) -> None:
        """End supervision and join the thread; processes go on. Closing twice does nothing more."""
        if self._closed:
            return
        self._closed = True
        self._unsubscribe()
        self._loop.close()
        self._close_wards()
        self._probes.shutdown(cancel_futures=True)
        self._jobs.shutdown(cancel_futures=True)
        if self._lease.held:
            self._events.append("supervisor.stopped", pid=self._me.pid, host=self._me.host, by=self._me.kind)
            self._lease.release()

    @property
    def wakeups(self) -> int:
        """How often the thread has woken up."""
        return self._loop.wakeups

    def holder(self) -> Holder | None:
        """Return who supervises, or None."""
        return self._me if self._lease.held else self._lease.holder()

    def sight(self, project_id: str) -> Sight | None:
        """Return what this process sees of a live run.

        None when it does not supervise, nothing runs, or what is seen is older than a change of this process.
        """
        ward = None if self._noticed[project_id] else self._wards.get(project_id)
        return None if ward is None else ward.sight

    def notice(self, project_id: str) -> None:
        """Look at a project soon, since this process has changed something."""

        def look() -> None:
            try:
                self._look(project_id)
            finally:
                with self._lock:
                    self._noticed[project_id] -= 1

        with self._lock:
            self._noticed[project_id] += 1
        self._loop.post(look)

    def probe_now(self, project_id: str, timeout: float) -> bool:
        """Ask every probe of a project and wait for the answers; False when this process does not supervise."""
        if not self._lease.held:
            return False
        answered = threading.Event()

        def begin() -> None:
            ward = self._wards.get(project_id)
            if ward is None:
                answered.set()
            else:
                ward.probe_now(answered.set)

        self._loop.post(begin)
        answered.wait(timeout)
        return True

    def later(self, seconds: float, callback: Callable[[], Any]) -> None:
        """Run a callback in a pool after a while."""

        def wait() -> None:
            self._loop.later(seconds, lambda: self._office.job(callback, _log_failure))

        self._loop.post(wait)

    def _check(self) -> None:
        """Look for what changed without us, and come back later."""
        try:
            if not self._lease.held:
                self._take_over()
            elif (version := self._store.version()) != self._version:
                self._version = version
                self._refresh()
        finally:
            self._loop.later(self._office.timings.check, self._check)

    def _take_over(self) -> None:
        if not self._lease.acquire(self._me):
            return
        try:
            self._version = self._store.version()
            self._events.append("supervisor.started", pid=self._me.pid, host=self._me.host, by=self._me.kind)
            for project in self._office.registry.list():
                self._adopt(project.id)
        except BaseException:  # the next look tries again, here or in another process
            self._end_term()
            raise

    def _close_wards(self) -> None:
        for ward in self._wards.values():
            ward.close()
        self._wards.clear()

    def _end_term(self) -> None:
        self._close_wards()
        self._lease.release()

    def _adopt(self, project_id: str) -> None:
        """Record what was lost while nobody looked, then supervise the project."""
        try:
            with self._office.launcher.project_lock(project_id, timeout=0):
                self._office.launcher.adopt(project_id)
        except Busy:  # another process is starting or stopping it right now, and will leave it in order
            self._loop.later(self._office.timings.busy, lambda: self._adopt(project_id))
        except (ATTError, OSError):
            _log.exception("The runs of %s cannot be adopted", project_id)
        self._look(project_id)

    def _look(self, project_id: str) -> None:
        if not self._lease.held:
            return
        ward = self._wards.setdefault(project_id, Ward(project_id, self._office))
        try:
            ward.look()
        except Exception:  # noqa: BLE001 - one project's trouble must not end the supervision of all
            _log.exception("Project %s cannot be supervised now", project_id)
            self._loop.later(self._office.timings.check, lambda: self._look(project_id))
        if ward.closed:
            del self._wards[project_id]

    def _refresh(self) -> None:
        """Look at the projects that another process has changed."""
        rows = self._office.book.read_all()
        projects = {project.id: project for project in self._office.registry.list()}
        for project_id, project in projects.items():
            ward = self._wards.get(project_id)
            if ward is None or ward.outdated(project, rows.get(project_id)):
                self._look(project_id)
        for project_id in [known for known in self._wards if known not in projects]:
            self._wards.pop(project_id).close()

    def _on_event(self, event: Event) -> None:
        if event.project is not None and event.kind.startswith("project."):
            self.notice(event.project)


def _log_failure(result: Any) -> None:
    if isinstance(result, Exception):
        _log.error("Background work failed", exc_info=result)
