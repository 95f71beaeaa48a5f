"""Asks the probes of one run in time, without ever waiting for an answer."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from att.models import now
from att.runtime.checks import Attempt, Target, ask
from att.runtime.loop import Loop, Timer
from att.runtime.models import Health, ProbeResult
from att.runtime.probes import ProbeBoard, Tracker
from att.runtime.rundir import RunState

__all__ = ["Prober"]

CANCEL_MARGIN_SECONDS = 0.5


class Prober:
    """Lives in the loop's thread; only the asking itself happens in the pool.

    `quiet` says that the run is ending, so that probes would only tell what is known: then none is asked, and answers
    that come late are dropped. `changed` is called after each answer, and when time alone has made a difference.
    """

    def __init__(
        self,
        loop: Loop,
        pool: ThreadPoolExecutor,
        board: ProbeBoard,
        who: RunState,
        results: deque[ProbeResult],
        *,
        adopted: bool,
        target: Callable[[], Target],
        quiet: Callable[[], bool],
        changed: Callable[[], None],
    ) -> None:
        self.board = board
        self._loop = loop
        self._pool = pool
        self._started_at = who.started_at
        self._told_age = 0.0
        self._results = results
        self._unknown = adopted and bool(board.trackers)
        self._target = target
        self._quiet = quiet
        self._changed = changed
        self._asking: dict[Tracker, Attempt] = {}
        self._timer: Timer | None = None
        self._stopped = False

    @property
    def age(self) -> float:
        """Seconds since the run started."""
        return max(0.0, (now() - self._started_at).total_seconds())

    def health(self) -> tuple[Health, str]:
        """Return the health now; an adopted run's is unknown until a probe has answered."""
        self._told_age = self.age
        if self._unknown:
            return "unknown", "Nobody has asked its probes since it was adopted."
        return self.board.health(self._told_age)

    def schedule(self) -> None:
        """Wake up when the next probe is due, or when time alone changes the health that was told last."""
        if self._timer is not None:
            self._timer.cancel()
        due = None if self._stopped else self.board.next_due(self._told_age, self._asking)
        self._timer = None if due is None else self._loop.later(due - self.age, self._on_due)

    def stop(self) -> None:
        """Ask no more, and cut short what is being asked."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
        for attempt in self._asking.values():
            attempt.cancel()
        self._asking.clear()

    def ask_now(self, answered: Callable[[], None]) -> None:
        """Ask every probe once, and call `answered` when all have answered."""
        waiting = set() if self._stopped or self._quiet() else set(self.board.asked())
        if not waiting:
            answered()
            return

        def one(tracker: Tracker) -> None:
            waiting.discard(tracker)
            if not waiting:
                answered()

        for tracker in list(waiting):
            self._ask(tracker, partial(one, tracker))

    def _on_due(self) -> None:
        if self._stopped or self._quiet():
            return
        age = self.age
        for tracker in self.board.asked():
            if tracker not in self._asking and tracker.due <= age:
                self._ask(tracker)
        self._tell()

    def _tell(self) -> None:
        """Say that something has changed; probing goes on even when that cannot be written down now."""
        try:
            self._changed()
        finally:
            self.schedule()

    def _ask(self, tracker: Tracker, then: Callable[[], None] | None = None) -> None:
        attempt = Attempt()
        if then is None:
            self._asking[tracker] = attempt
        loop, probe, target = self._loop, tracker.probe, self._target()
        patience = probe.timeout_seconds + CANCEL_MARGIN_SECONDS

        def work() -> None:
            loop.post(lambda: loop.later(patience, attempt.cancel))
            result = ask(probe, target, attempt)
            loop.post(lambda: self._on_answer(tracker, attempt, result, then))

        try:
            self._pool.submit(work)
        except RuntimeError:  # the interpreter is ending
            self.stop()

    def _on_answer(
        self, tracker: Tracker, attempt: Attempt, result: ProbeResult, then: Callable[[], None] | None
    ) -> None:
        if self._asking.get(tracker) is attempt:
            del self._asking[tracker]
        if not self._stopped and not self._quiet():
            self._results.append(result)
            self._unknown = False
            self.board.take(tracker, result, self.age)
            self._tell()
        if then is not None:
            then()
