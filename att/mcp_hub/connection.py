"""One connection to a server, from its beginning to its end, in a task of its own."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from importlib.metadata import version
from typing import TYPE_CHECKING, TypeVar

from att.errors import ATTError
from att.mcp_hub.references import Resolver, scrubbed
from att.mcp_hub.tail import ErrorTail

if TYPE_CHECKING:
    from mcp import Client

    from att.mcp_hub.models import McpServer, McpSnapshot

__all__ = ["Connection", "Lost", "Refused"]

T = TypeVar("T")
_SETTLE_SECONDS = 1.0
_CLOSE_SECONDS = 10.0
"""The client ends a program by itself within fewer."""


class Lost(Exception):
    """The connection ended before the answer came. `delivered` is false when the server cannot have acted on it."""

    def __init__(self, reason: str, *, delivered: bool = True) -> None:
        super().__init__(reason)
        self.delivered = delivered


class Refused(Exception):
    """The server answered with an error, or with what is no answer. `fault` says that the arguments are wrong."""

    def __init__(self, reason: str, *, fault: bool = False) -> None:
        super().__init__(reason)
        self.fault = fault


class Connection:
    """A client that is entered and left by one task, and asked by others on the same loop.

    The client's own task groups cancel the task that entered it when a transport breaks; nothing else runs there, so
    that such a cancellation never looks like one of ours.
    """

    def __init__(self, server: McpServer, notify: Callable[[], None], connect_seconds: float) -> None:
        from att.mcp_hub.transports import Watch

        self._server = server
        self._seconds = connect_seconds
        self._resolver = Resolver()
        self._tail = ErrorTail()
        self._leave = asyncio.Event()
        self._client: Client | None = None
        self._deadline: asyncio.Timeout | None = None
        self._asked: set[asyncio.Task[object]] = set()
        self.watch = Watch(notify)
        self.ready: asyncio.Future[McpSnapshot] = asyncio.get_running_loop().create_future()
        self.task = asyncio.create_task(self._hold(), name=f"att-mcp {server.name}")
        self.task.add_done_callback(self._ended)

    async def _hold(self) -> None:
        from mcp import Client
        from mcp_types import Implementation

        from att.mcp_hub.looking import look
        from att.mcp_hub.transports import open_transport

        async with AsyncExitStack() as stack:
            async with asyncio.timeout(self._seconds) as self._deadline:
                tail = stack.enter_context(self._tail)
                transport = open_transport(self._server, self._resolver, self.watch, tail)
                info = Implementation(name="att", version=version("jupyter-att"))
                client = await stack.enter_async_context(Client(transport, cache=None, client_info=info))
                tail.file.close()
                snapshot = await look(client)
            self._client = client
            self.ready.set_result(snapshot)
            await self._leave.wait()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._client = None
        if not self.ready.done():
            self.ready.cancel()
        if not task.cancelled():
            task.exception()

    @property
    def reason(self) -> str:
        """Why it has ended, without any secret."""
        return self._told(self._why())

    @property
    def last_lines(self) -> list[str]:
        """The end of the server's error output, without any secret."""
        return [self._told(line) for line in self._tail.lines]

    def _why(self) -> str:
        error = None if self.task.cancelled() or not self.task.done() else self.task.exception()
        if isinstance(error, TimeoutError):
            why = f"it did not answer within {self._seconds:g} s"
        elif self.watch.ended:
            why = "it closed the connection"
        else:
            why = _leaf(error) if error is not None else "it does not answer any more"
        last = next(reversed(self._tail.lines), "")
        return f"{why} (its last line: {last})" if last else why

    def _told(self, text: str) -> str:
        return scrubbed(text, self._resolver.secrets)

    async def ask(self, request: Callable[[Client], Awaitable[T]], seconds: float) -> T:
        """Run a request, and return its answer.

        Raises Lost when the connection ends first, Refused when the server answers with an error, and TimeoutError.
        """
        if self._client is None or self.watch.ended:
            raise Lost(self.reason, delivered=False)
        asked = asyncio.create_task(_awaited(request(self._client)))
        self._asked.add(asked)
        asked.add_done_callback(self._asked.discard)
        try:
            await asyncio.wait({asked, self.task}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if asked.done():
                return self._answer(asked)
            asked.cancel()
            await asyncio.wait({asked}, timeout=_SETTLE_SECONDS)
            if self.task.done():
                raise Lost(self.reason)
            raise TimeoutError(f"no answer within {seconds:g} s")
        finally:
            asked.cancel()

    def _answer(self, asked: asyncio.Task[T]) -> T:
        from mcp import MCPError
        from mcp_types import CONNECTION_CLOSED, INVALID_PARAMS, REQUEST_TIMEOUT

        try:
            return asked.result()
        except asyncio.CancelledError:
            # Nobody but a broken transport cancels it before it is done.
            raise Lost(self.reason) from None
        except MCPError as error:
            if self.watch.session_unknown:
                raise Lost("the server does not know the session any more", delivered=False) from None
            if error.code == CONNECTION_CLOSED:
                raise Lost(self._told(error.message)) from None
            if error.code == REQUEST_TIMEOUT:
                raise TimeoutError(error.message) from None
            raise Refused(self._told(error.message), fault=error.code == INVALID_PARAMS) from None
        except TimeoutError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a server makes the client raise is that server's fault
            raise Refused(self._told(_leaf(error))) from None

    async def close(self) -> str:
        """Leave the client, and return why the connection has ended."""
        self._leave.set()
        if not self.ready.done() and not self.task.done():
            self._give_up()
        await asyncio.wait({self.task}, timeout=_CLOSE_SECONDS)
        if not self.task.done():
            self.kill()
            self.task.cancel()
            await asyncio.wait({self.task}, timeout=_SETTLE_SECONDS)
        return self.reason

    def kill(self) -> None:
        """Kill the program, if one runs, with everything that it has started."""
        if not self.task.done() and self._tail.pid is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._tail.pid, signal.SIGKILL)

    def _give_up(self) -> None:
        # A second cancellation would break the client's own way of ending a program: there is only the deadline's.
        if self._deadline is None:
            self.task.cancel()
        elif not self._deadline.expired():
            self._deadline.reschedule(0)


async def _awaited(request: Awaitable[T]) -> T:
    return await request


def _leaf(error: BaseException) -> str:
    """Write the innermost error of a group in one line."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    text = " ".join(str(error).split())[:500]
    if isinstance(error, ATTError) and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
