"""Fixtures of the runtime's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.runtime.managed import Another, Site, opened, stop_everything


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """An open manager that supervises its data directory."""
    yield from opened(tmp_path)


@pytest.fixture
def another(tmp_path: Path) -> Iterator[Callable[..., Another]]:
    """Make other processes that open the data directory of `site`."""
    made: list[Another] = []

    def make(**times: float) -> Another:
        made.append(Another(tmp_path, times))
        return made[-1]

    yield make
    for process in made:
        process.close()
    stop_everything(tmp_path)
