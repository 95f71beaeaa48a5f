"""Dashboards and the choice of a project without a browser."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

import att
from att.client.project import ProjectHandle
from att.client.session import Session
from att.errors import Unavailable
from att.notebook import (
    Dashboard,
    ProjectPicker,
    SessionDashboard,
)
from tests.notebook.showing import shows
from tests.support.waiting import eventually


def test_a_project_is_made_by_the_form_and_chosen(s: Session, opened: Any, tmp_path: Any) -> None:
    picker = opened(ProjectPicker(s))
    picker.more.click()
    eventually(lambda: picker.template.options)
    picker.template.value = "service"
    picker.create.click()
    shows(picker.notice, "needs a name")
    picker.name.value, picker.folder.value = "made-here", str(tmp_path / "made-here")
    picker.create.click()
    eventually(lambda: picker.value == "made-here")
    assert picker.project is not None
    picker.project.delete()
    eventually(lambda: picker.value == "")


def test_the_form_of_a_new_project_says_where_it_is_written(
    s: Session, opened: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    picker = opened(ProjectPicker(s))
    picker.more.click()
    eventually(lambda: picker.template.options)
    picker.template.value = "service"
    picker.name.value = "written-here"
    assert picker.folder.placeholder == "written-here"
    assert f"It is written to {tmp_path / 'written-here'}." in picker.about.html
    picker.create.click()
    eventually(lambda: picker.value == "written-here")
    assert picker.project.status().project.path == str(tmp_path / "written-here")
    picker.folder.value = "~/elsewhere"
    assert f"It is written to {Path.home() / 'elsewhere'}." in picker.about.html
    picker.source.value = "Folder"
    assert "is written" not in picker.about.html
    assert picker.folder.placeholder == "an existing folder"
    picker.project.delete()


def test_the_dashboard_of_a_session_follows_the_choice(s: Session, service: ProjectHandle, opened: Any) -> None:
    cockpit = opened(att.dashboard(s))
    assert isinstance(cockpit, SessionDashboard)
    eventually(lambda: service.id in [value for _, value in cockpit.picker.menu.options])
    cockpit.picker.menu.value = service.id
    first = eventually(lambda: cockpit.dashboard)
    assert first is not None
    assert first.project.id == service.id
    cockpit.picker.menu.value = ""
    eventually(lambda: cockpit.dashboard is None)
    assert first.comm is None


def test_the_dashboard_is_that_of_the_last_choice_however_fast_one_chooses(
    s: Session, service: ProjectHandle, opened: Any
) -> None:
    other = s.project("other", title="Another")
    cockpit = opened(att.dashboard(s))
    for _ in range(5):
        cockpit.picker.value = service.id
        cockpit.picker.value = other.id
    eventually(lambda: cockpit.dashboard is not None and cockpit.dashboard.project.id == other.id)
    threads = [thread for thread in threading.enumerate() if thread.name.startswith("att-action")]
    cockpit.close()
    for thread in threads:
        thread.join(30)
    assert cockpit.dashboard is not None
    assert cockpit.dashboard.project.id == other.id
    other.delete()


def test_a_dashboard_that_cannot_be_opened_says_why_and_is_tried_again_by_click(
    s: Session, service: ProjectHandle, opened: Any
) -> None:
    cockpit: SessionDashboard = opened(att.dashboard(s, project=service.id))
    first = eventually(lambda: cockpit.dashboard)
    assert first is not None
    cockpit._put(service.id, Unavailable("The server does not answer."))
    shows(cockpit.instead, f"{service.id} cannot be shown", "does not answer", "Try again")
    assert cockpit.place.children == (cockpit.instead,)
    assert first.comm is None, "nothing of the one before is left to be clicked"
    cockpit.instead._handle_custom_msg({"type": "act", "name": "again", "value": ""}, [])
    eventually(lambda: cockpit.dashboard is not None and cockpit.dashboard.project.id == service.id)


def test_the_dashboard_of_a_session_says_how_many_projects_it_has_and_exports_the_one_that_is_chosen(
    s: Session, service: ProjectHandle, opened: Any
) -> None:
    cockpit = opened(att.dashboard(s, project=service.id))
    bundle = cockpit._repr_mimebundle_()
    number = len(s.projects.list().projects)
    assert bundle["text/plain"] == f"<ATT: dashboard of {number} {'project' if number == 1 else 'projects'}>"
    assert f"Log of {service.id}" in bundle["text/html"]
    assert "No project chosen" not in bundle["text/html"]


def test_an_export_of_a_dashboard_shows_state_log_and_tests(service: ProjectHandle, opened: Any) -> None:
    service.runtime.start(wait="healthy")
    service.tests.run(suite="unit")
    board: Dashboard = opened(service.dashboard())
    shows(board.runtime.head, "running")
    shows(board.tests.result, "failed")
    page = board._repr_mimebundle_()["text/html"]
    assert [word for word in ("● running", "service is starting", " failed") if word not in page] == []
    assert len(page) < 50_000
    service.runtime.stop()
