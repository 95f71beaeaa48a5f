"""A project in a folder, without the machinery that runs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from att.code.manager import CodeManager
from att.events.manager import EventLog
from att.models import now
from att.projects.models import Project
from att.projects.registry import ProjectRegistry
from att.settings import load_settings
from att.store import Store

Write = Callable[[Mapping[str, str | bytes]], None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "code"
    made.mkdir()
    return made


@pytest.fixture
def events(tmp_path: Path) -> Iterator[EventLog]:
    store = Store(tmp_path / "data" / "att.db")
    yield EventLog(store)
    store.close()


@pytest.fixture
def code(tmp_path: Path, folder: Path, events: EventLog) -> CodeManager:
    registry = ProjectRegistry(events._store, events)
    registry.add(Project(id="demo", path=str(folder), created_at=now(), updated_at=now()))
    registry.add(Project(id="bare", created_at=now(), updated_at=now()))
    return CodeManager(registry, events, settings=load_settings(file_limit_bytes=100_000))


@pytest.fixture
def write(folder: Path) -> Write:
    """Write files by path; a path that ends with a slash is a folder."""

    def writing(files: Mapping[str, str | bytes]) -> None:
        for path, content in files.items():
            target = folder / path
            if path.endswith("/"):
                target.mkdir(parents=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content if isinstance(content, bytes) else content.encode())

    return writing
