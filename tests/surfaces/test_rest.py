"""REST without a server: what becomes of a request's arguments, and what is answered."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from att.errors import ATTError, Invalid, NotFound, TooLarge
from att.surfaces.rest import (
    Answer,
    Endpoint,
    MalformedBody,
    MethodNotAllowed,
    RestSurface,
    UnsupportedMediaType,
    body_limit,
    preferred,
    problem_answer,
    wants_events,
)
from tests.surfaces.sample import Numbers, call, sample_operations


@pytest.fixture
def numbers() -> Numbers:
    return Numbers()


@pytest.fixture
def surface() -> RestSurface:
    return RestSurface("/a%40b/api/v1", sample_operations())


@pytest.fixture
def ask(surface: RestSurface, numbers: Numbers) -> Callable[..., Answer]:
    def ask(method: str, path: str, body: Any = None, content_type: str = "application/json", **query: Any) -> Answer:
        found = surface.router.find(method, path)
        assert isinstance(found.target, Endpoint)
        raw = {
            name: [str(v).encode() for v in (value if isinstance(value, list) else [value])]
            for name, value in query.items()
        }
        data = b"" if body is None else json.dumps(body).encode()
        endpoint, values = found.target, found.values
        return surface.answer(
            call(numbers), lambda: endpoint.arguments(values, raw, data, content_type), endpoint, path
        )

    return ask


def told(answer: Answer) -> Any:
    return json.loads(answer.body)


def test_a_page_is_answered_with_typed_query_arguments(ask: Callable[..., Answer], numbers: Numbers) -> None:
    numbers.values = [1, 2, 3, 4]
    answer = ask("GET", "/sample/demo/numbers", cursor="1", limit=2, even="true", only=[5])
    assert (answer.status, answer.content_type) == (200, "application/json")
    assert told(answer) == {"cursor": "3", "has_more": True, "numbers": [2, 3], "lost": 0}
    assert numbers.calls == [{"cursor": "1", "tail": None, "only": [5], "even": True}]


def test_a_repeated_key_makes_a_list_and_is_refused_where_none_is_taken(
    ask: Callable[..., Answer], numbers: Numbers
) -> None:
    assert ask("GET", "/sample/demo/numbers", only=[1, 2]).status == 200
    assert numbers.calls[0]["only"] == [1, 2]
    assert ask("GET", "/sample/demo/numbers", limit=[1, 2]).status == 422


def test_what_was_made_is_201_and_what_was_begun_is_202_with_its_location(ask: Callable[..., Answer]) -> None:
    made = ask("POST", "/sample/demo/numbers", {"value": 4})
    assert (made.status, told(made), dict(made.headers)) == (201, {"value": 4}, {})
    begun = ask("POST", "/sample/demo/numbers", {"value": -4})
    assert begun.status == 202
    assert begun.headers == {"Location": "/a%40b/api/v1/sample/demo/counts/run-00000004"}
    read = ask("GET", begun.headers["Location"].removeprefix("/a%40b/api/v1"))
    assert (read.status, told(read)["state"]) == (200, "succeeded")


def test_arguments_that_were_not_given_are_not_passed_on(ask: Callable[..., Answer], numbers: Numbers) -> None:
    ask("POST", "/sample/demo/numbers", {"value": 4})
    ask("POST", "/sample/demo/numbers", {"value": 5, "label": "five"})
    assert numbers.calls == [{"value": 4}, {"value": 5, "label": "five"}]


@pytest.mark.parametrize(
    ("method", "query", "body", "named"),
    [
        ("GET", {"unknown": "1"}, None, "unknown"),
        ("POST", {}, {"value": 1, "unknown": 1}, "unknown"),
        ("POST", {}, {}, "value"),
        ("POST", {"value": "1"}, {}, "value"),
        ("POST", {}, {"value": 1, "wait": False}, "wait"),
        ("POST", {}, {"value": 1, "project": "other"}, "project"),
        ("GET", {"project": "other"}, None, "project"),
        ("GET", {"limit": "many"}, None, "limit"),
        ("GET", {"cursor": "x" * 300}, None, "cursor"),
    ],
)
def test_wrong_arguments_are_named(
    ask: Callable[..., Answer], method: str, query: dict[str, str], body: Any, named: str
) -> None:
    answer = ask(method, "/sample/demo/numbers", body, **query)
    assert (answer.status, answer.content_type) == (422, "application/problem+json")
    assert told(answer)["code"] == "invalid"
    assert named in told(answer)["detail"]


def test_a_declared_query_argument_of_a_put_travels_in_the_query(ask: Callable[..., Answer], numbers: Numbers) -> None:
    numbers.values = [1]
    assert ask("PUT", "/sample/demo/number", {"value": 9}, at=0).status == 200
    assert numbers.values == [9]
    assert ask("PUT", "/sample/demo/number", {"value": 9, "at": 0}).status == 422


@pytest.mark.parametrize(
    ("body", "content_type", "error"),
    [
        (b"{", "application/json", MalformedBody),
        (b"[1]", "application/json", MalformedBody),
        (b"null", "application/json", MalformedBody),
        (b'{"value": NaN}', "application/json", MalformedBody),
        (b'{"value": "\xff"}', "application/json", MalformedBody),
        (b'{"value": "\\ud800"}', "application/json", MalformedBody),
        (b"[" * 100_000, "application/json", MalformedBody),
        (b"<a/>", "application/xml", UnsupportedMediaType),
        (b"{}", "text/plain", UnsupportedMediaType),
        (b"--x", "multipart/form-data; boundary=x", UnsupportedMediaType),
        (b" " * 1001, "application/json", TooLarge),
    ],
)
def test_a_body_that_is_no_json_object_is_refused(
    surface: RestSurface, body: bytes, content_type: str, error: type[ATTError]
) -> None:
    limit = 1000 if error is TooLarge else 1 << 20
    with pytest.raises(error):
        surface.endpoints["sample.make"].arguments({"project": "demo"}, {}, body, content_type, limit)


@pytest.mark.parametrize("content_type", ["", "application/x-www-form-urlencoded", "application/merge-patch+json"])
def test_json_is_read_under_the_types_that_clients_put_on_it(surface: RestSurface, content_type: str) -> None:
    given = surface.endpoints["sample.make"].arguments({"project": "demo"}, {}, b'{"value": 1}', content_type)
    assert given == {"project": "demo", "value": 1}


def test_what_jupyter_reads_from_the_query_is_no_argument(ask: Callable[..., Answer]) -> None:
    assert ask("GET", "/sample/demo/numbers", token="x", no_track_activity="1", _xsrf="y").status == 200


def test_a_defect_is_told_without_its_details_and_logged_with_them(
    ask: Callable[..., Answer], caplog: pytest.LogCaptureFixture
) -> None:
    answer = ask("POST", "/sample/demo/numbers", {"value": 13})
    assert (answer.status, told(answer)["code"]) == (500, "internal")
    assert b"secret" not in answer.body
    assert "secret of the implementation" in caplog.text


def test_a_declared_error_keeps_its_code(ask: Callable[..., Answer], numbers: Numbers) -> None:
    numbers.values = [4]
    answer = ask("POST", "/sample/demo/numbers", {"value": 4})
    assert told(answer) == {
        "type": "urn:att:error:conflict",
        "title": "Conflict",
        "status": 409,
        "detail": "4 is there already.",
        "code": "conflict",
        "details": {},
        "instance": "/sample/demo/numbers",
    }


def test_an_unknown_path_and_an_unknown_method_are_told_apart(surface: RestSurface) -> None:
    for path in ("/nothing", "/sample/demo", "/sample/demo/numbers/more", "", "/", "/sample/hidden"):
        with pytest.raises(NotFound):
            surface.router.find("GET", path)
    with pytest.raises(MethodNotAllowed) as caught:
        surface.router.find("DELETE", "/sample/demo/numbers")
    assert problem_answer(caught.value).headers == {"Allow": "GET, POST"}


def test_path_segments_are_decoded_and_never_split_again(surface: RestSurface) -> None:
    assert surface.router.find("GET", "/sample/a%2Fb/numbers").values == {"project": "a/b"}
    with pytest.raises(Invalid):
        surface.router.find("GET", "/sample/%ff/numbers")


def test_the_largest_file_fits_into_a_body_however_it_is_escaped() -> None:
    file = "\x01" * 1000
    assert len(json.dumps({"content": file, "path": "p" * 4096})) <= body_limit(1000)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", (False, False)),
        ("*/*", (False, False)),
        ("text/event-stream", (True, True)),
        ("application/json, text/event-stream;q=0.9", (True, False)),
    ],
)
def test_the_accept_header_says_whether_to_follow(accept: str, expected: tuple[bool, bool]) -> None:
    assert wants_events(accept) == expected


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("image/png", "application/json"),
        ("text/csv", "text/csv"),
        ("TEXT/*", "text/csv"),
        ("text/csv;q=0.5, application/json", "application/json"),
        ("application/json;q=0.1, text/csv;q=0.9", "text/csv"),
        ("text/csv;q=0", "application/json"),
        ("text/csv;q=much", "application/json"),
        ("application/json, text/csv", "application/json"),
    ],
)
def test_a_result_comes_in_the_media_type_that_is_liked_best(accept: str, expected: str) -> None:
    assert preferred(accept, ("text/csv",)) == expected
    assert preferred(accept, ()) == "application/json"
