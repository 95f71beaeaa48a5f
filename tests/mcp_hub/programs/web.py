"""An MCP server over Streamable HTTP, made with the SDK: `python web.py NAME PORT [handshake]`.

With `handshake` it refuses the era without sessions.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import uvicorn
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

NAME, PORT, HANDSHAKE = sys.argv[1], int(sys.argv[2]), "handshake" in sys.argv[3:]
server = MCPServer(NAME, log_level="ERROR")


@server.tool()
def who() -> str:
    """Say which server this is."""
    return NAME


@server.tool()
async def slow() -> str:
    """Never come to an end."""
    print("slow began", flush=True)
    await asyncio.sleep(600)
    return "late"


@server.tool()
def header(context: Context[Any, Any], name: str) -> str:
    """Return a header of the request."""
    return (context.headers or {}).get(name, "")


@server.resource("web://own")
def own() -> str:
    """Be a resource."""
    return NAME


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Serve, without what was left out."""
    headers = dict(scope.get("headers", ()))
    if HANDSHAKE and headers.get(b"mcp-protocol-version", b"").decode() in MODERN_PROTOCOL_VERSIONS:
        await send({"type": "http.response.start", "status": 400, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        return
    path = scope.get("path", "")
    if path == "/forget":
        sessions = server.session_manager._server_instances
        for session in [*sessions.values()]:
            await session.terminate()
        sessions.clear()
    if path in ("/forget", "/page"):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
        await send({"type": "http.response.body", "body": b"<html>"})
        return
    await inner(scope, receive, send)


inner = server.streamable_http_app()

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=PORT, log_level="error")
