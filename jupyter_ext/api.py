"""The API's handlers: one for every operation and the routes written by hand, one for the WebSocket."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import ws_authenticated
from jupyter_server.base.websocket import WebSocketMixin
from tornado import web
from tornado.websocket import WebSocketHandler

from att.errors import ATTError
from jupyter_ext.handlers import ATTHandler, Refused
from jupyter_ext.streams import Gone, Leaving, follow, send_events, step

if TYPE_CHECKING:
    from att.surfaces.following import Follower
    from att.surfaces.handwritten import HandWritten, SocketArguments
    from att.surfaces.rest import Answer, Endpoint, Found
    from jupyter_ext.hosting import Hosted

__all__ = ["ApiHandler", "EventSocket", "ProjectSocket"]


class ApiHandler(ATTHandler):
    """Answers every path below `api/v1` but the WebSocket's."""

    SUPPORTED_METHODS = (*ATTHandler.SUPPORTED_METHODS, "TRACE")  # to refuse it with the right ones

    def initialize(self) -> None:
        self._leaving = Leaving(self.host)

    def on_connection_close(self) -> None:
        self._leaving.set()
        super().on_connection_close()

    async def _serve(self, *_: str) -> None:
        try:
            hosted = await self.host.hosted()
            path = self.request.path[len(self.host.base) :]
            found = hosted.surface.router.find(self.request.method or "", path)
            await self.authorize(found.target.action, found.target.domain)
            self.count_as_activity(found.target.action)
            await self._answer(hosted, found)
        except ATTError as error:
            self.send_problem(error)
        except Gone:
            self.finish()

    get = post = put = patch = delete = head = trace = web.authenticated(_serve)

    async def _answer(self, hosted: Hosted, found: Found[Endpoint | HandWritten]) -> None:
        from att.surfaces.rest import Endpoint, NotAcceptable, parse_query, validated, wants_events

        target = found.target
        if not isinstance(target, Endpoint):
            given = {**parse_query(self.request.query_arguments), **found.values}
            await self._hand_written(hosted, target, validated(target.arguments, given))
            return
        operation = target.operation
        if self.request.method == "GET":
            events, nothing_else = wants_events(self.request.headers.get("Accept", ""))
            if events and operation.followable:
                await self._follow(hosted, target, found.values)
                return
            if nothing_else:
                raise NotAcceptable(f"{operation.name} cannot be followed; ask for application/json.")
        self._send(
            await self.host.run(
                hosted.surface.answer,
                hosted.workspace.call,
                lambda: self._arguments(target, found.values),
                target,
                self.request.path,
                self.request.headers.get("Accept", ""),
                slow=operation.slow,
            )
        )

    def _arguments(self, target: Endpoint, values: dict[str, str]) -> dict[str, Any]:
        from att.surfaces.rest import body_limit

        request = self.request
        content_type = request.headers.get("Content-Type", "")
        limit = body_limit(self.host.settings.file_limit_bytes)
        return target.arguments(values, request.query_arguments, request.body, content_type, limit)

    def _send(self, answer: Answer) -> None:
        self.set_status(answer.status)
        for name, value in answer.headers.items():
            self.set_header(name, value)
        self.set_header("Cache-Control", "no-store")
        self.finish(answer.body, set_content_type=answer.content_type)

    async def _follow(self, hosted: Hosted, target: Endpoint, values: dict[str, str]) -> None:
        follower = hosted.follower(
            target.operation, self._arguments(target, values), self.request.headers.get("Last-Event-ID") or None
        )
        with self.host.streaming():
            await send_events(self, follower, self._leaving)
        self.finish(set_content_type="text/event-stream; charset=utf-8")

    async def _hand_written(self, hosted: Hosted, route: HandWritten, arguments: Any) -> None:
        from att.surfaces.rest import Answer

        if route.name == "openapi":
            self._send(Answer(200, await self.host.run(hosted.openapi)))
        elif route.name == "raw_log":
            self._send(await self.host.run(hosted.raw_log, arguments))
        elif route.name == "archive":
            with self.host.streaming():
                await self._send_blocks(
                    await self.host.run(hosted.archive, arguments.project), route, f"{arguments.project}.zip"
                )
        else:
            with self.host.streaming():
                await self._send_blocks(await self.host.run(hosted.history, arguments, slow=True), route)

    async def _send_blocks(self, blocks: Iterator[bytes], route: HandWritten, file: str | None = None) -> None:
        try:
            block = await self.host.follow(lambda: next(blocks, None))
            self.set_header("Content-Type", route.media_type)
            self.set_header("Cache-Control", "no-store")
            if file is not None:
                self.set_attachment_header(file)
            while block is not None:
                self.write(block)
                await self._leaving.during(self.flush())
                block = await self.host.follow(lambda: next(blocks, None))
        except (ATTError, OSError):
            if not self._headers_written:
                raise
            self.log.exception("%s broke off", self.request.path)
            self.detach().close()  # what was sent is not whole, and the reader must see that
            return
        finally:
            await self.host.follow(lambda: _close(blocks))
        self.finish(set_content_type=route.media_type)


def _close(blocks: Iterator[bytes]) -> None:
    close = getattr(blocks, "close", None)
    if close is not None:
        close()


class ProjectSocket(WebSocketMixin, WebSocketHandler, ATTHandler):  # pyright: ignore[reportIncompatibleMethodOverride]
    """Follows a project's events, and its log when asked, over one WebSocket.

    What is wrong with the request is told as a problem document before the connection is upgraded. A reader that is
    slow holds up its own pages only; what it sends is ignored.
    """

    def initialize(self) -> None:
        self._leaving = Leaving(self.host)
        self._followed: list[tuple[Follower, bytes | None]] = []

    async def prepare(self) -> None:  # type: ignore[override]
        await ATTHandler.prepare(self)

    @ws_authenticated
    async def get(self, *path: str) -> None:
        from att.surfaces.rest import MalformedBody

        try:
            if self.request.headers.get("Upgrade", "").lower() != "websocket":
                raise MalformedBody("This path speaks WebSocket; ask for an upgrade, or GET .../events instead.")
            await self._begin(await self.host.hosted(), *path)
        except ATTError as error:
            raise Refused(error) from error
        await super().get(*path)

    async def _begin(self, hosted: Hosted, *path: str) -> None:
        from att.surfaces.handwritten import SocketArguments
        from att.surfaces.rest import parse_query, validated

        given = {**parse_query(self.request.query_arguments), "project": path[0]}
        arguments = validated(SocketArguments, given)
        await self.authorize("read", "project")
        if arguments.logs:
            await self.authorize("read", "runtime")
        await self.host.run(hosted.call, "project.status", {"project": arguments.project})
        for follower in _followers(hosted, arguments):
            await self._take_up(follower)

    async def _take_up(self, follower: Follower) -> None:
        """Ask once, so that what is wrong is told before the upgrade."""
        self._followed.append((follower, await self.host.follow(lambda: step(follower))))

    def open(self, *args: Any, **kwargs: Any) -> None:
        super().open(*args, **kwargs)
        asyncio.ensure_future(self._send_all()).add_done_callback(self._sent_all)

    async def _send_all(self) -> None:
        with self.host.streaming():
            await asyncio.gather(*(self._send_pages(follower, first) for follower, first in self._followed))

    def _sent_all(self, sending: asyncio.Future[None]) -> None:
        error = None if sending.cancelled() else sending.exception()
        if error is not None and not isinstance(error, Gone):
            self.log.error("A WebSocket of ATT failed", exc_info=error)
        stopping = self.host.closing.is_set()
        self.close(1001 if stopping else 1000, "the server stops" if stopping else None)

    async def _send_pages(self, follower: Follower, first: bytes | None) -> None:
        name = follower.operation.name.encode()

        async def send(kind: str, data: bytes) -> None:
            value = b"" if kind == "end" else b',"' + kind.encode() + b'":' + data
            message = b'{"type":"' + kind.encode() + b'","operation":"' + name + b'"' + value + b"}"
            await self._leaving.during(self.write_message(message.decode()))

        await follow(self.host, self._leaving, follower, first, send)

    def on_message(self, message: str | bytes) -> None:
        """Take no notice: there is nothing to say on this socket."""

    def on_close(self) -> None:
        self._leaving.set()


class EventSocket(ProjectSocket):
    """Follows the events of all projects over one WebSocket; browsers allow few event streams to one host."""

    async def _begin(self, hosted: Hosted, *_: str) -> None:
        from att.operations import REGISTRY
        from att.surfaces.handwritten import EventSocketArguments
        from att.surfaces.rest import parse_query, validated

        given = parse_query(self.request.query_arguments, frozenset({"kinds"}))
        arguments = validated(EventSocketArguments, given)
        await self.authorize("read", "event")
        narrowed = arguments.model_dump(include={"kinds", "tail"}, exclude_none=True)
        await self._take_up(hosted.follower(REGISTRY["event.list"], narrowed, arguments.cursor))


def _followers(hosted: Hosted, arguments: SocketArguments) -> list[Follower]:
    from att.operations import REGISTRY

    wanted = []
    if arguments.events:
        wanted.append(("project.events", arguments.cursor, arguments.tail))
    if arguments.logs:
        wanted.append(("runtime.logs", arguments.log_cursor, arguments.log_tail))
    return [
        hosted.follower(REGISTRY[name], {"project": arguments.project, **({"tail": tail} if tail else {})}, cursor)
        for name, cursor, tail in wanted
    ]
