from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from att.errors import Conflict, Invalid, NotFound
from att.operations import REGISTRY
from att.projects.masking import MASK
from att.projects.models import Project, ProjectSettings
from att.workspace import Workspace


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "code"
    made.mkdir()
    return made


def create(workspace: Workspace, name: str, **settings: Any) -> Project:
    made = workspace.projects.create(name, ProjectSettings(**settings))  # type: ignore[typeddict-item]
    assert isinstance(made, Project)
    return made


def test_registering_a_folder_keeps_its_settings(workspace: Workspace, folder: Path) -> None:
    made = create(workspace, "demo", path=str(folder), command=["{python}", "app.py"], restart="always")
    assert workspace.projects.status("demo").project == made
    assert (made.path, made.command, made.restart) == (str(folder), ["{python}", "app.py"], "always")


def test_a_project_needs_no_folder(workspace: Workspace) -> None:
    assert create(workspace, "history").path is None
    assert workspace.projects.status("history").adapter == "none"


def test_projects_may_share_a_folder(workspace: Workspace, folder: Path) -> None:
    create(workspace, "one", path=str(folder))
    create(workspace, "two", path=str(folder))
    assert [found.project.id for found in workspace.projects.list().projects] == ["one", "two"]


def test_a_missing_folder_is_said(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="does not exist"):
        create(workspace, "demo", path=str(tmp_path / "none"))
    assert workspace.projects.list().projects == []


def test_a_file_is_no_folder(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Invalid, match="not a folder"):
        create(workspace, "demo", path=str(tmp_path / "file"))


def test_an_id_is_taken_once(workspace: Workspace) -> None:
    create(workspace, "demo")
    with pytest.raises(Conflict, match="already"):
        create(workspace, "demo")


@pytest.mark.parametrize("name", ["Demo", "../x", "", "a b", "-x", "a" * 64, "é"])
def test_bad_ids_are_refused(workspace: Workspace, name: str) -> None:
    with pytest.raises(Invalid):
        workspace.call(REGISTRY["project.create"], {"id": name})


def test_an_unknown_project_offers_close_names(workspace: Workspace) -> None:
    create(workspace, "demo")
    with pytest.raises(NotFound, match="Did you mean 'demo'"):
        workspace.projects.status("deno")


def test_projects_are_listed_page_by_page(workspace: Workspace) -> None:
    for name in ("c", "a", "b"):
        create(workspace, name)
    first = workspace.projects.list(None, 2)
    rest = workspace.projects.list(first.cursor, 2)
    assert [[p.project.id for p in page.projects] for page in (first, rest)] == [["a", "b"], ["c"]]
    assert (first.has_more, rest.has_more) == (True, False)
    assert workspace.projects.list(rest.cursor).projects == []


def test_an_update_changes_exactly_what_is_given(workspace: Workspace, folder: Path) -> None:
    before = create(workspace, "demo", title="Demo", port=8000, restart="always")
    change = workspace.projects.update("demo", {"port": None, "path": str(folder), "title": "Demo"})
    assert sorted(change.changed) == ["path", "port"]
    assert change.project == before.model_copy(
        update={"port": None, "path": str(folder), "updated_at": change.project.updated_at}
    )


def test_an_update_of_nothing_is_no_event(workspace: Workspace) -> None:
    create(workspace, "demo", title="Demo")
    assert workspace.projects.update("demo", {"title": "Demo"}).changed == []
    assert [event.kind for event in workspace.events.read(project="demo").events] == ["project.created"]


def test_an_update_to_a_missing_folder_changes_nothing(workspace: Workspace, folder: Path, tmp_path: Path) -> None:
    create(workspace, "demo", path=str(folder))
    with pytest.raises(NotFound):
        workspace.projects.update("demo", {"path": str(tmp_path / "none"), "title": "x"})
    assert workspace.projects.status("demo").project.title is None


def test_secrets_are_masked_wherever_they_travel_and_kept_for_starting(workspace: Workspace) -> None:
    env = {"API_KEY": "k1", "db_password": "p1", "URL": "postgres://u:pw@h/db", "EMPTY_TOKEN": "", "PLAIN": "v"}
    made = create(workspace, "demo", env=env)
    shown = {"API_KEY": MASK, "db_password": MASK, "URL": MASK, "EMPTY_TOKEN": "", "PLAIN": "v"}
    assert made.env == shown
    assert workspace.projects.list().projects[0].project.env == shown
    assert workspace.registry.get("demo").env == env


def test_a_mask_given_back_keeps_the_old_value(workspace: Workspace) -> None:
    create(workspace, "demo", env={"API_KEY": "k1", "TOKEN": "t1", "PLAIN": "v"})
    change = workspace.projects.update("demo", {"env": {"API_KEY": MASK, "TOKEN": "t2", "PLAIN": "v"}})
    assert workspace.registry.get("demo").env == {"API_KEY": "k1", "TOKEN": "t2", "PLAIN": "v"}
    assert change.project.env == {"API_KEY": MASK, "TOKEN": MASK, "PLAIN": "v"}
    assert workspace.projects.update("demo", {"env": change.project.env}).changed == []
    told = workspace.events.read(project="demo").model_dump_json()
    assert "k1" not in told
    assert "t2" not in told


def test_a_mask_without_a_value_behind_it_is_refused(workspace: Workspace) -> None:
    with pytest.raises(Invalid, match="NEW_KEY"):
        create(workspace, "demo", env={"NEW_KEY": MASK})
    create(workspace, "demo")
    with pytest.raises(Invalid, match="NEW_KEY"):
        workspace.projects.update("demo", {"env": {"NEW_KEY": MASK}})


def test_a_change_of_a_running_project_asks_for_a_restart(workspace: Workspace, folder: Path) -> None:
    create(workspace, "demo", path=str(folder), command=["sleep", "60"])
    assert not workspace.projects.update("demo", {"command": ["sleep", "61"]}).restart_to_apply
    workspace.runtime.start("demo")
    try:
        assert workspace.projects.update("demo", {"command": ["sleep", "62"]}).restart_to_apply
    finally:
        workspace.runtime.stop("demo")
