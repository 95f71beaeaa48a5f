"""An MCP event stream, read as HTTP/1.0 so that the body comes as it is."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from tests.jupyter_ext.inside.mcp.wire import ENDPOINT, Wire, body_of, heads_of

__all__ = ["Stream"]


class Stream:
    """One answer that goes on."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def _send(
        cls, client: Any, wire: Wire, method: str, heads: Mapping[str, str], body: bytes, *, wait: bool = True
    ) -> Stream:
        address = urlsplit(client.get_url(ENDPOINT))
        reader, writer = await asyncio.open_connection(address.hostname, address.port, limit=1 << 22)
        told = {"Host": address.netloc, **heads, **wire.headers, "Content-Length": str(len(body))}
        if wire.session:
            told["Mcp-Session-Id"] = wire.session
        lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        writer.write(f"{method} {address.path} HTTP/1.0\r\n{lines}\r\n".encode() + body)
        if wait:
            head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)).decode()
            assert " 200 " in head.partition("\r\n")[0], head
            assert "text/event-stream" in head, head
        return cls(reader, writer)

    @classmethod
    async def open(cls, client: Any, wire: Wire) -> Stream:
        """Open the standing stream of a 2025 session."""
        return await cls._send(client, wire, "GET", {"Accept": "text/event-stream"}, b"")

    @classmethod
    async def call(
        cls, client: Any, wire: Wire, name: str, arguments: dict[str, Any], token: str = "", *, wait: bool = True
    ) -> Stream:
        """Call a tool."""
        params: dict[str, Any] = {"name": name, "arguments": arguments}
        request = body_of(wire.era, "tools/call", params)
        if token:
            request["params"]["_meta"] = {**request["params"].get("_meta", {}), "progressToken": token}
        heads = heads_of(wire.era, "tools/call", params)
        return await cls._send(client, wire, "POST", heads, json.dumps(request).encode(), wait=wait)

    @classmethod
    async def listen(cls, client: Any, wire: Wire, uris: list[str]) -> Stream:
        """Open a subscription of 2026."""
        request = body_of(wire.era, "subscriptions/listen", {"notifications": {"resourceSubscriptions": uris}})
        heads = heads_of(wire.era, "subscriptions/listen")
        return await cls._send(client, wire, "POST", heads, json.dumps(request).encode())

    async def message(self) -> Any:
        """Return the next JSON-RPC message."""
        while True:
            line = (await asyncio.wait_for(self._reader.readline(), 20)).decode()
            assert line, "the stream has ended"
            if line.startswith("data:"):
                return json.loads(line.removeprefix("data:"))

    async def rest(self) -> bytes:
        """Return what comes until the server ends the stream."""
        found = await asyncio.wait_for(self._reader.read(), 20)
        await self.close()
        return found

    async def close(self) -> None:
        """Drop the connection."""
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()
