"""The event log is read from a cursor; it grows, but for kinds of which the newest are kept."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from att.errors import Invalid, NotFound
from att.events.kinds import EVENT_KINDS, KEPT_EVENTS
from att.events.manager import EventLog
from att.events.models import Event
from att.store import Store


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    store = Store(tmp_path / "att.db")
    events = EventLog(store)
    for project in ("a", "b", "a"):
        events.append("project.created", project=project)
    events.append("runtime.state", project="a", run_id="0190", old="stopped", new="starting")
    yield events
    store.close()


def ids(page: object) -> list[int]:
    return [event.id for event in page.events]  # type: ignore[attr-defined]


def test_a_reader_goes_on_from_the_cursor_and_misses_nothing(log: EventLog) -> None:
    first = log.read(limit=3)
    assert (ids(first), first.has_more) == ([1, 2, 3], True)
    second = log.read(first.cursor, limit=3)
    assert (ids(second), second.has_more) == ([4], False)
    log.append("project.deleted", project="b")
    assert ids(log.read(second.cursor)) == [5]


def test_an_empty_page_keeps_the_place(log: EventLog) -> None:
    assert log.read("4").cursor == "4"


def test_a_reader_of_a_log_that_is_gone_goes_on_with_what_comes(log: EventLog) -> None:
    page = log.read("4711", kinds=["project"])
    assert (page.events, page.cursor) == ([], "4")
    log.append("project.deleted", project="b")
    assert ids(log.read(page.cursor)) == [5]


def test_events_are_chosen_by_project_kind_group_and_tail(log: EventLog) -> None:
    assert ids(log.read(project="a")) == [1, 3, 4]
    assert ids(log.read(kinds=["runtime"])) == [4]
    assert ids(log.read(kinds=["project.created"], project="b")) == [2]
    assert ids(log.read(kinds=["runtim"])) == []
    assert ids(log.read(tail=2)) == [3, 4]
    assert ids(log.read(tail=2, project="a", kinds=["project"])) == [1, 3]


def test_events_of_a_deleted_project_stay_readable_and_of_an_unknown_one_are_not_found(log: EventLog) -> None:
    log.append("project.deleted", project="b")
    assert ids(log.read_project("b")) == [2, 5]
    assert log.read_project("b", kinds=["test"]).events == []
    with pytest.raises(NotFound, match=r"no project 'aa'. Did you mean 'a'\?"):
        log.read_project("aa")


def test_an_event_keeps_what_it_was_told(log: EventLog) -> None:
    event = log.read(tail=1).events[0]
    assert (event.kind, event.run_id, event.data) == ("runtime.state", "0190", {"old": "stopped", "new": "starting"})


@pytest.mark.parametrize("cursor", ["x", "-1", "1.5", "٣", "9" * 40])
def test_a_foreign_cursor_is_refused(log: EventLog, cursor: str) -> None:
    with pytest.raises(Invalid, match="not a cursor"):
        log.read(cursor)


def test_a_kind_that_is_not_declared_cannot_be_written(log: EventLog) -> None:
    with pytest.raises(KeyError):
        log.append("project.exploded")
    assert all(text.endswith(".") for text in EVENT_KINDS.values())


def test_listeners_hear_each_event_until_they_leave(log: EventLog) -> None:
    heard: list[Event] = []
    leave = log.subscribe(heard.append)
    told = log.append("project.deleted", project="b")
    leave()
    log.append("project.deleted", project="a")
    assert heard == [told]


def test_a_failing_listener_is_logged_and_harms_nobody(log: EventLog, caplog: pytest.LogCaptureFixture) -> None:
    heard: list[Event] = []
    log.subscribe(lambda _: 1 / 0)  # type: ignore[arg-type]
    log.subscribe(heard.append)
    with caplog.at_level(logging.ERROR, "att"):
        log.append("project.deleted", project="b")
    assert len(heard) == 1
    assert "project.deleted" in caplog.text


@pytest.mark.parametrize("kind", sorted(KEPT_EVENTS))
def test_the_newest_of_a_bounded_kind_are_kept_and_all_of_the_others(tmp_path: Path, kind: str) -> None:
    store = Store(tmp_path / "att.db")
    log = EventLog(store)
    log.append("project.created", project="a")
    with store.write() as connection:
        for number in range(KEPT_EVENTS[kind] + 350):
            log.write(connection, kind, project="a", number=number)
    kept = [event.data["number"] for event in log.read(kinds=[kind], limit=10_000).events]
    assert KEPT_EVENTS[kind] <= len(kept) < KEPT_EVENTS[kind] + 100
    assert kept == list(range(kept[0], KEPT_EVENTS[kind] + 350)), "the newest, without a hole"
    EventLog(store).append(kind, number=-1)
    assert len(log.read(kinds=[kind], limit=10_000).events) == KEPT_EVENTS[kind], "a new process prunes at once"
    assert [event.kind for event in log.read("0", limit=1).events] == ["project.created"]
    store.close()


def test_bounded_kinds_are_kinds() -> None:
    assert EVENT_KINDS.keys() > KEPT_EVENTS.keys()
