"""The ways to a server, stdio and Streamable HTTP, watched for what the client itself does not tell."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import httpx2
from mcp.client.stdio import StdioServerParameters, get_default_environment, stdio_client
from mcp.client.streamable_http import streamable_http_client

from att.errors import Unavailable
from att.locking import require_posix
from att.mcp_hub import leash
from att.mcp_hub.tail import ErrorTail

if TYPE_CHECKING:
    from collections.abc import Callable

    from mcp.client._transport import TransportStreams
    from mcp.shared._stream_protocols import ReadStream

    from att.mcp_hub.models import McpServer
    from att.mcp_hub.references import Resolver

__all__ = ["Watch", "open_transport"]

_HTTP_SECONDS = 30.0
_READ_SECONDS = 300.0
_UNKNOWN_SESSION = frozenset({400, 404})
_TERMINATE_SECONDS = 1.0


class Watch:
    """What is noticed of a connection. `notify` is called, on the loop, when something is worth a look."""

    def __init__(self, notify: Callable[[], None]) -> None:
        self._notify = notify
        self.ended = False
        """The server has closed the connection."""
        self.troubled = False
        """A request or a stream broke; the server may be gone."""
        self.session_unknown = False
        """The server does not know the session any more: it was restarted."""

    def end(self) -> None:
        self.ended = True
        self._notify()

    def trouble(self) -> None:
        self.troubled = True
        self._notify()

    def lose_session(self) -> None:
        self.session_unknown = True
        self.trouble()


@asynccontextmanager
async def open_transport(
    server: McpServer, resolver: Resolver, watch: Watch, tail: ErrorTail
) -> AsyncIterator[TransportStreams]:
    """Open the streams to a server.

    Raises Unavailable when its program does not exist, Invalid when a secret cannot be read, and NotSupported for a
    program on Windows.
    """
    async with AsyncExitStack() as stack:
        if server.command is not None:
            require_posix()
            streams = stdio_client(_program(server, resolver), errlog=tail.file)
        else:
            headers = resolver.texts(server.headers)
            client = await stack.enter_async_context(_Client(watch, headers))
            streams = streamable_http_client(str(server.address), http_client=client)
        read, write = await stack.enter_async_context(streams)
        yield _Watched(read, watch), write


def _program(server: McpServer, resolver: Resolver) -> StdioServerParameters:
    env = resolver.texts(server.env)
    command, cwd = str(server.command), _folder(server)
    found: str | None = str((cwd or Path()) / Path(command).expanduser())
    if "/" not in command:
        found = shutil.which(command, path=env.get("PATH", get_default_environment().get("PATH")))
    if found is None or not os.access(found, os.X_OK):
        raise Unavailable(f"There is no program {command!r} where ATT runs; install it, or give its whole path.")
    arguments = [resolver.text(argument) for argument in server.args]
    # The client gives a server few variables beside these: no key in ATT's environment reaches it unasked.
    return StdioServerParameters(
        command=sys.executable, args=["-I", "-S", str(leash.__file__), found, *arguments], env=env, cwd=cwd
    )


def _folder(server: McpServer) -> Path | None:
    if server.cwd is None:
        return None
    folder = Path(server.cwd).expanduser()
    if not folder.is_dir():
        raise Unavailable(f"The working directory {folder} of the MCP server {server.name!r} does not exist.")
    return folder


class _Watched:
    """A read stream that tells its end."""

    def __init__(self, inner: ReadStream[Any], watch: Watch) -> None:
        self._inner = inner
        self._watch = watch

    @property
    def last_context(self) -> Any:
        return getattr(self._inner, "last_context", None)

    async def receive(self) -> Any:
        return await self._inner.receive()

    async def aclose(self) -> None:
        await self._inner.aclose()

    def __aiter__(self) -> _Watched:
        return self

    async def __anext__(self) -> Any:
        try:
            return await self._inner.__anext__()
        except StopAsyncIteration:
            self._watch.end()
            raise

    async def __aenter__(self) -> _Watched:
        await self._inner.__aenter__()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> bool | None:
        return await self._inner.__aexit__(exc_type, exc_val, exc_tb)


class _Client(httpx2.AsyncClient):
    """An HTTP client that tells broken requests and unknown sessions."""

    def __init__(self, watch: Watch, headers: dict[str, str]) -> None:
        super().__init__(headers=headers, timeout=httpx2.Timeout(_HTTP_SECONDS, read=_READ_SECONDS))
        self._watch = watch

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        if request.method == "DELETE":
            # Said when leaving; a server that hangs must not keep the hub from closing.
            request.extensions["timeout"] = httpx2.Timeout(_TERMINATE_SECONDS).as_dict()
        try:
            response = await super().send(request, **options)
        except httpx2.TransportError:
            self._watch.trouble()
            raise
        in_session = request.method == "POST" and "mcp-session-id" in request.headers
        if in_session and response.status_code in _UNKNOWN_SESSION:
            self._watch.lose_session()
        if isinstance(response.stream, httpx2.AsyncByteStream):
            response.stream = _WatchedBody(response.stream, self._watch, endless=request.method == "GET")
        return response


class _WatchedBody(httpx2.AsyncByteStream):
    """The body of an answer; `endless` is a stream of which the end is no good sign."""

    def __init__(self, inner: httpx2.AsyncByteStream, watch: Watch, *, endless: bool) -> None:
        self._inner = inner
        self._watch = watch
        self._endless = endless

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for block in self._inner:
                yield block
        except httpx2.TransportError:
            self._watch.trouble()
            raise
        if self._endless:
            self._watch.trouble()

    async def aclose(self) -> None:
        await self._inner.aclose()
