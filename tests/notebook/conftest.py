"""Widgets without a browser: a real embedded session, and the `service` project."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from att.client.discovery import open_workspace
from att.client.project import ProjectHandle
from att.client.session import Session
from att.notebook import Panel
from tests.support.bare import without_plugins

__all__ = ["without_plugins"]


@pytest.fixture(scope="package")
def s(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    with open_workspace(tmp_path_factory.mktemp("data"), "the tests'") as session:
        yield session


@pytest.fixture
def service(s: Session, tmp_path: Path) -> Iterator[ProjectHandle]:
    """A project made from the template; it is stopped and removed in the end."""
    project = s.projects.create(f"p{uuid.uuid4().hex[:8]}", template="service", path=tmp_path / "service")
    yield project
    project.delete()


@pytest.fixture
def opened() -> Any:
    """Keeps panels and closes them in the end."""
    made: list[Panel] = []

    def keep(panel: Any) -> Any:
        made.append(panel)
        return panel

    yield keep
    for panel in made:
        panel.close()
