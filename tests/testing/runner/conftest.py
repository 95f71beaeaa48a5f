"""One data directory for the tests of a module: opening one costs more than using it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.testing.runner.house import House, house


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("data")) as opened:
        yield opened
