"""Follow test runs while they go on: write their events, and let them join the history when they end."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Protocol

from att.errors import ATTError, Busy
from att.locking import LOCK_EX, LOCK_NB, flock
from att.runtime.launcher import Launcher
from att.runtime.rundir import RunDirectory
from att.testing.models import TestFailure, TestOutcome, TestRun
from att.testing.suiterun import KIND, SuiteRun
from att.testing.telling import Teller

if TYPE_CHECKING:
    from att.events.manager import EventLog
    from att.store import Store

__all__ = ["Following", "History"]

LOOK_SECONDS = 0.1
"""Between two looks at a run that goes on."""
SCAN_SECONDS = 5.0
"""Between two looks for runs that nobody follows."""
RETRY_SECONDS = 5.0
"""From an error of a run to the next try."""
_HANDOVER_SECONDS = 2.0
_LOCK = "follower.lock"
_log = logging.getLogger("att")


class History(Protocol):
    """Where ended runs are kept."""

    def append(self, run: TestRun, outcomes: Sequence[TestOutcome], failures: Sequence[TestFailure]) -> bool:
        """Keep a run; False when it is kept already."""
        ...


class _Followed:
    """A run that this process follows: it holds the lock in the run's directory. `lock` guards its fields."""

    def __init__(self, suite: SuiteRun, fd: int, teller: Teller) -> None:
        self.suite = suite
        self.fd: int | None = fd
        self.teller = teller
        self.lock = threading.RLock()
        self.retry_at = 0.0

    def release(self) -> None:
        with self.lock:
            fd, self.fd = self.fd, None
        if fd is not None:
            os.close(fd)


class Following:
    """Follows every unfinished test run of a data directory that no other process follows, in one thread.

    The flock in the run's directory says who follows it, and ends with the process: another takes the run over,
    reads its streams from their beginning, and goes on where the events of the run stop. `_lock` guards `_followed`;
    each entry has a lock of its own, which is taken after it, never before. `close` joins the thread and lets go of
    the runs, which go on.
    """

    def __init__(
        self,
        launcher: Launcher,
        store: Store,
        events: EventLog,
        history: History,
        *,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        self._launcher = launcher
        self._store = store
        self._events = events
        self._history = history
        self._retry_seconds = retry_seconds
        self._lock = threading.Lock()
        self._followed: dict[str, _Followed] = {}
        self._other: set[str] = set()  # runs that need no following; touched by the thread only
        self._wake = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="att-tests", daemon=True)
        drop = weakref.WeakMethod(self._drop_locks)
        # A child that is forked without exec would keep the locks after this process' death.
        os.register_at_fork(after_in_child=lambda: (method := drop()) and method())

    def open(self) -> None:
        """Begin, with the runs that are there."""
        self._thread.start()

    def close(self) -> None:
        """Join the thread and let go of the runs. Closing twice does nothing more."""
        self._closing = True
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join()
        with self._lock:
            followed, self._followed = list(self._followed.values()), {}
        for entry in followed:
            entry.release()

    def begin(self, suite: SuiteRun) -> None:
        """Follow a run that was just started."""
        self._take(suite)
        self._wake.set()

    def suite(self, run_id: str) -> SuiteRun | None:
        """Return a run that is followed here, as far as it is read."""
        with self._lock:
            entry = self._followed.get(run_id)
        return None if entry is None else entry.suite

    def settle(self, suite: SuiteRun) -> None:
        """Let an ended run join the history before this returns, if nobody else is about to do it and takes long."""
        deadline = time.monotonic() + _HANDOVER_SECONDS
        while suite.run.path.exists() and not suite.is_settled() and not self._closing:
            entry = self._take(suite)
            if entry is not None:
                self._step(entry)
            if suite.is_settled() or time.monotonic() >= deadline:
                return
            time.sleep(0.02)

    def settle_project(self, project: str) -> None:
        """Let every ended run of a project join the history."""
        for run in self._launcher.runs(project, KIND):
            suite = self.suite(run.run_id) or SuiteRun(run)
            if not suite.is_settled() and suite.ended():
                self.settle(suite)

    # The thread

    def _run(self) -> None:
        scanned_at = -SCAN_SECONDS
        while not self._closing:
            self._wake.clear()
            if time.monotonic() - scanned_at >= SCAN_SECONDS:
                self._guarded(self._scan)
                scanned_at = time.monotonic()
            with self._lock:
                entries = list(self._followed.values())
            for entry in entries:
                if not self._closing:
                    self._guarded(partial(self._step, entry))
            self._wake.wait(LOOK_SECONDS if entries else SCAN_SECONDS)

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:  # noqa: BLE001 - one run's trouble must not end the following of all
            _log.exception("Following test runs went on after an error")

    def _scan(self) -> None:
        seen = set()
        for run in self._unknown_runs():
            seen.add(run.run_id)
            if run.run_id in self._other or self._closing:
                continue
            suite = SuiteRun(run)
            if not _is_test(run) or suite.is_settled():
                self._other.add(run.run_id)
            else:
                self._take(suite)
        self._other &= seen

    def _unknown_runs(self) -> Iterator[RunDirectory]:
        with contextlib.suppress(FileNotFoundError):
            for folder in sorted(self._launcher.projects_dir.iterdir()):
                with contextlib.suppress(ATTError, NotADirectoryError):
                    yield from self._launcher.runs(folder.name)

    # Following one run

    def _take(self, suite: SuiteRun) -> _Followed | None:
        """Follow a run, if nobody else does."""
        with self._lock:
            run_id = suite.run.run_id
            known = self._followed.get(run_id)
            if known is not None or self._closing:
                return known
            fd = _try_lock(suite)
            if fd is None:
                return None
            if suite.is_settled():  # by whoever had the lock before
                os.close(fd)
                return None
            entry = _Followed(suite, fd, Teller(suite, self._store, self._events))
            self._followed[run_id] = entry
            return entry

    def _step(self, entry: _Followed) -> None:
        """Take in what is new, tell it, and settle the run when it has ended."""
        with entry.lock:
            if entry.fd is None or time.monotonic() < entry.retry_at:
                return
            suite = entry.suite
            try:
                ended = suite.ended()
                if ended and not self._buried(suite):
                    return
                suite.update()
                entry.teller.tell(everything=ended)
                if not ended:
                    return
                self._conclude(entry)
            except Exception as error:
                # Whatever fails: without its directory there is nothing to follow; with it the caller hears of it,
                # and the thread comes back to it later.
                if suite.run.path.exists():
                    entry.retry_at = time.monotonic() + self._retry_seconds
                    raise
                _log.info("The test run %s was deleted: %s", suite.run.run_id, error)
            self._forget(entry)

    def _buried(self, suite: SuiteRun) -> bool:
        """Make sure that nothing of a lost run is left running; False when the project is being worked on."""
        if suite.run.phase() != "lost" or suite.run.exit_facts() is not None:
            return True
        try:
            with self._launcher.project_lock(suite.run.project, timeout=0):
                suite.run.record_loss()
        except Busy:
            return False
        return True

    def _conclude(self, entry: _Followed) -> None:
        suite = entry.suite
        final = suite.look({})
        state = suite.state()
        self._history.append(final, state.outcomes, [*state.failures, *state.rerun_failures])
        entry.teller.tell_end(final)
        suite.settle(final)

    def _forget(self, entry: _Followed) -> None:
        with self._lock:
            self._followed.pop(entry.suite.run.run_id, None)
        entry.release()

    def _drop_locks(self) -> None:
        for entry in self._followed.values():
            if entry.fd is not None:
                os.close(entry.fd)
                entry.fd = None


def _is_test(run: RunDirectory) -> bool:
    spec = run.known_spec()
    return spec is None or spec.kind == KIND  # one whose start was cut short, or is going on, is looked at again


def _try_lock(suite: SuiteRun) -> int | None:
    try:
        suite.begun  # noqa: B018 - one whose start was cut short has nothing to follow
        fd = os.open(suite.run.path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except (ATTError, FileNotFoundError):
        return None
    try:
        flock(fd, LOCK_EX | LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    return fd
