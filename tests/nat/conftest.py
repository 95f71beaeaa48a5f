"""NeMo Agent Toolkit in an environment of its own, and an embedded session that leaves nothing running."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import att
from att.client.session import Session
from tests.support.nat_env import nat_python


@pytest.fixture(scope="package")
def python() -> Path:
    """The Python that has `nat`; on a laptop where it cannot be built the tests are skipped."""
    try:
        return nat_python()
    except (RuntimeError, OSError) as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"The NeMo Agent Toolkit environment cannot be built here: {error}")


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """An embedded session; its projects are deleted afterwards."""
    with att.connect(embedded=True, data_dir=tmp_path / "data") as opened:
        yield opened
        for status in opened.projects.list().projects:
            opened.project(status.project.id).delete()
