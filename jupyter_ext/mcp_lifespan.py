"""The life of the MCP session manager: made with the first request, run and ended by one task of its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from att.errors import ATTError, Unavailable
from jupyter_ext.asgi_bridge import Exchange

if TYPE_CHECKING:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

__all__ = [
    "ENDING_SECONDS",
    "GRANT_SECONDS",
    "IDLE_SECONDS",
    "MAX_SESSIONS",
    "Granted",
    "Lifespan",
    "Lifespans",
    "session_manager",
]

IDLE_SECONDS = 1800.0
"""A session without a request for so long is forgotten."""
MAX_SESSIONS = 100
ENDING_SECONDS = 1.0
"""How long streams and calls may take to end once they have been told that the server stops."""
GRANT_SECONDS = 1.0
"""While something is sent to who has a project's token, it is looked at that often whether the token still holds."""


class Granted(NamedTuple):
    """A project and its token, which holds when it is used."""

    project: str
    token: str


def session_manager(server: Any, *, max_body_bytes: int) -> StreamableHTTPSessionManager:
    """Return the manager that puts an MCP server on HTTP; host and origin were checked before it is asked."""
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

    return StreamableHTTPSessionManager(
        server,
        session_idle_timeout=IDLE_SECONDS,
        max_sessions=MAX_SESSIONS,
        max_request_body_size=max_body_bytes,
    )


class Lifespan:
    """Runs the manager that `build` makes, from the first request until `close`.

    The manager's context belongs to the task that enters it, so one task enters and leaves it. Closing order: the
    exchanges hear that their readers have left; they get `ENDING_SECONDS`; then the manager ends its sessions.
    """

    def __init__(self, build: Callable[[], Awaitable[StreamableHTTPSessionManager]], log: Any) -> None:
        self._build = build
        self._log: logging.Logger = log
        self._started: asyncio.Future[StreamableHTTPSessionManager] | None = None
        self._running: asyncio.Task[None] | None = None
        self._ending = asyncio.Event()
        self._stirred = asyncio.Event()
        self._exchanges: dict[Exchange, asyncio.Task[Any] | None] = {}

    async def manager(self) -> StreamableHTTPSessionManager:
        """Return the running manager, which the first caller starts. Raises Unavailable when there is none."""
        if self._ending.is_set():
            raise Unavailable("The server is stopping.")
        if self._started is None:
            self._started = asyncio.get_running_loop().create_future()
            self._running = asyncio.ensure_future(self._run(self._started))
        started = self._started
        if not started.done():
            await asyncio.wait({started})
        return self._result(started)

    @staticmethod
    def _result(started: asyncio.Future[StreamableHTTPSessionManager]) -> StreamableHTTPSessionManager:
        if started.cancelled():
            raise Unavailable("The server is stopping.")
        return started.result()

    async def _run(self, started: asyncio.Future[StreamableHTTPSessionManager]) -> None:
        try:
            manager = await self._build()
            async with manager.run():
                started.set_result(manager)
                await self._ending.wait()
                # A session that is cancelled before its streams are closed waits for a reader that has left.
                for transport in [*manager._server_instances.values()]:
                    await transport.terminate()
        except asyncio.CancelledError:
            started.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - told to who waits, and logged
            if started.done():
                self._log.exception("The MCP server ended with an error")
                return
            self._log.exception("ATT cannot serve MCP")
            known = isinstance(error, ATTError)
            started.set_exception(error if known else Unavailable("MCP cannot be served; the log says why."))
            self._started = None  # the next request tries again

    @contextmanager
    def serving(self, exchange: Exchange) -> Iterator[None]:
        """Count the running task as an exchange, which closing tells and waits for."""
        self._exchanges[exchange] = asyncio.current_task()
        self._stirred.set()
        try:
            yield
        finally:
            del self._exchanges[exchange]

    async def mind(self, holds: Callable[[], Awaitable[bool]]) -> None:
        """End everything once `holds` says no. It is asked only while something is served; return when it is over."""
        while not self._ending.is_set():
            await self._stirred.wait()
            self._stirred.clear()
            while self._exchanges and not self._ending.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._ending.wait(), GRANT_SECONDS)
                if not self._ending.is_set() and not await holds():
                    await self.close()

    async def close(self) -> None:
        """End everything within bounded time; closing twice does nothing more."""
        self._ending.set()
        self._stirred.set()
        for exchange in self._exchanges:
            exchange.leave()
        waiting = {task for task in (*self._exchanges.values(), self._running) if task is not None}
        if waiting:
            _, late = await asyncio.wait(waiting, timeout=ENDING_SECONDS)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=ENDING_SECONDS)
        await _end_watcher()


class Lifespans:
    """The lifespan for whoever may do everything, and one for each token of a project that is used.

    Sessions, tools and streams of one are unknown to the others. `build` is given the project and its token, or None.
    Streams end soon after `holds` has said that their token does not hold any more.
    """

    def __init__(
        self,
        build: Callable[[Granted | None], Awaitable[StreamableHTTPSessionManager]],
        holds: Callable[[Granted], Awaitable[bool]],
        log: Any,
    ) -> None:
        self._build = build
        self._holds = holds
        self._log = log
        self._whole = Lifespan(partial(build, None), log)
        self._granted: dict[str, tuple[Granted, Lifespan]] = {}
        self._minding: set[asyncio.Task[None]] = set()
        self._ended = False

    def of(self, granted: Granted | None = None) -> Lifespan:
        """Return the lifespan for a token that holds; one of an earlier token of the project is ended."""
        if granted is None or self._ended:
            return self._whole
        known = self._granted.get(granted.project)
        if known is not None and known[0] == granted:
            return known[1]
        if known is not None:
            self._keep(known[1].close())
        made = Lifespan(partial(self._build, granted), self._log)
        self._granted[granted.project] = granted, made
        self._keep(made.mind(partial(self._holds, granted)))
        return made

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._minding.add(task)
        task.add_done_callback(self._minding.discard)

    async def close(self) -> None:
        """End everything within bounded time; closing twice does nothing more."""
        self._ended = True
        lifespans = [self._whole, *(lifespan for _, lifespan in self._granted.values())]
        await asyncio.gather(*(lifespan.close() for lifespan in lifespans), *self._minding)


async def _end_watcher() -> None:
    """End the task by which the SDK's event streams look for a stopping uvicorn; it would outlive the loop."""
    watchers = [t for t in asyncio.all_tasks() if getattr(t.get_coro(), "__qualname__", "") == "_shutdown_watcher"]
    for task in watchers:
        task.cancel()
    await asyncio.gather(*watchers, return_exceptions=True)
