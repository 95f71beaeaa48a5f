"""Follows the log of one project in one thread, keeps its end, and sends it to the pages that show it."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any, Literal

from att.client.session import Session
from att.client.stopping import Stop
from att.client.wording import brief
from att.errors import ATTError, Invalid, NotFound
from att.models import Page, now
from att.notebook.batches import MOST_ROWS, Batch, Kept, Row, gap_row, line_row, mark_row, pack
from att.operations import operation_of
from att.runtime.models import LogLine, LogPage, RunPage
from att.runtime.operations import RuntimeOperations

__all__ = ["FeedState", "LogFeed"]

FeedState = Literal["reading", "live", "lost", "ended", "closed", "failed"]
Send = Callable[[dict[str, Any], bytes], None]
Tell = Callable[[FeedState, str], None]

_LOGS = operation_of(RuntimeOperations.logs)
_SEND_SECONDS = 0.05
"""While more can be read at once, rows are gathered for so long before they are sent."""
_BYTES_PER_SECOND = 600_000
_BURST_BYTES = 1_200_000
"""Together below what a Jupyter server lets one kernel send (1 MB/s over 3 s); beyond that it drops messages."""
_AGAIN_SECONDS, _AGAIN_MOST_SECONDS = 0.5, 5.0
_OFFER_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""Until a page is heard, all that is kept is sent after each of these times: what a page says reaches the kernel only
between two cells, and one that is still loading hears nothing."""
_IDLE_SECONDS = 3600.0
_GONE = "not there any more; goes on when it is made again…"


class LogFeed:
    """What one log view shows.

    `_lock` protects the kept batches, the numbers, and what pages have asked for. Only the thread sends, while there
    is one. A page that comes, or misses rows, says what it has, and gets the kept rest; while none is heard the rows
    are offered.
    """

    def __init__(self, session: Session, given: Mapping[str, Any], keep: int, send: Send, tell: Tell) -> None:
        self.cursor: str | None = None
        self.epoch = uuid.uuid4().hex[:12]
        self._session, self._given = session, dict(given)
        self._tail = MOST_ROWS
        self._send, self._tell = send, tell
        self._lock = threading.Lock()
        self._kept = Kept(keep)
        self._next = 0
        self._asked: int | None = None
        self._heard = self._offered = False
        self._offers = list(_OFFER_SECONDS)
        self._pending: list[Row] = []
        self._sent_at = 0.0
        self._budget, self._budget_at = float(_BURST_BYTES), time.monotonic()
        self._run_id: str | None = None
        self._anew = False
        self._closed = threading.Event()
        self._stop = Stop()
        self._thread: threading.Thread | None = None

    @property
    def received(self) -> int:
        """Rows that were read so far."""
        return self._next

    def read(self, tail: int) -> None:
        """Read the last lines now. Raises what reading raises."""
        self._tail = tail
        page: LogPage = self._session.caller.ask(_LOGS.name, {**self._given, "tail": tail})
        self._take(page)
        self._flush()

    def start(self, *, follow: bool = True) -> None:
        """Send to pages from a thread of its own, and go on reading in it; else it ends when a page was heard."""
        run = copy_context().run
        self._thread = threading.Thread(target=run, args=(self._run, follow), name="att-log-feed", daemon=True)
        self._thread.start()

    def hello(self, epoch: str | None, following: int | None) -> None:
        """Take note that a page has every row before `following`, and wants the rest."""
        with self._lock:
            wanted = following if following is not None and epoch == self.epoch else 0
            self._asked = wanted if self._asked is None else min(self._asked, wanted)
            self._heard = True
            alone = self._thread is None
        if alone:
            self._answer()
        else:
            self._stop.set()

    def tail(self, lines: int) -> list[Row]:
        """Return the last rows that are kept."""
        with self._lock:
            return self._kept.tail(lines)

    def close(self) -> None:
        """End the thread; closing twice does nothing more."""
        self._closed.set()
        self._stop.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(10)

    def _run(self, follow: bool) -> None:
        try:
            self._go_on(follow)
        except Exception as error:
            self._tell("failed", f"stopped by an error: {error}")
            raise
        finally:
            self._flush()
            self._leave()

    def _go_on(self, follow: bool) -> None:
        pause = _AGAIN_SECONDS
        while not self._closed.is_set():
            self._stop = stop = Stop()
            if self._closed.is_set():
                return
            try:
                self._answer()
                if not follow and self._is_done():
                    return
                with self._offering(stop):
                    self._follow(stop) if follow else stop.wait(_IDLE_SECONDS)
                pause = _AGAIN_SECONDS
            except ATTError as error:
                if self.cursor and isinstance(error, NotFound | Invalid):
                    self._begin_anew()
                    continue
                if isinstance(error, Invalid):
                    self._tell("failed", str(error))
                    return
                gone = isinstance(error, NotFound)
                self._tell("lost", _GONE if gone else f"{error.title}; trying again…")
                stop.wait(pause)
                pause = min(pause * 1.5, _AGAIN_MOST_SECONDS)

    def _begin_anew(self) -> None:
        """Go on at the end of the log as it is now: the project was made again, or its server keeps other data."""
        self.cursor = self._run_id = None
        self._anew = True

    def _leave(self) -> None:
        """End the thread; from then on `hello` answers."""
        with self._lock:
            self._thread = None
        self._answer()

    def _is_done(self) -> bool:
        """Say whether nothing is left to do for a thread that does not follow; from then on `hello` answers."""
        with self._lock:
            if self._asked is None and (self._heard or not self._offers):
                self._thread = None
        return self._thread is None

    @contextmanager
    def _offering(self, stop: Stop) -> Iterator[None]:
        """End `stop` when it is time for the next offer."""
        if self._heard or not self._offers:
            yield
            return

        def offer() -> None:
            with self._lock:
                if self._offers and not self._heard:
                    self._offers.pop(0)
                    self._asked, self._offered = 0, True
            stop.set()

        timer = threading.Timer(self._offers[0], offer)
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()

    def _follow(self, stop: Stop) -> None:
        """Follow until a page asks for something or the view is closed."""
        given = {**self._given, "limit": MOST_ROWS}
        # The first read proves the connection; only then is the view live again.
        begin = {"cursor": self.cursor} if self.cursor else {"tail": self._tail}
        self._take(self._session.transport.call(_LOGS, given | begin))
        self._tell("live", "")
        if self.cursor:
            given["cursor"] = self.cursor
        for page in self._session.transport.pages(_LOGS, given, None, stop):
            self._take(page)
            if stop.is_set:
                return

    def _take(self, page: Page | None) -> None:
        if not isinstance(page, LogPage):
            return
        rows, run_id = self._rows_of(page)
        # From here on nothing is asked, so nothing fails: what was taken and where to go on belong together.
        self._pending += rows
        self._run_id, self.cursor = run_id, page.cursor or self.cursor
        self._anew = self._anew and not page.lines
        # When more can be read right now it will come within this time.
        if not page.has_more or time.monotonic() - self._sent_at >= _SEND_SECONDS:
            self._flush()

    def _rows_of(self, page: LogPage) -> tuple[list[Row], str | None]:
        """Return the rows of a page, with marks where runs begin, and the run of its last line."""
        rows: list[Row] = []
        run_id = self._run_id
        at_ms = int((page.lines[0].at if page.lines else now()).timestamp() * 1000)
        if self._anew and page.lines:
            rows.append(mark_row("note", "what follows is another log of this project", at_ms))
        if page.truncated:
            rows.append(gap_row(page.lost_bytes, at_ms))
        for line in page.lines:
            if line.run_id != run_id:
                rows += self._marks(run_id, line)
                run_id = line.run_id
            rows.append(line_row(line))
        return rows, run_id

    def _marks(self, ended: str | None, line: LogLine) -> list[Row]:
        """Return the rows between the end of a run and the first line of the next."""
        rows: list[Row] = []
        at_ms = int(line.at.timestamp() * 1000)
        runs: RunPage = self._session.caller.ask("runtime.runs", {"project": self._given["project"], "limit": 20})
        known = {run.run_id: run for run in runs.runs}
        before = known.get(ended or "")
        if before is not None and before.exit is not None:
            rows.append(mark_row("note", before.exit.reason, at_ms))
        started = f" started {brief(known[line.run_id].started_at)}" if line.run_id in known else ""
        return [*rows, mark_row("run", f"run {line.run_id[-8:]}{started}", at_ms)]

    def _flush(self) -> None:
        rows, self._pending = self._pending, []
        for begin in range(0, len(rows), MOST_ROWS):
            with self._lock:
                batch = pack(rows[begin : begin + MOST_ROWS], self._next)
                self._kept.append(batch)
                self._next += batch.count
                wanted = self._heard or self._offered
            if wanted:
                self._give(batch)
        self._sent_at = time.monotonic()

    def _answer(self) -> None:
        with self._lock:
            asked, self._asked = self._asked, None
            wanted = [] if asked is None else self._kept.since(asked)
        for number, batch in enumerate(wanted):
            self._give(batch, asked if number == 0 else None)

    def _give(self, batch: Batch, answers: int | None = None) -> None:
        """Send a batch, not faster than the server lets through.

        The first one of an answer says from which row on it answers: a new page, which hears what is sent to others
        as well, takes nothing before its own.
        """
        moment = time.monotonic()
        self._budget = min(_BURST_BYTES, self._budget + (moment - self._budget_at) * _BYTES_PER_SECOND)
        self._budget_at = moment
        self._budget -= len(batch.data)
        if self._budget < 0 and self._closed.wait(-self._budget / _BYTES_PER_SECOND):
            return
        told = {"type": "lines", "epoch": self.epoch, "first": batch.first, "count": batch.count, "base": batch.base_ms}
        self._send(told if answers is None else {**told, "answers": answers}, batch.data)
