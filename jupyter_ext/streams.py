"""Followed operations over server-sent events and WebSockets, as fast as the reader reads and no faster."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketClosedError

from att.errors import ATTError, Internal
from jupyter_ext.hosting import Host

if TYPE_CHECKING:
    from att.surfaces.following import Follower
    from jupyter_ext.handlers import ATTHandler

__all__ = ["HEARTBEAT_SECONDS", "Gone", "Leaving", "event_message", "send_events"]

HEARTBEAT_SECONDS = 15.0
_DONE = (StreamClosedError, WebSocketClosedError)


class Gone(Exception):
    """The reader has left, or the server stops."""


class Leaving:
    """Tells a stream that its reader has left or that the server stops."""

    def __init__(self, host: Host) -> None:
        self._left = asyncio.Event()
        self._host = host

    def set(self) -> None:
        self._left.set()

    def is_set(self) -> bool:
        return self._left.is_set() or self._host.closing.is_set()

    async def during(self, work: Awaitable[object]) -> None:
        """Wait for `work`. Raises Gone as soon as the reader has left or the server stops."""
        await self._race(asyncio.ensure_future(work), None)

    async def pause(self, seconds: float) -> None:
        """Wait so long. Raises Gone as soon as the reader has left or the server stops."""
        await self._race(None, seconds)

    async def _race(self, work: asyncio.Future[object] | None, seconds: float | None) -> None:
        if self.is_set():
            raise Gone
        ends: list[asyncio.Future[Any]] = [asyncio.ensure_future(e.wait()) for e in (self._left, self._host.closing)]
        waited = [*ends, work] if work is not None else ends
        try:
            await asyncio.wait(waited, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()
        if work is not None:
            _take(work)
        if self.is_set():
            raise Gone


def _take(work: asyncio.Future[object]) -> None:
    """Take the result, or see to it that nobody complains when it fails later. Raises Gone for a closed connection."""
    if not work.done():
        work.add_done_callback(lambda late: late.cancelled() or late.exception())
        return
    try:
        work.result()
    except _DONE:
        raise Gone from None


def event_message(kind: str, data: bytes, cursor: str | None) -> bytes:
    """Return one server-sent event; JSON has no raw line breaks, so one data line holds it."""
    name = b"event: " + kind.encode() + b"\n"
    return name + (b"id: " + cursor.encode() + b"\n" if cursor else b"") + b"data: " + data + b"\n\n"


async def follow(
    host: Host,
    leaving: Leaving,
    follower: Follower,
    first: bytes | None,
    send: Callable[[str, bytes], Awaitable[None]],
    beat: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Send each page with news as `page`, then `end` or `problem`; `beat` is called now and then in silence.

    The next page is read only when the one before has been taken by the reader. Raises Gone.
    """
    loop = asyncio.get_running_loop()
    page, quiet_since = first, loop.time()
    while True:
        if page is not None:
            await send("page", page)
            quiet_since = loop.time()
        elif beat is not None and loop.time() - quiet_since >= HEARTBEAT_SECONDS:
            await beat()
            quiet_since = loop.time()
        if follower.ended:
            return await send("end", b"{}")
        await leaving.pause(follower.pause_seconds)
        try:
            page = await host.follow(lambda: step(follower))
        except ATTError as error:
            return await send("problem", _problem(error))
        except Exception:
            host.log.exception("Following %s failed", follower.operation.name)
            return await send("problem", _problem(Internal("ATT failed; the server's log says where.")))


def _problem(error: ATTError) -> bytes:
    return json.dumps(error.to_problem(), default=str).encode()


def step(follower: Follower) -> bytes | None:
    """Ask once and serialise the page, both away from the event loop."""
    page = follower.step()
    return None if page is None else follower.operation.result_adapter.dump_json(page)


async def send_events(handler: ATTHandler, follower: Follower, leaving: Leaving) -> None:
    """Answer a GET with an event stream. What the first step raises becomes an ordinary problem document."""
    host = handler.host
    first = await host.follow(lambda: step(follower))
    handler.set_header("Content-Type", "text/event-stream; charset=utf-8")
    handler.set_header("Cache-Control", "no-store")
    handler.set_header("X-Accel-Buffering", "no")
    handler.set_header("Content-Encoding", "identity")  # keeps Tornado's gzip, which buffers, away

    async def write(data: bytes) -> None:
        handler.write(data)
        await leaving.during(handler.flush())

    async def send(kind: str, data: bytes) -> None:
        await write(event_message(kind, data, follower.cursor if kind == "page" else None))

    async def beat() -> None:
        await write((f"id: {follower.cursor}\n" if follower.cursor else "").encode() + b": still here\n\n")

    try:
        await write(b"retry: 1000\n\n")
        await follow(host, leaving, follower, first, send, beat)
    except Gone:
        pass
