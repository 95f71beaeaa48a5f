"""Followed operations over server-sent events and WebSockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect
from traitlets.config import Config

from jupyter_ext import streams
from tests.jupyter_ext.inside.conftest import BASE, TOKEN, Fetch
from tests.jupyter_ext.inside.test_serving import make, until


class Reader:
    """Reads one event stream, as HTTP/1.0 so that the body comes as it is."""

    def __init__(self, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.head = head
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, client: Any, path: str, **headers: str) -> Reader:
        address = urlsplit(client.get_url(f"{BASE}api/v1{path}"))
        reader, writer = await asyncio.open_connection(address.hostname, address.port, limit=1 << 22)
        told = {"Host": address.netloc, "Authorization": f"token {TOKEN}", "Accept": "text/event-stream", **headers}
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in told.items())
        writer.write(f"GET {address.path}?{address.query} HTTP/1.0\r\n{lines}\r\n".encode())
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
        return cls(head.decode(), reader, writer)

    async def message(self) -> dict[str, str]:
        """Return the fields of the next message; comments under an empty name."""
        raw = await asyncio.wait_for(self._reader.readuntil(b"\n\n"), 20)
        return {
            name: value.removeprefix(" ")
            for name, _, value in (line.partition(":") for line in raw.decode().splitlines() if line)
        }

    async def event(self) -> dict[str, str]:
        """Return the next message with data."""
        while "data" not in (found := await self.message()):
            pass
        return found

    async def rest(self) -> bytes:
        """Return what comes until the server ends the stream."""
        found = await asyncio.wait_for(self._reader.read(), 20)
        await self.close()
        return found

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()


def append(att_app: Any, count: int, **data: Any) -> Any:
    """Write events from a worker thread, as managers do."""

    async def write() -> None:
        hosted = await att_app.host.hosted()
        for n in range(count):
            await asyncio.to_thread(hosted.workspace.events.append, "project.updated", project="demo", n=n, **data)

    return write()


def numbers(event: dict[str, str]) -> list[int]:
    return [e["data"]["n"] for e in json.loads(event["data"])["events"] if e["kind"] == "project.updated"]


async def test_events_are_sent_as_pages_that_resume(http_server_client: Any, att_app: Any) -> None:
    await append(att_app, 2)
    stream = await Reader.open(http_server_client, "/projects/demo/events?kinds=project.updated")
    assert stream.head.startswith("HTTP/1.1 200") or stream.head.startswith("HTTP/1.0 200")
    assert "text/event-stream" in stream.head
    assert "Etag" not in stream.head
    first = await stream.event()
    assert (first["event"], numbers(first)) == ("page", [0, 1])
    assert first["id"] == json.loads(first["data"])["cursor"]
    await append(att_app, 1)
    second = await stream.event()
    assert numbers(second) == [0]
    await stream.close()
    again = await Reader.open(
        http_server_client, "/projects/demo/events?kinds=project.updated", Last_Event_ID=first["id"]
    )
    assert (await again.event())["id"] == second["id"]
    await again.close()


async def test_a_long_sequence_arrives_whole_in_small_pages(http_server_client: Any, att_app: Any) -> None:
    await append(att_app, 50)
    stream = await Reader.open(http_server_client, "/projects/demo/events?kinds=project.updated&limit=7")
    seen: list[int] = []
    while len(seen) < 50:
        seen += numbers(await stream.event())
    assert seen == list(range(50))
    await stream.close()


async def test_silence_is_broken_by_heartbeats_that_carry_the_cursor(
    http_server_client: Any, att_app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT_SECONDS", 0.1)
    await append(att_app, 1)
    stream = await Reader.open(http_server_client, "/events?kinds=nothing")
    assert "retry" in await stream.message()
    beat = await stream.message()
    assert set(beat) == {"id", ""}
    await stream.close()


async def test_wrong_arguments_are_an_ordinary_problem(fetch: Fetch) -> None:
    sse = {"Accept": "text/event-stream"}
    assert (await fetch("GET", "/events", headers=sse, limit=0)).code == "invalid"
    assert (await fetch("GET", "/events", headers={**sse, "Last-Event-ID": "wrong"})).code == "invalid"
    assert (await fetch("GET", "/projects/none/runtime/logs", headers=sse)).code == "not_found"


async def test_what_cannot_be_followed_says_so(fetch: Fetch) -> None:
    refused = await fetch("GET", "/health", headers={"Accept": "text/event-stream"})
    assert (refused.status, refused.code) == (406, "not_supported")
    assert (await fetch("GET", "/health", headers={"Accept": "text/event-stream, */*"})).status == 200


async def test_an_error_on_the_way_is_an_event_and_ends_the_stream(
    http_server_client: Any, fetch: Fetch, tmp_path: Path
) -> None:
    await make(fetch, tmp_path)
    stream = await Reader.open(http_server_client, "/projects/demo/runtime/logs")
    assert "retry" in await stream.message()
    assert (await fetch("DELETE", "/projects/demo")).status == 200
    problem = await stream.event()
    assert (problem["event"], json.loads(problem["data"])["code"]) == ("problem", "not_found")
    assert await stream.rest() == b""


async def test_a_sequence_that_is_complete_ends(http_server_client: Any, fetch: Fetch, tmp_path: Path) -> None:
    await make(fetch, tmp_path)
    (tmp_path / "demo" / "a.txt").write_text("a")
    stream = await Reader.open(http_server_client, "/projects/demo/files")
    assert "a.txt" in (await stream.event())["data"]
    await stream.close()


async def test_a_reader_that_leaves_ends_its_stream(http_server_client: Any, att_app: Any) -> None:
    await append(att_app, 1)
    stream = await Reader.open(http_server_client, "/events")
    await stream.event()
    assert att_app.host.streams == 1
    await stream.close()

    async def ended() -> bool:
        return bool(att_app.host.streams == 0)

    await until(ended)


async def test_stopping_the_server_ends_streams_at_once(http_server_client: Any, att_app: Any) -> None:
    await append(att_app, 1)
    stream = await Reader.open(http_server_client, "/events")
    await stream.event()
    socket = await connect(http_server_client, "/projects/demo/ws", missing_is_fine=True)
    async with asyncio.timeout(5):
        await att_app.stop_extension()
        await stream.rest()
        if socket is not None:
            while await socket.read_message() is not None:
                pass
            socket.close()
    assert att_app.host.streams == 0


async def test_a_reader_that_does_not_read_does_not_hold_up_the_stop(http_server_client: Any, att_app: Any) -> None:
    await append(att_app, 60, text="x" * 500_000)
    stalled = await Reader.open(http_server_client, "/events")
    async with asyncio.timeout(5):
        await att_app.stop_extension()
    assert att_app.host.streams == 0
    await stalled.close()


@pytest.mark.parametrize("att_config", [Config({"ServerApp": {"tornado_settings": {"compress_response": True}}})])
async def test_a_server_that_compresses_leaves_streams_alone(http_server_client: Any, att_app: Any) -> None:
    await append(att_app, 1)
    stream = await Reader.open(http_server_client, "/events", Accept_Encoding="gzip")
    assert numbers(await stream.event()) == [0]
    assert "gzip" not in stream.head
    await stream.close()


async def test_a_reader_that_does_not_read_holds_up_nobody_but_itself(
    http_server_client: Any, att_app: Any, fetch: Fetch
) -> None:
    stalled = await Reader.open(http_server_client, "/events?limit=1")
    await append(att_app, 60, text="x" * 500_000)
    quick = await Reader.open(http_server_client, "/projects/demo/events?kinds=project.updated&limit=5")
    seen: list[int] = []
    while len(seen) < 60:
        seen += numbers(await quick.event())
    assert waiting_bytes(att_app) < 2_000_000
    await quick.close()
    seen = []
    while len(seen) < 60:
        seen += numbers(await stalled.event())
    assert seen == list(range(60))
    await stalled.close()


def waiting_bytes(att_app: Any) -> int:
    """Return what the server holds for readers that do not read."""
    import gc

    from tornado.iostream import IOStream

    return sum(len(o._write_buffer) for o in gc.get_objects() if isinstance(o, IOStream) and not o.closed())


async def connect(client: Any, path: str, missing_is_fine: bool = False) -> Any:
    url = client.get_url(f"{BASE}api/v1{path}").replace("http://", "ws://")
    try:
        return await websocket_connect(HTTPRequest(url, headers={"Authorization": f"token {TOKEN}"}))
    except HTTPClientError:
        if missing_is_fine:
            return None
        raise


async def test_a_socket_sends_events_and_logs_and_resumes(
    http_server_client: Any, fetch: Fetch, tmp_path: Path
) -> None:
    await make(fetch, tmp_path, command=["sh", "-c", "echo one; echo two >&2; sleep 1000"])
    await fetch("POST", "/projects/demo/runtime/start", {})
    socket = await connect(http_server_client, "/projects/demo/ws?logs=true")
    kinds: list[str] = []
    lines: list[str] = []
    cursors: dict[str, str] = {}
    async with asyncio.timeout(20):
        while not ({"project.created", "runtime.state"} <= set(kinds) and len(lines) == 2):
            message = json.loads(await socket.read_message())
            assert message["type"] == "page"
            cursors[message["operation"]] = message["page"]["cursor"]
            kinds += [e["kind"] for e in message["page"].get("events", [])]
            lines += [line["text"] for line in message["page"].get("lines", [])]
    assert sorted(lines) == ["one", "two"]
    socket.close()
    query = f"cursor={cursors['project.events']}&logs=true&log_cursor={cursors['runtime.logs']}"
    again = await connect(http_server_client, f"/projects/demo/ws?{query}")
    await fetch("POST", "/projects/demo/runtime/stop", {})
    message = json.loads(await asyncio.wait_for(again.read_message(), 20))
    assert message["operation"] == "project.events"
    assert "project.created" not in [e["kind"] for e in message["page"]["events"]]
    again.close()


async def test_a_socket_tells_what_is_wrong_before_it_opens(
    http_server_client: Any, fetch: Fetch, tmp_path: Path
) -> None:
    await make(fetch, tmp_path)
    for path, status in (
        ("/projects/none/ws", 404),
        ("/projects/demo/ws?cursor=wrong", 422),
        ("/projects/demo/ws?unknown=1", 422),
        ("/projects/demo/ws?logs=perhaps", 422),
    ):
        with pytest.raises(HTTPClientError) as caught:
            await connect(http_server_client, path)
        assert caught.value.code == status, path
    plain = await fetch("GET", "/projects/demo/ws")
    assert (plain.status, plain.code) == (400, "invalid")


async def test_one_socket_sends_the_events_of_all_projects_and_only_the_kinds_that_were_asked_for(
    http_server_client: Any, fetch: Fetch, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        settings = {"path": str(tmp_path / name), "command": ["sleep", "1000"]}
        assert (await fetch("POST", "/projects", {"id": name, **settings})).status == 201
    socket = await connect(http_server_client, "/ws?kinds=runtime&kinds=project.deleted&tail=1")
    for name in ("one", "two"):
        await fetch("POST", f"/projects/{name}/runtime/start", {})
        await fetch("DELETE", f"/projects/{name}")
    seen: set[tuple[str, str]] = set()
    async with asyncio.timeout(20):
        while not {("one", "project.deleted"), ("two", "project.deleted")} <= seen:
            message = json.loads(await socket.read_message())
            assert (message["type"], message["operation"]) == ("page", "event.list")
            seen |= {(event["project"], event["kind"]) for event in message["page"]["events"]}
    assert {("one", "runtime.state"), ("two", "runtime.state")} <= seen
    assert {kind.partition(".")[0] for _, kind in seen} == {"runtime", "project"}
    assert "project.created" not in {kind for _, kind in seen}
    socket.close()
    with pytest.raises(HTTPClientError) as caught:
        await connect(http_server_client, "/ws?unknown=1")
    assert caught.value.code == 422


async def test_a_socket_outlives_the_log_of_nothing_and_tells_of_a_deletion(
    http_server_client: Any, fetch: Fetch, tmp_path: Path
) -> None:
    await make(fetch, tmp_path)
    socket = await connect(http_server_client, "/projects/demo/ws?logs=true")
    await fetch("DELETE", "/projects/demo")
    async with asyncio.timeout(20):
        kinds: list[str] = []
        while "problem" not in kinds:
            kinds.append(json.loads(await socket.read_message())["type"])
    await socket.write_message("anything")
    socket.close()
