"""Serves the fixture server as the SDK does it, on uvicorn: `python -m tests.mcp.fixture_uvicorn PORT`."""

from __future__ import annotations

import sys

import uvicorn

from tests.mcp.fixture_server import MemoryEvents, fixture_server


def main(port: int) -> None:
    """Serve until the process is ended."""
    app = fixture_server().streamable_http_app(event_store=MemoryEvents(), retry_interval=100)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main(int(sys.argv[1]))
