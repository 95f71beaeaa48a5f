from __future__ import annotations

import base64
from pathlib import Path

import pytest

from att.errors import Conflict, Invalid
from att.projects.models import ProjectSetup
from att.workspace import Workspace
from tests.projects.making import ended, git, repository
from tests.projects.webserver import WebServer


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    return repository(tmp_path, {"app.py": "print('hi')\n", "docs/a.md": "a"})


def cloned(workspace: Workspace, url: str, path: Path) -> ProjectSetup:
    begun = workspace.projects.create("demo", {"path": str(path)}, git_url=url)
    assert isinstance(begun, ProjectSetup)
    return ended(workspace, "demo")


@pytest.mark.parametrize("form", ["file://{}", "{}"])
def test_a_repository_becomes_a_project(workspace: Workspace, bare: Path, tmp_path: Path, form: str) -> None:
    setup = cloned(workspace, form.format(bare), tmp_path / "new" / "p")
    assert setup.state == "succeeded", setup
    assert (tmp_path / "new/p/app.py").read_text() == "print('hi')\n"
    assert workspace.projects.status("demo").project.source == f"file://{bare}"
    assert git(tmp_path / "new/p", "status", "--porcelain") == ""


def test_a_project_exists_from_the_beginning(workspace: Workspace, bare: Path, tmp_path: Path) -> None:
    begun = workspace.projects.create("demo", {"path": str(tmp_path / "p")}, git_url=f"file://{bare}")
    assert isinstance(begun, ProjectSetup)
    status = workspace.projects.status("demo")
    assert status.setup is not None
    assert status.setup.run_id == begun.run_id
    assert ended(workspace, "demo").run_id == begun.run_id
    kinds = [event.kind for event in workspace.events.read(project="demo").events]
    assert kinds == ["project.created", "project.setup_started", "project.setup_ended"]


def test_a_missing_repository_fails_with_what_git_said(workspace: Workspace, tmp_path: Path) -> None:
    setup = cloned(workspace, f"file://{tmp_path}/none.git", tmp_path / "p")
    assert setup.state == "failed"
    assert setup.diagnosis is not None
    assert setup.diagnosis.summary.startswith("git clone exited with code 128: fatal: ")
    assert "Check the address" in setup.diagnosis.remedy
    assert any("none.git" in line for line in setup.last_lines)
    assert workspace.projects.delete("demo", files=True).files_deleted
    assert not (tmp_path / "p").exists()


def test_a_folder_with_content_is_never_cloned_into(workspace: Workspace, bare: Path, tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p/mine").touch()
    with pytest.raises(Conflict, match="not empty"):
        cloned(workspace, f"file://{bare}", tmp_path / "p")
    assert [file.name for file in (tmp_path / "p").iterdir()] == ["mine"]


def test_an_option_is_no_address(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(Invalid):
        workspace.projects.create("demo", {"path": str(tmp_path / "p")}, git_url=f"--upload-pack=touch {tmp_path}/evil")
    assert not (tmp_path / "evil").exists()


def test_template_and_clone_exclude_each_other(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="either"):
        workspace.projects.create(
            "demo", {"path": str(tmp_path / "p")}, git_url="file:///srv/a.git", template="service"
        )


def test_a_login_is_sent_and_kept_nowhere(workspace: Workspace, bare: Path, web: WebServer, tmp_path: Path) -> None:
    git(bare, "update-server-info")
    for file in (p for p in bare.rglob("*") if p.is_file()):
        web.serve(f"/a.git/{file.relative_to(bare).as_posix()}", file.read_bytes())
    setup = cloned(workspace, f"http://me:hunter2@{web.address}/a.git", tmp_path / "p")
    assert setup.state == "succeeded", setup
    expected = "Basic " + base64.b64encode(b"me:hunter2").decode()
    assert {headers.get("Authorization") for _, headers in web.requests} == {expected}
    workspace.store.close()
    folders = (tmp_path / "data", tmp_path / "p")
    kept = b"".join(p.read_bytes() for folder in folders for p in folder.rglob("*") if p.is_file())
    assert b"a.git" in kept
    assert b"hunter2" not in kept
    assert expected.encode() not in kept


def test_nobody_is_asked_for_a_password(workspace: Workspace, web: WebServer, tmp_path: Path) -> None:
    def answer(handler: object) -> None:
        handler.send_response(401)  # type: ignore[attr-defined]
        handler.send_header("WWW-Authenticate", 'Basic realm="x"')  # type: ignore[attr-defined]
        handler.send_header("Content-Length", "0")  # type: ignore[attr-defined]
        handler.end_headers()  # type: ignore[attr-defined]

    web.answers["/a.git/info/refs"] = answer
    setup = cloned(workspace, web.url("/a.git"), tmp_path / "p")
    assert setup.state == "failed"
    assert any("prompts disabled" in line for line in setup.last_lines)
