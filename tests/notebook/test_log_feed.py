"""The feed of a log view: numbered rows, none twice, every hole marked, and sent as soon as pages can hear them."""

from __future__ import annotations

import sys
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from att.client.discovery import named_server
from att.client.project import ProjectHandle
from att.client.session import Session
from att.client.transports import InProcessTransport
from att.errors import Unavailable
from att.notebook.batches import Batch, Row, pack, unpack
from att.notebook.feed import FeedState, LogFeed
from att.operations import Operation
from att.settings import load_settings
from att.workspace import Workspace
from tests.support.jupyter import jupyter_server
from tests.support.waiting import eventually

FLOOD = """
import os, time
print('first', flush=True)
while not os.path.exists('go'):
    time.sleep(0.02)
for _ in range(40000):
    print('x' * 1000)
"""
HALTING = """
import os, time
print('before', flush=True)
while not os.path.exists('go'):
    time.sleep(0.02)
print('after')
"""
COUNTING = "for i in range({count}): print('line', i, flush=True)"


class Page:
    """What a page does with what it is sent: keeps the rows by number, and notices what came twice."""

    def __init__(self) -> None:
        self.rows: dict[int, Row] = {}
        self.batches: list[Batch] = []
        self.states: list[FeedState] = []

    def send(self, told: dict[str, Any], data: bytes) -> None:
        batch = Batch(told["first"], told["count"], told["base"], data)
        self.batches.append(batch)
        for number, row in enumerate(unpack(batch), batch.first):
            self.rows.setdefault(number, row)

    def tell(self, kind: FeedState, _text: str) -> None:
        self.states.append(kind)

    def lines(self) -> list[str]:
        return [row.text for _, row in sorted(self.rows.items()) if row.kind == "line"]

    def kinds(self) -> list[str]:
        return [row.kind for _, row in sorted(self.rows.items())]


class Breaking(InProcessTransport):
    """A real workspace behind a connection that breaks when it is asked for certain operations."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        self.breaks: list[str] = []
        """Operations that fail, each once."""

    def call(self, operation: Operation, given: Mapping[str, Any]) -> Any:
        if operation.name in self.breaks:
            self.breaks.remove(operation.name)
            raise Unavailable("The connection broke.")
        return super().call(operation, given)


@contextmanager
def _feed(
    project: ProjectHandle, page: Page, *, keep: int = 20_000, start: bool = True, follow: bool = True
) -> Iterator[LogFeed]:
    feed = LogFeed(project.session, {"project": project.id}, keep, page.send, page.tell)
    with closing(feed):
        feed.read(2000)
        if start:
            feed.start(follow=follow)
        yield feed


@pytest.fixture
def printer(s: Session, tmp_path: Path) -> Iterator[ProjectHandle]:
    """A project that prints 500 numbered lines and ends."""
    code = COUNTING.format(count=500)
    project = s.project(f"p{uuid.uuid4().hex[:8]}", path=tmp_path, command=[sys.executable, "-c", code])
    yield project
    project.delete()


def _ended(project: ProjectHandle) -> bool:
    return project.runtime.status().state == "exited"


def _run_once(project: ProjectHandle) -> str | None:
    """Run the project to its end, and return the run's id."""
    begun = project.runtime.start()
    told = project.runtime.runs
    eventually(lambda: any(run.run_id == begun.run_id and run.state == "exited" for run in told().runs))
    eventually(lambda: _ended(project))
    return begun.run_id


def test_rows_come_back_from_a_batch_as_they_were() -> None:
    rows = [Row("plain", 1000, 0), Row("ünï \x1b[31mred\x1b[0m", 1002, 1), Row("", 1002, 2), Row("run", 1001, 4)]
    assert unpack(pack(rows, 7)) == rows


def test_a_page_that_asks_gets_what_was_before_and_what_comes(printer: ProjectHandle) -> None:
    page = Page()
    with _feed(printer, page) as feed:
        feed.hello(None, None)
        printer.runtime.start()
        eventually(lambda: len(page.lines()) == 500)
    assert page.lines() == [f"line {i}" for i in range(500)]
    assert page.kinds()[0] == "run"
    assert "live" in page.states


def test_a_page_that_cannot_speak_yet_gets_everything_unasked_and_what_comes(printer: ProjectHandle) -> None:
    page = Page()
    _run_once(printer)
    with _feed(printer, page) as feed:
        assert page.batches == []
        eventually(lambda: len(page.lines()) == 500)
        printer.runtime.start()
        eventually(lambda: len(page.lines()) == 1000)
        eventually(lambda: _times_sent(page, 0) >= 2)  # in case the page was still loading
        feed.hello(feed.epoch, feed.received)
        sent = len(page.batches)
        feed.hello(feed.epoch, feed.received - 1)
        eventually(lambda: len(page.batches) > sent)
        assert all(batch.first + batch.count == feed.received for batch in page.batches[sent:])


def test_a_view_that_does_not_follow_is_drawn_in_a_page_that_cannot_speak_yet(printer: ProjectHandle) -> None:
    page = Page()
    _run_once(printer)
    with _feed(printer, page, follow=False):
        eventually(lambda: len(page.lines()) == 500)


def _times_sent(page: Page, number: int) -> int:
    return sum(batch.first <= number < batch.first + batch.count for batch in page.batches)


def test_a_second_page_gets_everything_and_the_first_one_nothing_new(printer: ProjectHandle) -> None:
    page = Page()
    with _feed(printer, page) as feed:
        feed.hello(None, None)
        printer.runtime.start()
        eventually(lambda: len(page.lines()) == 500)
        before = dict(page.rows)
        sent = len(page.batches)
        feed.hello(None, None)
        eventually(lambda: sum(batch.count for batch in page.batches[sent:]) >= 501)
    assert page.rows == before


def test_a_page_that_missed_rows_gets_exactly_the_rest(printer: ProjectHandle) -> None:
    page = Page()
    printer.runtime.start()
    eventually(lambda: _ended(printer))
    with _feed(printer, page, follow=False) as feed:
        feed.hello(feed.epoch, 400)
        eventually(lambda: page.rows.keys() >= set(range(400, 501)))


def test_only_the_end_is_kept_for_later_pages(printer: ProjectHandle) -> None:
    page = Page()
    with _feed(printer, page, keep=100) as feed:
        for _ in range(3):
            _run_once(printer)
        eventually(lambda: feed.received >= 1500)
        assert len(feed.tail(10_000)) < 1500
        assert feed.tail(1)[0].text == "line 499"


def test_runs_are_separated_and_the_end_of_the_one_before_is_told(printer: ProjectHandle) -> None:
    page = Page()
    with _feed(printer, page) as feed:
        feed.hello(None, None)
        for runs in (1, 2):
            _run_once(printer)
            eventually(lambda runs=runs: len(page.lines()) == 500 * runs)  # type: ignore[misc]
    marks = [row for _, row in sorted(page.rows.items()) if row.kind != "line"]
    assert [row.kind for row in marks] == ["run", "note", "run"]
    assert "0" in marks[1].text or "ended" in marks[1].text.lower()


def test_a_connection_that_breaks_where_a_run_begins_doubles_no_line(tmp_path: Path) -> None:
    transport = Breaking(Workspace(tmp_path / "data"))
    with Session(transport) as s:
        p = s.project("twice", path=tmp_path, command=[sys.executable, "-c", HALTING])
        page = Page()
        begun = p.runtime.start()
        eventually(lambda: p.logs.read().lines)
        feed = LogFeed(s, {"project": p.id}, 1000, page.send, page.tell)
        feed.read(10)
        (tmp_path / "go").touch()
        eventually(lambda: _ended(p))
        assert _run_once(p) != begun.run_id
        transport.breaks.append("runtime.runs")  # in the middle of a page: the end of a run, and the next one
        with closing(feed):
            feed.hello(None, None)
            feed.start()
            eventually(lambda: len(page.lines()) >= 4)
        assert ("lost" in page.states, transport.breaks) == (True, [])
        p.delete()
    assert page.lines() == ["before", "after", "before", "after"]
    assert page.kinds() == ["run", "line", "line", "note", "run", "line", "line"]


def test_output_that_was_rotated_away_is_marked_where_it_is_missing(tmp_path: Path) -> None:
    settings = load_settings(log_limit_bytes=1 << 20)
    with Session(InProcessTransport(Workspace(tmp_path / "data", settings=settings))) as s:
        p = s.project("big", path=tmp_path, command=[sys.executable, "-c", FLOOD])
        page = Page()
        p.runtime.start()
        eventually(lambda: p.logs.read().lines)
        with _feed(p, page, start=False) as feed:
            feed.hello(None, None)
            (tmp_path / "go").touch()
            eventually(lambda: _ended(p), timeout=60)
            feed.start()
            eventually(lambda: feed.received > 500 and "gap" in page.kinds())
        p.delete()
    kinds = page.kinds()
    assert kinds[: kinds.index("gap")] == ["run", "line"]
    assert "are gone" in next(row.text for row in page.rows.values() if row.kind == "gap")


def test_closing_ends_the_thread_at_once_although_nothing_comes(printer: ProjectHandle) -> None:
    with _feed(printer, Page()):
        eventually(lambda: [t for t in threading.enumerate() if t.name == "att-log-feed"])
    assert [t for t in threading.enumerate() if t.name == "att-log-feed"] == []


def test_a_log_of_a_project_that_is_deleted_stays_readable_and_goes_on_when_it_is_made_again(
    printer: ProjectHandle,
) -> None:
    page, later = Page(), Page()
    _run_once(printer)
    with _feed(printer, page) as feed:
        feed.hello(None, None)
        eventually(lambda: len(page.lines()) == 500)
        settings = printer.status().project
        printer.delete()
        eventually(lambda: page.states[-1] == "lost")
        feed._send = later.send
        feed.hello(None, None)
        eventually(lambda: later.lines() == page.lines())
        assert later.kinds()[-1] == "line", "nothing is said of what follows before it does"
        printer.session.project(printer.id, path=settings.path, command=settings.command)
        _run_once(printer)
        eventually(lambda: len(later.lines()) == 1000)
        eventually(lambda: page.states[-1] == "live")
    assert later.kinds() == ["run", *["line"] * 500, "note", "run", *["line"] * 500]


def test_a_lost_server_is_told_and_its_return_goes_on_without_repeating(tmp_path: Path) -> None:
    code = "import time\nfor i in range(10**6): print('line', i, flush=True); time.sleep(0.02)"
    options = ("--IdentityProvider.token=same",)
    page = Page()
    with jupyter_server(tmp_path, *options) as first:
        port = first.url.split(":")[2].split("/")[0]
        s = named_server(first.url, "same", "the tests'")
        p = s.project("ticker", path=tmp_path, command=[sys.executable, "-u", "-c", code])
        p.runtime.start()
        feed = LogFeed(s, {"project": "ticker"}, 100_000, page.send, page.tell)
        feed.read(2000)
        feed.hello(None, None)
        feed.start()
        eventually(lambda: len(page.lines()) > 20)
        first.kill()
        eventually(lambda: "lost" in page.states)
    seen = len(page.lines())
    with jupyter_server(tmp_path, *options, f"--ServerApp.port={port}"), s, closing(feed):
        eventually(lambda: len(page.lines()) > seen + 20, timeout=60)
        p.delete()
    numbers = [int(line.split()[1]) for line in page.lines()]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
