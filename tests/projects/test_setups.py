from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from att.errors import Busy, NotFound
from att.models import now
from att.projects.models import Project, ProjectSetup
from att.workspace import Workspace
from tests.projects.making import ended, zip_bytes
from tests.projects.webserver import WebServer
from tests.support.waiting import eventually

ARCHIVE = zip_bytes({"app.py": os.urandom(200_000)})

MANAGER = """
import sys, time
from att.workspace import Workspace
workspace = Workspace(sys.argv[1])
print(workspace.projects.download("demo", sys.argv[2], {"path": sys.argv[3]}).run_id, flush=True)
time.sleep(600)
"""


def halfway(workspace: Workspace) -> ProjectSetup:
    """Return the setup once half of the archive has come."""
    return eventually(lambda: (found := workspace.projects.setup("demo")).progress and found) or found_none()


def found_none() -> ProjectSetup:
    raise AssertionError("no setup")


def private_folder(workspace: Workspace, run_id: str) -> Path:
    """Return where a setup keeps the archive meanwhile."""
    spec = json.loads((workspace.launcher.run("demo", run_id).path / "spec.json").read_text())
    return Path(spec["private_tmp_dir"])


def begin(workspace: Workspace, web: WebServer, path: Path) -> ProjectSetup:
    return workspace.projects.download("demo", web.serve_slowly("/a.zip", ARCHIVE), {"path": str(path)})


def test_progress_is_read_while_it_runs(workspace: Workspace, web: WebServer, tmp_path: Path) -> None:
    begin(workspace, web, tmp_path / "p")
    setup = halfway(workspace)
    assert setup.state == "running"
    assert setup.progress is not None
    assert 0 < setup.progress < 0.5
    assert setup.message.startswith("Fetch http://")
    assert [step.state for step in setup.steps] == ["running", "waiting"]
    web.released.set()
    done = ended(workspace, "demo")
    assert (done.state, done.message, done.progress) == ("succeeded", "ready", 1.0)
    assert done.ended_at is not None
    assert all(step.seconds is not None for step in done.steps)


def test_a_setup_survives_the_death_of_its_manager(web: WebServer, tmp_path: Path) -> None:
    url = web.serve_slowly("/a.zip", ARCHIVE)
    arguments = [sys.executable, "-c", MANAGER, str(tmp_path / "data"), url, str(tmp_path / "p")]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as manager:
        assert manager.stdout is not None
        run_id = manager.stdout.readline().strip()
        eventually(lambda: web.requests)
        os.kill(manager.pid, signal.SIGKILL)
        manager.wait()
    with Workspace(tmp_path / "data") as next_one:
        found = next_one.projects.setup("demo")
        assert (found.run_id, found.state) == (run_id, "running")
        web.released.set()
        # Nobody asks for it: the adopted setup writes its own end.
        eventually(lambda: [e for e in next_one.events.read(project="demo").events if e.kind == "project.setup_ended"])
        done = next_one.projects.setup("demo")
        assert (done.run_id, done.state) == (run_id, "succeeded")
        assert (tmp_path / "p/app.py").stat().st_size == 200_000


def test_an_end_that_nobody_saw_is_written_once(web: WebServer, tmp_path: Path) -> None:
    with Workspace(tmp_path / "data") as first:
        begin(first, web, tmp_path / "p")
        eventually(lambda: web.requests)
    web.released.set()
    with Workspace(tmp_path / "data") as one, Workspace(tmp_path / "data") as other:
        assert ended(one, "demo").state == "succeeded"
        assert ended(other, "demo").state == "succeeded"
        one.projects.setup("demo")
    with Workspace(tmp_path / "data") as last:
        ends = [e for e in last.events.read(project="demo").events if e.kind == "project.setup_ended"]
        assert [end.data for end in ends] == [{"state": "succeeded"}]


def test_a_cancelled_setup_leaves_no_process(workspace: Workspace, web: WebServer, tmp_path: Path) -> None:
    begun = begin(workspace, web, tmp_path / "p")
    halfway(workspace)
    state = workspace.launcher.run("demo", begun.run_id).state()
    assert state is not None
    assert private_folder(workspace, begun.run_id).is_dir()
    cancelled = workspace.projects.cancel_setup("demo")
    assert cancelled.state == "cancelled"
    assert [step.state for step in cancelled.steps] == ["failed", "waiting"]
    assert not Path(f"/proc/{state.pid}").exists()
    assert workspace.projects.cancel_setup("demo") == cancelled
    assert not private_folder(workspace, begun.run_id).exists()


def test_a_killed_setup_has_failed(workspace: Workspace, web: WebServer, tmp_path: Path) -> None:
    begun = begin(workspace, web, tmp_path / "p")
    halfway(workspace)
    state = workspace.launcher.run("demo", begun.run_id).state()
    assert state is not None
    os.kill(state.pid, signal.SIGKILL)
    setup = ended(workspace, "demo")
    assert setup.state == "failed"
    assert setup.diagnosis is not None
    assert "signal 9" in setup.diagnosis.summary


def test_deleting_cancels_the_setup(workspace: Workspace, web: WebServer, tmp_path: Path) -> None:
    begun = begin(workspace, web, tmp_path / "p")
    halfway(workspace)
    state = workspace.launcher.run("demo", begun.run_id).state()
    assert state is not None
    assert workspace.projects.delete("demo", files=True).files_deleted
    assert not Path(f"/proc/{state.pid}").exists()
    assert not (tmp_path / "p").exists()
    with pytest.raises(NotFound):
        workspace.projects.setup("demo")


def test_an_id_can_be_used_again_after_deletion(workspace: Workspace, web: WebServer, tmp_path: Path) -> None:
    url = web.serve("/b.zip", ARCHIVE)
    workspace.projects.download("demo", web.url("/none.zip"), {"path": str(tmp_path / "p")})
    assert ended(workspace, "demo").state == "failed"
    workspace.projects.delete("demo", files=True)
    workspace.projects.download("demo", url, {"path": str(tmp_path / "p")})
    assert ended(workspace, "demo").state == "succeeded"


def test_the_folder_stays_while_a_setup_fills_it(workspace: Workspace, web: WebServer, tmp_path: Path) -> None:
    begin(workspace, web, tmp_path / "p")
    with pytest.raises(Busy):
        workspace.projects.update("demo", {"path": str(tmp_path)})
    assert workspace.projects.update("demo", {"title": "Demo"}).changed == ["title"]
    workspace.projects.cancel_setup("demo")


def test_a_plain_project_had_no_setup(workspace: Workspace, tmp_path: Path) -> None:
    workspace.projects.create("demo", {"path": str(tmp_path)})
    with pytest.raises(NotFound, match="needed no setup"):
        workspace.projects.setup("demo")
    with pytest.raises(NotFound):
        workspace.projects.cancel_setup("demo")


def test_closing_ends_the_watcher_and_not_the_setup(web: WebServer, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "data")
    begun = begin(workspace, web, tmp_path / "p")
    workspace.close()
    assert "att-setups" not in {thread.name for thread in threading.enumerate()}
    assert workspace.launcher.run("demo", begun.run_id).phase() == "running"
    web.released.set()
    assert workspace.launcher.run("demo", begun.run_id).wait(60) is not None


CUT_SHORT = {"download": {"source": "http://example.org/a.zip"}, "template": {"template": "nat-echo"}}


@pytest.mark.parametrize("made", CUT_SHORT.values(), ids=CUT_SHORT)
def test_a_creation_that_was_cut_short_has_failed_and_says_what_to_do(
    workspace: Workspace, web: WebServer, tmp_path: Path, made: dict[str, str]
) -> None:
    at = now()
    project = Project.model_validate(
        {"id": "demo", "path": str(tmp_path / "p"), "created_at": at, "updated_at": at, **made}
    )
    workspace.registry.add(project)  # as a process leaves it that is killed then
    setup = workspace.projects.status("demo").setup
    assert setup is not None
    assert (setup.state, setup.diagnosis and setup.diagnosis.summary) == (
        "failed",
        "The making of the project was cut short before it began.",
    )
    assert setup.diagnosis is not None
    assert setup.diagnosis.remedy == "Delete the project with its files and create it again."
    assert workspace.projects.setup("demo") == workspace.projects.cancel_setup("demo") == setup
    with another_holds_the_lock(workspace):
        assert workspace.projects.setup("demo").state == "running"
    workspace.projects.delete("demo")
    workspace.projects.download("demo", web.serve("/a.zip", ARCHIVE), {"path": str(tmp_path / "p")})
    assert ended(workspace, "demo").state == "succeeded"


@contextmanager
def another_holds_the_lock(workspace: Workspace) -> Iterator[None]:
    """Hold the project's lock in another thread, as one that creates it does."""
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with workspace.launcher.project_lock("demo"):
            held.set()
            done.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert held.wait(60)
        yield
    finally:
        done.set()
        thread.join()
