"""What is left when widgets are closed: nothing."""

from __future__ import annotations

import gc
import threading
from pathlib import Path

import psutil
from ipywidgets.widgets.widget import _instances

from att.client.discovery import open_workspace
from att.client.project import ProjectHandle
from tests.support.waiting import eventually


def _own_threads() -> list[str]:
    names = ("att-log-feed", "att-pulse", "att-pulse-events", "att-action")
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(names)]


def test_a_hundred_dashboards_leave_no_thread_no_comm_and_no_descriptor(service: ProjectHandle) -> None:
    def open_and_close() -> None:
        board = service.dashboard()
        board.tabs.selected_index = 2
        board.tabs.selected_index = 3
        board.close()

    # The store keeps a few connections for the threads that have asked it.
    for _ in range(10):
        open_and_close()
    eventually(lambda: not _own_threads())
    gc.collect()
    comms, descriptors = len(_instances), psutil.Process().num_fds()
    for _ in range(100):
        open_and_close()
    eventually(lambda: not _own_threads())
    gc.collect()
    assert len(_instances) == comms
    assert psutil.Process().num_fds() <= descriptors + 4


def test_closing_the_session_closes_its_widgets(tmp_path: Path) -> None:
    with open_workspace(tmp_path / "data", "the tests'") as s:
        board = s.project("empty", path=tmp_path).dashboard()
        assert _own_threads()
    eventually(lambda: not _own_threads())
    assert board.comm is None
