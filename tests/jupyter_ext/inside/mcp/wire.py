"""MCP over plain HTTP requests, byte by byte, in both eras."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any

from tests.jupyter_ext.inside.conftest import BASE, TOKEN, Fetch, Reply

__all__ = ["ACCEPT", "ENDPOINT", "ERAS", "JUPYTER", "Wire", "answer", "body_of", "heads_of"]

ENDPOINT = f"{BASE}mcp"
ERAS = ("2025-11-25", "2026-07-28")
ACCEPT = "application/json, text/event-stream"
JUPYTER = {"Authorization": f"token {TOKEN}"}
_META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
_INITIALIZE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "1"},
}


def body_of(era: str, method: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return a request; in 2026 every one says who asks."""
    told = dict(params or {}) | ({"_meta": _META} if era == "2026-07-28" else {})
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": told}


def heads_of(era: str, method: str, params: Mapping[str, Any] | None = None) -> dict[str, str]:
    """Return the headers of a request."""
    heads = {"Accept": ACCEPT, "Content-Type": "application/json"}
    if era == "2026-07-28":
        heads |= {"MCP-Protocol-Version": era, "Mcp-Method": method}
        if params and "name" in params:
            heads["Mcp-Name"] = params["name"]
    return heads


def answer(reply: Reply) -> Any:
    """Return the JSON-RPC message in an answer, which may be an event stream."""
    if reply.headers["Content-Type"].startswith("text/event-stream"):
        (line,) = [line for line in reply.body.decode().splitlines() if line.startswith("data:")]
        return json.loads(line.removeprefix("data:"))
    return reply.json


@dataclass
class Wire:
    """A client of one era with headers of its own; with `jar` it keeps cookies."""

    bare: Fetch
    era: str
    headers: dict[str, str] = field(default_factory=lambda: dict(JUPYTER))
    jar: bool = False
    session: str | None = None
    cookies: dict[str, str] = field(default_factory=dict)

    async def post(self, body: Any, heads: Mapping[str, str]) -> Reply:
        """Send a body as it is."""
        told = {**heads, **self.headers}
        if self.session:
            told["Mcp-Session-Id"] = self.session
        if self.jar and self.cookies:
            told["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        reply = await self.bare("POST", ENDPOINT, body, headers=told)
        if self.jar:
            for text in reply.headers.get_list("Set-Cookie"):
                self.cookies |= {m.key: m.coded_value for m in SimpleCookie(text).values()}
        return reply

    async def send(
        self, method: str, params: Mapping[str, Any] | None = None, heads: Mapping[str, str] | None = None
    ) -> Reply:
        """Send one request, with more headers."""
        told = {**heads_of(self.era, method, params), **(heads or {})}
        return await self.post(body_of(self.era, method, params), told)

    async def begin(self) -> Reply:
        """Shake hands where the era does so; return the answer to the first request."""
        if self.era == "2026-07-28":
            return await self.send("server/discover")
        reply = await self.send("initialize", _INITIALIZE)
        if reply.status == 200:
            self.session = reply.headers["Mcp-Session-Id"]
            told = {"jsonrpc": "2.0", "method": "notifications/initialized"}
            assert (await self.post(told, heads_of(self.era, ""))).status == 202
        return reply

    async def call(self, name: str, **arguments: Any) -> Any:
        """Call a tool and return its result; raises AssertionError for anything but 200."""
        reply = await self.send("tools/call", {"name": name, "arguments": arguments})
        assert reply.status == 200, reply.body
        return answer(reply)["result"]
