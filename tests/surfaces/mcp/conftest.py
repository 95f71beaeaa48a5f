"""An MCP server over a workspace in this process, and a client of each era."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.server.lowlevel import Server

from att.settings import ATT
from att.surfaces.mcp import build_server
from att.workspace import Workspace

ERAS = {"2025": "legacy", "2026": "2026-07-28"}
Connect = Callable[..., AbstractAsyncContextManager[Client]]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=ERAS)
def era(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace(tmp_path / "data", settings=ATT(follow_seconds=0.02)) as made:
        yield made


@pytest.fixture
def connect(workspace: Workspace, era: str) -> Connect:
    """Connect a client of the era to a server with these settings."""

    def connected(server: Server[Any] | None = None, **given: Any) -> Client:
        settings = ATT(follow_seconds=0.02, **{k: given.pop(k) for k in list(given) if k.startswith("mcp_")})
        return Client(server or build_server(workspace.call, settings), mode=ERAS[era], **given)

    return connected
