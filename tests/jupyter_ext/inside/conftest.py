"""A Jupyter server in this process with ATT in it, under a base URL that needs encoding; its loop must not block."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from blockbuster import BlockBuster
from jupyter_server.serverapp import ServerApp
from pytest_jupyter.jupyter_server import *  # noqa: F403 - pytest finds fixtures and hooks by name here
from tornado.httpclient import HTTPRequest, HTTPResponse
from traitlets.config import Config

BASE = "/a%40b/"
TOKEN = "jupyter-token"


@pytest.fixture(autouse=True)
def blockbuster() -> Iterator[BlockBuster]:
    """Fail when ATT blocks the event loop; what jupyter_server itself does is its own affair."""
    buster = BlockBuster(scanned_modules=["jupyter_ext", "att"])
    buster.activate()
    yield buster
    buster.deactivate()


@pytest.fixture
def att_config() -> Config:
    """More configuration of a test."""
    return Config()


@pytest.fixture  # type: ignore[no-redef]
def jp_server_config(tmp_path: Path, att_config: Config) -> Config:
    config = Config()
    config.ServerApp.jpserver_extensions = {"jupyter_ext": True, "jupyter_server_terminals": False}
    config.ServerApp.reraise_server_extension_failures = True
    config.IdentityProvider.token = TOKEN
    config.ATT.data_dir = str(tmp_path / "att")
    config.merge(att_config)
    return config


@pytest.fixture
def att_app(jp_serverapp: ServerApp) -> Any:
    """The extension."""
    return jp_serverapp.extension_manager.extension_points["att"].app


@dataclass
class Reply:
    """An answer of the server."""

    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """Code of the problem document."""
        assert self.headers["Content-Type"] == "application/problem+json"
        found: str = self.json["code"]
        return found


Fetch = Callable[..., Awaitable[Reply]]


@pytest.fixture
def bare(http_server_client: Any, att_app: Any) -> Fetch:
    """Ask for a path below the API (or an absolute one) with exactly the headers that are given."""

    async def fetch(
        method: str, path: str, body: Any = None, /, *, headers: dict[str, str] | None = None, **query: Any
    ) -> Reply:
        url = path if path.startswith(BASE) else f"{BASE}api/v1{path}"
        full = http_server_client.get_url(url) + ("?" + urlencode(query, doseq=True) if query else "")
        told = {"Content-Type": "application/json", **(headers or {})} if body is not None else headers or {}
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        request = HTTPRequest(
            full, method, headers=told, body=data, allow_nonstandard_methods=True, follow_redirects=False
        )
        response: HTTPResponse = await super(type(http_server_client), http_server_client).fetch(
            request, raise_error=False
        )
        return Reply(response.code, response.headers, response.body)

    return fetch


@pytest.fixture
def fetch(bare: Fetch) -> Fetch:
    """Ask with Jupyter's token."""

    async def ask(
        method: str, path: str, body: Any = None, /, *, headers: dict[str, str] | None = None, **query: Any
    ) -> Reply:
        return await bare(method, path, body, headers={"Authorization": f"token {TOKEN}", **(headers or {})}, **query)

    return ask
