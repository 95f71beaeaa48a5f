from __future__ import annotations

import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from att.errors import NotFound, PermissionDenied
from att.projects.removal import check_deletable
from att.workspace import Workspace
from tests.projects.making import git, repository
from tests.support.waiting import eventually


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "code"
    made.mkdir()
    (made / "app.py").write_text("import time; time.sleep(60)\n")
    return made


def refused(workspace: Workspace, name: str, why: str) -> None:
    with pytest.raises(PermissionDenied, match=why):
        workspace.projects.delete(name, files=True)
    assert workspace.projects.status(name)


def test_deleting_stops_forgets_and_leaves_the_folder(workspace: Workspace, folder: Path) -> None:
    workspace.projects.create("demo", {"path": str(folder), "command": ["{python}", "app.py"]})
    pid = eventually(lambda: workspace.runtime.start("demo").pid)
    assert not workspace.projects.delete("demo").files_deleted
    assert not Path(f"/proc/{pid}").exists()
    assert workspace.launcher.runs("demo") == []
    assert (folder / "app.py").exists()
    with pytest.raises(NotFound):
        workspace.projects.status("demo")
    with pytest.raises(NotFound):
        workspace.projects.delete("demo")


def test_files_go_when_asked_for(workspace: Workspace, folder: Path, tmp_path: Path) -> None:
    (folder / "out").symlink_to(tmp_path / "data")
    workspace.projects.create("demo", {"path": str(folder)})
    assert workspace.projects.delete("demo", files=True).files_deleted
    assert not folder.exists()
    assert (tmp_path / "data").is_dir()


def test_a_folder_that_is_gone_is_no_obstacle(workspace: Workspace, folder: Path) -> None:
    workspace.projects.create("demo", {"path": str(folder)})
    (folder / "app.py").unlink()
    folder.rmdir()
    assert not workspace.projects.delete("demo", files=True).files_deleted


def test_a_shared_folder_stays(workspace: Workspace, folder: Path, tmp_path: Path) -> None:
    (folder / "sub").mkdir()
    (tmp_path / "alias").symlink_to(folder)
    workspace.projects.create("one", {"path": str(folder)})
    for other in (folder, folder / "sub", tmp_path / "alias"):
        workspace.projects.create("two", {"path": str(other)})
        refused(workspace, "one", "'two' uses it")
        workspace.projects.delete("two")
    assert (folder / "app.py").exists()


def test_a_link_stays(workspace: Workspace, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(folder)
    workspace.projects.create("demo", {"path": str(tmp_path / "alias")})
    refused(workspace, "demo", "it is a link")


def test_a_running_project_is_not_stopped_when_its_folder_must_stay(workspace: Workspace, tmp_path: Path) -> None:
    workspace.projects.create("demo", {"path": str(tmp_path), "command": ["sleep", "60"]})
    workspace.runtime.start("demo")
    refused(workspace, "demo", "ATT's data")
    assert workspace.runtime.status("demo").state in ("starting", "running")
    workspace.runtime.stop("demo")


@pytest.mark.parametrize("place", ["/", "~", "~/..", "/usr"])
def test_home_root_and_python_are_never_deleted(workspace: Workspace, place: str) -> None:
    path = Path(place).expanduser().resolve()
    if place == "/usr":
        import sys

        path = Path(sys.prefix)
    workspace.projects.create("demo", {"path": str(path)})
    with pytest.raises(PermissionDenied):
        check_deletable(workspace.registry.get("demo"), [], [])


def test_uncommitted_work_stays(workspace: Workspace, tmp_path: Path) -> None:
    repository(tmp_path, {"a.txt": "a", ".gitignore": "build/\n"})
    tree = tmp_path / "author"
    workspace.projects.create("demo", {"path": str(tree)})
    (tree / "a.txt").write_text("changed")
    refused(workspace, "demo", "not committed")
    git(tree, "checkout", "--", "a.txt")
    (tree / "new.txt").touch()
    refused(workspace, "demo", "not committed")
    (tree / "new.txt").unlink()
    (tree / "a.txt").write_text("stashed")
    git(tree, "stash")
    refused(workspace, "demo", "stash")
    git(tree, "stash", "drop")
    (tree / "build").mkdir()
    (tree / "build/out").touch()
    assert workspace.projects.delete("demo", files=True).files_deleted


def test_commits_that_are_nowhere_else_stay(workspace: Workspace, tmp_path: Path) -> None:
    repository(tmp_path, {"a.txt": "a"})
    tree = tmp_path / "author"
    workspace.projects.create("demo", {"path": str(tree)})
    git(tree, "checkout", "--quiet", "-b", "feature")
    git(tree, "commit", "--quiet", "--allow-empty", "-m", "only here")
    git(tree, "checkout", "--quiet", "-")
    refused(workspace, "demo", "not pushed.*only here")
    git(tree, "push", "--quiet", "origin", "feature")
    assert workspace.projects.delete("demo", files=True).files_deleted


def test_a_clone_of_an_empty_repository_goes_until_there_is_work_in_it(workspace: Workspace, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--bare", "origin.git")
    git(tmp_path, "clone", "--quiet", "origin.git", "tree")
    tree = tmp_path / "tree"
    workspace.projects.create("demo", {"path": str(tree)})
    (tree / "new.txt").touch()
    refused(workspace, "demo", "not committed")
    git(tree, "add", ".")
    git(tree, "commit", "--quiet", "-m", "only here")
    refused(workspace, "demo", "not pushed.*only here")
    git(tree, "checkout", "--quiet", "--orphan", "other")
    git(tree, "rm", "--quiet", "-rf", ".")
    refused(workspace, "demo", "not pushed.*only here")
    git(tree, "branch", "-D", "main")
    assert workspace.projects.delete("demo", files=True).files_deleted


def test_what_a_killed_clone_has_left_goes(workspace: Workspace, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"git://127.0.0.1:{mute.getsockname()[1]}/repository"
        clone = subprocess.Popen(["git", "clone", "--quiet", address, str(tree)], start_new_session=True)
        with mute.accept()[0]:
            os.killpg(clone.pid, signal.SIGKILL)
            clone.wait()
    assert (tree / ".git/HEAD").exists()
    workspace.projects.create("demo", {"path": str(tree)})
    assert workspace.projects.delete("demo", files=True).files_deleted
    assert not tree.exists()


def test_a_branch_that_git_cannot_read_keeps_its_folder(workspace: Workspace, tmp_path: Path) -> None:
    repository(tmp_path, {"a.txt": "a"})
    tree = tmp_path / "author"
    (tree / ".git/refs/heads/main").write_text("")
    git(tree, "rm", "--quiet", "-rf", ".")
    workspace.projects.create("demo", {"path": str(tree)})
    refused(workspace, "demo", "git cannot say")


def test_work_in_a_repository_below_stays(workspace: Workspace, folder: Path) -> None:
    inner = folder / "vendor/lib"
    inner.mkdir(parents=True)
    git(inner, "init", "--quiet")
    (inner / "x").touch()
    workspace.projects.create("demo", {"path": str(folder)})
    refused(workspace, "demo", "vendor/lib has changes")


def test_asking_git_runs_nothing_of_the_repository(workspace: Workspace, tmp_path: Path) -> None:
    repository(tmp_path, {"a.txt": "a"})
    tree, evil = tmp_path / "author", tmp_path / "evil"
    script = tmp_path / "script.sh"
    script.write_text(f"#!/bin/sh\ntouch {evil}\ncat\n")
    script.chmod(0o755)
    git(tree, "config", "core.fsmonitor", str(script))
    git(tree, "config", "filter.x.clean", str(script))
    (tree / ".git/info/attributes").write_text("* filter=x\n")
    (tree / "a.txt").write_text("b")
    evil.unlink(missing_ok=True)
    workspace.projects.create("demo", {"path": str(tree)})
    refused(workspace, "demo", "not committed")
    assert not evil.exists()
