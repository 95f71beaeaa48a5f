"""A history in a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from att.store import Store
from att.testing.history.store import HistoryStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "att.db")
    yield opened
    opened.close()


@pytest.fixture
def history(store: Store) -> HistoryStore:
    return HistoryStore(store)
