"""A pytest without the plugins that are installed beside ATT's: they take longer to import than small suites to run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

__all__ = ["BARE", "without_plugins"]

BARE = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


@pytest.fixture(scope="package", autouse=True)
def without_plugins() -> Iterator[None]:
    """For each pytest that the tests of a folder start; its conftest imports this."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in BARE.items():
            patch.setenv(name, value)
        yield
