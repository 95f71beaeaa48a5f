"""The HTTP transport: requests from declarations, errors as their class, streams that go on where they were."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from typing import Any

import pytest

from att.client.http import HttpTransport, is_loopback
from att.client.session import Session
from att.errors import Conflict, Invalid, NotFound, Unauthenticated, Unavailable
from att.operations import REGISTRY
from tests.client.scripted import Asked, Reply, ScriptedServer, health, scripted

PROBLEM = "application/problem+json"


def _page(*texts: str, cursor: str) -> dict[str, Any]:
    lines = [{"text": t, "stream": "stdout", "at": "2026-01-01T00:00:00Z", "run_id": "r1"} for t in texts]
    return {"lines": lines, "cursor": cursor, "has_more": False}


def _event(kind: str, value: Any, cursor: str = "") -> bytes:
    named = f"id: {cursor}\n" if cursor else ""
    return f"event: {kind}\n{named}data: {json.dumps(value)}\n\n".encode()


class Script:
    """Answers with the replies it was given, the last one for ever."""

    def __init__(self, *replies: Reply) -> None:
        self._replies = list(replies)

    def __call__(self, asked: Asked) -> Reply:
        return self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]


@pytest.fixture
def serve() -> Iterator[Any]:
    with ExitStack() as stack:

        def begin(*replies: Reply) -> tuple[ScriptedServer, Session]:
            server = stack.enter_context(scripted(Script(*replies)))
            return server, stack.enter_context(Session(HttpTransport(server.url, "secret")))

        yield begin


def test_arguments_travel_where_they_are_declared(serve: Any) -> None:
    server, session = serve(Reply(health()))
    for name, given in {
        "code.write": {"project": "demo", "path": "a b/ü.txt", "content": "x"},
        "event.list": {"kinds": ["runtime", "project"], "cursor": None, "limit": 5},
    }.items():
        with pytest.raises(Unavailable):
            session.call(name, given)
    write, events = server.asked
    assert (write.method, write.path) == ("PUT", "/api/v1/projects/demo/file?path=a+b%2F%C3%BC.txt")
    assert write.body == {"content": "x"}
    assert (events.method, events.path) == ("GET", "/api/v1/events?limit=5&kinds=runtime&kinds=project")
    assert {asked.headers["authorization"] for asked in server.asked} == {"Bearer secret"}


def test_wrong_arguments_are_refused_before_anything_is_sent(serve: Any) -> None:
    server, session = serve(Reply(health()))
    with pytest.raises(Invalid, match="limit"):
        session.events.list(limit=0)
    assert server.asked == []


def test_a_problem_document_is_raised_as_the_error_that_it_was(serve: Any) -> None:
    told = NotFound.named("project", "dmo", ["demo"])
    _, session = serve(Reply(told.to_problem(), 404, PROBLEM))
    with pytest.raises(NotFound) as caught:
        session.project("dmo")
    assert (str(caught.value), caught.value.details) == (str(told), told.details)


def test_last_lines_are_shown_below_the_message(serve: Any) -> None:
    problem = Conflict("No.", last_lines=[{"text": "boom"}, "bang"]).to_problem()
    _, session = serve(Reply(problem, 409, PROBLEM))
    with pytest.raises(Conflict) as caught:
        session.health()
    assert caught.value.__notes__ == ["Its last lines:\n  boom\n  bang"]


@pytest.mark.parametrize(
    ("reply", "error", "words"),
    [
        (Reply(b"<html>login", 403, "text/html"), Unauthenticated, "refused the token"),
        (Reply(b"", 302, "text/html"), Unauthenticated, "refused the token"),
        (Reply(b"<html>", 404, "text/html"), Unavailable, "ATT is not loaded there"),
        (Reply(b"bad gateway", 502, "text/plain"), Unavailable, "answered 502"),
        (Reply({"name": "other"}), Unavailable, "same version on both sides"),
    ],
)
def test_an_answer_that_is_not_atts_says_what_to_do(serve: Any, reply: Reply, error: type, words: str) -> None:
    _, session = serve(reply)
    with pytest.raises(error, match=words):
        session.health()


def test_a_field_that_a_newer_server_sends_is_ignored(serve: Any) -> None:
    _, session = serve(Reply(health(mood="good", version="0.9.0")))
    assert session.health().version == "0.9.0"


def test_a_server_that_is_gone_is_unavailable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/"
    with Session(HttpTransport(url)) as session, pytest.raises(Unavailable, match="connect again"):
        session.health()


def test_a_broken_stream_goes_on_from_its_cursor(serve: Any) -> None:
    def stream(*events: bytes) -> Reply:
        return Reply(b"retry: 1000\n\n" + b"".join(events), content_type="text/event-stream")

    server, session = serve(
        stream(_event("page", _page("one", "two", cursor="c2"), "c2")),
        stream(b"id: c3\n: still here\n\n"),
        stream(_event("page", _page("three", cursor="c4"), "c4"), _event("end", {})),
    )
    with session.handle("demo").logs.follow(tail=2) as lines:
        assert [line.text for line in lines] == ["one", "two", "three"]
        assert lines.cursor == "c4"
    assert [asked.headers.get("last-event-id") for asked in server.asked] == [None, "c2", "c3"]
    assert {asked.headers["accept"] for asked in server.asked} == {"text/event-stream"}


def test_a_problem_within_a_stream_is_raised(serve: Any) -> None:
    told = NotFound("The project was deleted.")
    body = _event("page", _page("one", cursor="c1"), "c1") + _event("problem", told.to_problem())
    _, session = serve(Reply(body, content_type="text/event-stream"))
    lines = session.handle("demo").logs.follow()
    assert next(lines).text == "one"
    with pytest.raises(NotFound, match="deleted"):
        next(lines)


def test_losses_between_pages_are_told(serve: Any, capsys: pytest.CaptureFixture[str]) -> None:
    page = {**_page("late", cursor="c1"), "truncated": True, "lost_bytes": 42}
    _, session = serve(Reply(_event("page", page, "c1") + _event("end", {}), content_type="text/event-stream"))
    assert [line.text for line in session.handle("demo").logs.follow()] == ["late"]
    assert capsys.readouterr() == ("", "ATT: 42 bytes before this line are gone.\n")


def test_following_ends_after_its_timeout(serve: Any) -> None:
    stream = Reply(_event("page", _page("one", cursor="c1"), "c1"), content_type="text/event-stream")
    server, session = serve(stream, Reply(b": still here\n\n", content_type="text/event-stream"))
    assert [line.text for line in session.handle("demo").logs.follow(timeout=0.5)] == ["one"]
    assert len(server.asked) > 1


def test_a_closed_following_is_over(serve: Any) -> None:
    body = _event("page", _page("one", "two", cursor="c1"), "c1")
    _, session = serve(Reply(body, content_type="text/event-stream"))
    lines = session.handle("demo").logs.follow()
    assert [line.text for line in islice(lines, 1)] == ["one"]
    lines.close()
    assert list(lines) == []


def test_exact_bytes_come_with_their_cursor(serve: Any) -> None:
    headers = {"ATT-Cursor": "r1:3", "ATT-Has-More": "true", "ATT-Lost-Bytes": "7"}
    _, session = serve(Reply(b"\xff\x00\n", content_type="application/octet-stream", headers=headers))
    raw = session.handle("demo").logs.raw()
    assert (raw.data, raw.cursor, raw.has_more, raw.lost_bytes) == (b"\xff\x00\n", "r1:3", True, 7)


def test_every_operation_can_be_asked_for_over_http(serve: Any) -> None:
    server, session = serve(Reply({"detail": "stop", "code": "conflict"}, 409, PROBLEM))
    samples = {
        "project": "demo",
        "id": "demo",
        "url": "http://example.org/a.zip",
        "path": "a",
        "content": "",
        "query": "x",
    }
    for operation in REGISTRY.values():
        given = {p.name: samples[p.name] for p in operation.wire_parameters if p.required and p.name in samples}
        if set(given) == {p.name for p in operation.wire_parameters if p.required}:
            with pytest.raises(Conflict, match="stop"):
                session.call(operation, given)
            assert "{" not in server.asked[-1].path


@pytest.mark.parametrize(
    ("url", "here"),
    [("http://localhost:1/", True), ("http://127.0.0.7:1/", True), ("http://[::1]:1/", True), ("http://hub/", False)],
)
def test_only_this_machine_is_reached_without_a_proxy(url: str, here: bool) -> None:
    assert is_loopback(url) is here
