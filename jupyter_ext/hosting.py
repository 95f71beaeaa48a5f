"""Hosts the workspace in the server: opens it beside the event loop, calls it in bounded pools, closes it in order."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from att.errors import ATTError, Unavailable
from att.settings import ATT
from jupyter_ext.pools import Pool

if TYPE_CHECKING:
    from att.operations import Operation
    from att.surfaces.following import Follower
    from att.surfaces.handwritten import HistoryArguments, RawLogArguments
    from att.surfaces.rest import Answer, RestSurface
    from att.workspace import Workspace

__all__ = ["Host", "Hosted"]

CLOSING_SECONDS = 10.0
"""How long the workspace may take to close when the server stops."""
CALLS_SECONDS = 0.5
"""How long running calls and streams may take to end before that; a stop goes on without who waits for it."""
FOLLOWING_THREADS = 4
_ALIVE = frozenset({"starting", "running", "stopping", "backoff"})
T = TypeVar("T")


class Hosted:
    """What is there once the workspace is open. Its methods block: they are called in worker threads."""

    def __init__(self, workspace: Workspace, surface: RestSurface) -> None:
        self.workspace = workspace
        self.surface = surface
        self._openapi: bytes | None = None

    def call(self, name: str, given: Mapping[str, Any]) -> Any:
        """Run the operation of that name."""
        return self.workspace.call(_registry()[name], given)

    def follower(self, operation: Operation, given: Mapping[str, Any], cursor: str | None) -> Follower:
        """Begin to follow an operation."""
        from att.surfaces.following import Follower

        interval = self.workspace.settings.follow_seconds
        return Follower(self.workspace.call, operation, given, cursor=cursor, interval_seconds=interval)

    def openapi(self) -> bytes:
        """Return the OpenAPI document; it is built once."""
        from att.surfaces.openapi import openapi_document

        if self._openapi is None:
            self._openapi = json.dumps(openapi_document(self.surface.base)).encode()
        return self._openapi

    def raw_log(self, arguments: RawLogArguments) -> Answer:
        """Return exact bytes of a log, and what a page tells beside its lines as headers."""
        from att.surfaces.rest import Answer

        page = self.workspace.runtime.raw_logs(
            arguments.project, arguments.cursor, arguments.max_bytes, run=arguments.run, stream=arguments.stream
        )
        told = {
            "ATT-Cursor": page.cursor,
            "ATT-Has-More": str(page.has_more).lower(),
            "ATT-Truncated": str(page.truncated).lower(),
            "ATT-Lost-Bytes": None if page.lost_bytes is None else str(page.lost_bytes),
            "ATT-Run-Changed": str(page.run_changed).lower(),
            "ATT-Run-Id": page.run_id,
        }
        headers = {name: value for name, value in told.items() if value is not None}
        return Answer(200, page.data, "application/octet-stream", headers)

    def archive(self, project: str) -> Iterator[bytes]:
        """Return the project's folder as the blocks of a zip archive."""
        return self.workspace.projects.archive(project)

    def history(self, arguments: HistoryArguments) -> Iterator[bytes]:
        """Return a part of a test history as the blocks of an Arrow stream."""
        return self.workspace.test_history.read(**arguments.model_dump())


class Host:
    """Owns the workspace, its threads and the streams.

    Everything here is called from the event loop, except `_build`. Closing order: no new calls; streams end; running
    calls get `CALLS_SECONDS`; the workspace closes (and stops the projects when that is set); the pools are given
    up. The workspace is opened once, by `begin`: when the server has started, or with the first request in a
    server that has no start hook (as in tests). Every request waits for it.
    """

    def __init__(
        self,
        settings: ATT,
        base: str,
        instance_id: str,
        log: logging.Logger | logging.LoggerAdapter[Any],
        begin: Callable[[], None],
    ) -> None:
        self.settings = settings
        self.base = base
        self.instance_id = instance_id
        self.closing = asyncio.Event()
        self.log = log
        self._begin = begin
        self._opened: asyncio.Future[Hosted] | None = None
        self._running: set[asyncio.Future[Any]] = set()
        self._streams: set[asyncio.Task[Any]] = set()
        self._calls = Pool(settings.worker_threads, "att-call")
        self._slow = Pool(settings.worker_threads, "att-slow")
        self._following = Pool(FOLLOWING_THREADS, "att-follow")

    def open(self, url: str, before: Callable[[], None]) -> asyncio.Future[Hosted]:
        """Begin to build the workspace in a thread, after calling `before` there."""
        self._opened = asyncio.ensure_future(self._open(url, before))
        self._opened.add_done_callback(_retrieved)
        return self._opened

    async def _open(self, url: str, before: Callable[[], None]) -> Hosted:
        try:
            return await self.run(self._build, url, before)
        except ATTError as error:
            self.log.error("ATT cannot open its workspace: %s", error)  # noqa: TRY400 - the sentence says it all
            raise
        except Exception as error:
            self.log.exception("ATT cannot open its workspace")
            raise Unavailable(
                f"ATT could not open {self.settings.data_path}: {error}. Correct that and restart the server."
            ) from error

    def _build(self, url: str, before: Callable[[], None]) -> Hosted:
        before()
        from att.surfaces.rest import RestSurface
        from att.workspace import Workspace

        surface = RestSurface(self.base)
        workspace = Workspace(settings=self.settings, kind="server", url=url)
        workspace.system.instance_id = self.instance_id
        return Hosted(workspace, surface)

    async def hosted(self) -> Hosted:
        """Wait for the workspace. Raises Unavailable while stopping, and when it could not be opened."""
        if self.closing.is_set():
            raise Unavailable("The server is stopping.")
        if self._opened is None:
            self._begin()
        assert self._opened is not None, "begin() calls open()"
        if not self._opened.done():
            await asyncio.wait({self._opened})
        return self._result(self._opened)

    @staticmethod
    def _result(opened: asyncio.Future[Hosted]) -> Hosted:
        try:
            return opened.result()
        except ATTError as error:
            raise Unavailable(f"ATT's workspace is not open: {error}", cause=error.code) from error
        except asyncio.CancelledError:
            raise Unavailable("The server is stopping.") from None

    async def run(self, function: Callable[..., T], *args: Any, slow: bool = False) -> T:
        """Call a blocking function in a worker thread; one that takes seconds has its own pool."""
        return await self._in(self._slow if slow else self._calls, function, *args)

    async def follow(self, function: Callable[[], T]) -> T:
        """Call one step of a follower, apart from the calls that people wait for."""
        return await self._in(self._following, function)

    def _in(self, pool: Pool, function: Callable[..., T], *args: Any) -> Awaitable[T]:
        if self.closing.is_set():
            raise Unavailable("The server is stopping.")
        future = asyncio.get_running_loop().run_in_executor(pool, function, *args)
        self._running.add(future)
        future.add_done_callback(self._running.discard)
        return future

    @contextmanager
    def streaming(self) -> Iterator[None]:
        """Count the running task as a stream, which closing waits for."""
        task = asyncio.current_task()
        assert task is not None
        self._streams.add(task)
        try:
            yield
        finally:
            self._streams.discard(task)

    @property
    def streams(self) -> int:
        """How many streams are being sent."""
        return len(self._streams)

    async def close(self) -> None:
        """Let go of everything within bounded time; closing twice does nothing more."""
        if self.closing.is_set():
            return
        self.closing.set()
        unfinished = {*self._running, *self._streams}
        if unfinished:
            await asyncio.wait(unfinished, timeout=CALLS_SECONDS)
        opened = self._opened
        if opened is not None and opened.done() and not opened.cancelled() and opened.exception() is None:
            await self._close_workspace(opened.result().workspace)
        for pool in (self._calls, self._slow, self._following):
            pool.shutdown(wait=False, cancel_futures=True)

    async def _close_workspace(self, workspace: Workspace) -> None:
        """Close it; stopping the projects, when that is set, takes as long as their grace periods say."""
        patience = None if self.settings.stop_on_shutdown else CLOSING_SECONDS
        closing = asyncio.get_running_loop().run_in_executor(self._calls, workspace.close)
        done, _ = await asyncio.wait({closing}, timeout=patience)
        if not done:
            self.log.warning("ATT's workspace did not close within %g s; left as it is", CLOSING_SECONDS)
        elif closing.exception() is not None:
            self.log.error("ATT's workspace did not close cleanly", exc_info=closing.exception())


def living(workspace: Workspace) -> list[Any]:
    """Return the status of every project that has a process, or soon will have one again."""
    found: list[Any] = []
    cursor: str | None = None
    while True:
        page = workspace.call(_registry()["project.list"], {"cursor": cursor, "limit": 1000})
        found += [status for status in page.projects if status.runtime.state in _ALIVE]
        cursor = page.cursor
        if not page.has_more:
            return found


def _retrieved(opened: asyncio.Future[Hosted]) -> None:
    """Mark a failure as seen: it was logged, and every request tells it."""
    if not opened.cancelled():
        opened.exception()


def _registry() -> dict[str, Operation]:
    from att.operations import REGISTRY

    return REGISTRY
