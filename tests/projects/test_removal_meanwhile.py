"""What others do while a project is being deleted, and still waits for the end of its processes."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from att.errors import NotFound, PermissionDenied
from att.testing.models import TestRequest
from att.workspace import Workspace
from tests.support.waiting import eventually

STUBBORN = "import signal, time\nsignal.signal(15, signal.SIG_IGN)\nprint('up', flush=True)\ntime.sleep(600)\n"


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "code"
    made.mkdir()
    (made / "app.py").write_text(STUBBORN)
    (made / "test_it.py").write_text("def test_it(): pass\n")
    return made


def _begun_to_delete(workspace: Workspace, folder: Path, pool: ThreadPoolExecutor, **how: bool) -> Future[Any]:
    """Start a project that does not want to end, and return its deletion once that waits for it."""
    command = ["{python}", "app.py"]
    workspace.projects.create("demo", {"path": str(folder), "command": command, "grace_seconds": 1.0})
    workspace.runtime.start("demo")
    eventually(lambda: workspace.runtime.logs("demo").lines)
    deletion = pool.submit(workspace.projects.delete, "demo", **how)
    eventually(lambda: workspace.runtime.status("demo").state == "stopping")
    return deletion


def test_whoever_waits_to_start_it_finds_it_gone(workspace: Workspace, folder: Path, pool: ThreadPoolExecutor) -> None:
    deletion = _begun_to_delete(workspace, folder, pool)
    waiting: list[Future[Any]] = [
        pool.submit(workspace.runtime.start, "demo"),
        pool.submit(workspace.runtime.restart, "demo"),
        pool.submit(workspace.tests.run, "demo", TestRequest()),
    ]
    deletion.result(30)
    assert [type(waits.exception(30)) for waits in waiting] == [NotFound] * 3
    assert workspace.launcher.runs("demo") == []


def test_a_folder_that_another_project_has_got_meanwhile_stays(
    workspace: Workspace, folder: Path, pool: ThreadPoolExecutor
) -> None:
    deletion = _begun_to_delete(workspace, folder, pool, files=True)
    workspace.projects.create("other", {"path": str(folder)})
    with pytest.raises(PermissionDenied, match="other"):
        deletion.result(30)
    assert (folder / "app.py").exists()
