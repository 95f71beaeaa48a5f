"""A real HTTP server that answers as it is told: other versions, other servers, streams that break."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["Asked", "Reply", "ScriptedServer", "health", "scripted"]


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass(frozen=True)
class Reply:
    """An answer; the connection is closed after it."""

    body: Any = None
    status: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class ScriptedServer:
    """What was asked, and where."""

    url: str
    asked: list[Asked] = field(default_factory=list)


Script = Callable[[Asked], Reply]


@contextmanager
def scripted(script: Script) -> Iterator[ScriptedServer]:
    """Serve a script on a free port."""
    server = ScriptedServer("")

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            asked = Asked(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body)
            server.asked.append(asked)
            reply = script(asked)
            data = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for name, value in {"Content-Type": reply.content_type, **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _answer  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        server.url = f"http://127.0.0.1:{http.server_port}/"
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()


def health(**changed: Any) -> dict[str, Any]:
    """Return what a server says of itself."""
    return {
        "name": "att",
        "version": "0.1.0",
        "api_version": "1.0",
        "instance_id": "abc",
        "kind": "server",
        "pid": 1,
        "host": "here",
        "data_dir": "/nowhere",
        "started_at": "2026-01-01T00:00:00Z",
        "supervised_by": None,
        "capabilities": [],
        "notices": [],
        **changed,
    }
