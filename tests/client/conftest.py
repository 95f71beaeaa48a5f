"""The same session in both modes: over a real Jupyter server, and over a workspace in this process."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from att.client.discovery import named_server, open_workspace
from att.client.session import Session
from tests.support.bare import without_plugins
from tests.support.jupyter import JupyterServer, jupyter_server

__all__ = ["without_plugins"]

NewId = Callable[[], str]


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    with jupyter_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="package")
def sessions(server: JupyterServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Session]]:
    with (
        named_server(server.url, server.token, "the tests'") as remote,
        open_workspace(tmp_path_factory.mktemp("data"), "the tests'") as embedded,
    ):
        yield {"server": remote, "embedded": embedded}


@pytest.fixture(params=["server", "embedded"])
def s(request: pytest.FixtureRequest, sessions: dict[str, Session]) -> Session:
    """A session, in each mode."""
    return sessions[request.param]


@pytest.fixture
def new_id(s: Session) -> Iterator[NewId]:
    """Makes ids of projects, which are removed in the end."""
    made: list[str] = []

    def make() -> str:
        made.append(f"p{uuid.uuid4().hex[:10]}")
        return made[-1]

    yield make
    known = {item.project.id for item in s.projects.list(limit=10_000).projects}
    for name in known & set(made):
        s.handle(name).delete()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for a project."""
    (tmp_path / "project").mkdir()
    return tmp_path / "project"
