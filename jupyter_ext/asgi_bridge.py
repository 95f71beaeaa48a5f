"""Passes a Tornado request to an ASGI application and its answer back, streams included."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from tornado.iostream import StreamClosedError
from tornado.web import RequestHandler

__all__ = ["ASGIApp", "Exchange"]

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
ASGIApp = Callable[[Scope, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]

_HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization te trailer transfer-encoding upgrade".split()
)
_KEPT_HERE = frozenset(("authorization", "cookie"))
"""What says who calls stays with Tornado, which has looked at it."""


class Exchange:
    """One request that an ASGI application answers through a handler.

    The application hears of a disconnect when the reader has left and when the server stops (`leave`); what it sends
    after that is dropped. A body in one piece is sent with its length, anything else as it comes: each piece is
    waited for, so that a slow reader holds up its own answer only.
    """

    def __init__(self, handler: RequestHandler, extra: Scope | None = None) -> None:
        self._handler = handler
        self._extra = extra or {}
        self._gone = asyncio.Event()
        self._received = False
        self._ended = False

    def leave(self) -> None:
        """Tell the application that nobody reads any more."""
        self._gone.set()

    async def run(self, app: ASGIApp) -> None:
        """Answer the request. Raises what the application raises before its answer has begun."""
        await app(self._scope(), self._receive, self._send)
        if not self._ended and not self._gone.is_set():
            raise RuntimeError("the application ended without an answer")

    def _scope(self) -> Scope:
        request = self._handler.request
        connection = getattr(request.connection, "context", None)
        address = getattr(connection, "address", None)
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": request.version.removeprefix("HTTP/"),
            "method": request.method,
            "scheme": request.protocol,
            "path": request.path,
            "raw_path": request.path.encode("latin-1"),
            "query_string": b"",
            "root_path": "",
            "headers": [
                (name.lower().encode("latin-1"), value.encode("latin-1"))
                for name, value in request.headers.get_all()
                if name.lower() not in _KEPT_HERE
            ],
            "client": address[:2] if isinstance(address, tuple) else None,
            "server": None,
            **self._extra,
        }

    async def _receive(self) -> Message:
        if not self._received:
            self._received = True
            return {"type": "http.request", "body": self._handler.request.body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if self._gone.is_set() or self._ended:
            return
        if message["type"] == "http.response.start":
            await self._begin(message)
        elif message["type"] == "http.response.body":
            await self._write(message.get("body", b""), more=message.get("more_body", False))

    async def _begin(self, message: Message) -> None:
        handler = self._handler
        handler.set_status(message["status"])
        handler.clear_header("Content-Type")
        for name, value in message.get("headers", ()):
            if name.lower() not in _HOP_BY_HOP and name.lower() != b"content-length":
                handler.add_header(name.decode("latin-1"), value.decode("latin-1"))
        if not handler._headers.get("Cache-Control"):
            handler.set_header("Cache-Control", "no-store")
        # Tornado's gzip would hold back what is streamed.
        handler.set_header("Content-Encoding", "identity")
        if handler._headers.get("Content-Type", "").startswith("text/event-stream"):
            await self._write(b"", more=True)  # the reader waits for the head; the first event may be long in coming

    async def _write(self, body: bytes, *, more: bool) -> None:
        handler = self._handler
        try:
            if not more:
                self._ended = True
                handler.finish(body or None)
            else:
                handler.write(body)
                await self._flushed(asyncio.ensure_future(handler.flush()))
        except StreamClosedError:
            self.leave()

    async def _flushed(self, flushing: asyncio.Future[Any]) -> None:
        """Wait until the piece is taken, or until nobody takes it any more."""
        if flushing.done():
            flushing.result()
            return
        gone: asyncio.Future[Any] = asyncio.ensure_future(self._gone.wait())
        try:
            await asyncio.wait({flushing, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
        if flushing.done():
            flushing.result()
        else:
            flushing.add_done_callback(lambda late: late.cancelled() or late.exception())
