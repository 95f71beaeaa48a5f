"""The log view on the kernel's side."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from att.client.project import ProjectHandle
from att.client.session import Session
from att.errors import NotFound
from att.notebook import LogView
from tests.support.waiting import eventually


def _feeds() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "att-log-feed"]


@pytest.fixture
def spoken(s: Session, tmp_path: Path) -> Iterator[ProjectHandle]:
    """A project that has written something, in colours and on both streams."""
    code = "import sys; print('\\x1b[32mgreen <b>\\x1b[0m'); sys.stderr.write('oh no\\n'); print('secret line ' * 50)"
    project = s.project("spoken", path=tmp_path, command=[sys.executable, "-c", code])
    project.runtime.start()
    eventually(lambda: project.runtime.status().state == "exited")
    yield project
    project.delete()


def test_no_line_lies_in_the_state_that_a_notebook_may_save(spoken: ProjectHandle) -> None:
    view = spoken.logs.view()
    try:
        assert view.received == 4
        state = json.dumps(view.get_state())
        assert "secret" not in state
        assert len(state) < 50_000
    finally:
        view.close()


def test_an_export_shows_the_last_lines_coloured_escaped_and_with_their_stream(spoken: ProjectHandle) -> None:
    view = spoken.logs.view(follow=False)
    try:
        bundle = view._repr_mimebundle_()
        assert bundle is not None
        page = bundle[0]["text/html"]
        assert "Log of spoken" in page
        assert '<span class="ansi-green-fg">green &lt;b&gt;</span>' in page
        assert "err│</span> oh no" in page
        assert len(page) < 30_000
        assert repr(view) == "<log of spoken: 4 rows, ended>"
    finally:
        view.close()


def test_a_view_that_does_not_follow_keeps_no_thread_once_a_page_has_spoken(spoken: ProjectHandle) -> None:
    before = len(_feeds())
    view = spoken.logs.view(follow=False)
    view._handle_custom_msg({"type": "hello", "epoch": None, "next": None}, [])
    eventually(lambda: len(_feeds()) == before)
    view.close()


def test_closing_ends_the_thread_and_twice_is_no_error(spoken: ProjectHandle) -> None:
    before = len(_feeds())
    view = spoken.logs.view()
    assert len(_feeds()) == before + 1
    view.close()
    view.close()
    assert len(_feeds()) == before


def test_an_unknown_project_or_run_fails_in_the_cell(s: Session, spoken: ProjectHandle) -> None:
    with pytest.raises(NotFound):
        s.handle("nobody").logs.view()
    with pytest.raises(NotFound):
        LogView(spoken, run="2" * 26)
