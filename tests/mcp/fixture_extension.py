"""A Jupyter server extension that mounts the fixture server behind ATT's own bridge, at `{base_url}fixture`."""

from __future__ import annotations

from typing import Any, cast

from jupyter_server.serverapp import ServerApp
from jupyter_server.utils import url_path_join
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

from jupyter_ext.mcp_handlers import McpHandler
from jupyter_ext.mcp_lifespan import Lifespan
from tests.mcp.fixture_server import MemoryEvents, fixture_server

__all__: list[str] = []


class FixtureHandler(McpHandler):
    """ATT's handler over another server."""

    @property
    def lifespan(self) -> Lifespan:
        return cast(Lifespan, self.settings["fixture_mcp"])


async def _build() -> StreamableHTTPSessionManager:
    return StreamableHTTPSessionManager(fixture_server(), event_store=MemoryEvents(), retry_interval=100)


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(server: ServerApp) -> None:
    settings = server.web_app.settings
    settings["fixture_mcp"] = Lifespan(_build, server.log)
    server.web_app.add_handlers(".*$", [(url_path_join(settings["base_url"], "fixture"), FixtureHandler)])  # type: ignore[no-untyped-call]
