"""What is left when widgets are closed: nothing."""

from __future__ import annotations

import gc
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
from ipywidgets.widgets.widget import _instances
from sqlalchemy.pool import QueuePool

from att.client.discovery import open_workspace
from att.client.project import ProjectHandle
from att.client.session import Session
from att.client.transports import InProcessTransport
from att.notebook import Dashboard, LogView, RuntimePanel, SessionDashboard
from att.notebook.pulse import Topic
from att.notebook.shared import Shared
from tests.support.waiting import eventually

MOST_CONNECTIONS = 5 + 10
"""Of SQLAlchemy's pool: those that it keeps, and those that it opens beyond them for a moment."""


def _own_threads() -> list[str]:
    names = ("att-log-feed", "att-pulse", "att-pulse-events", "att-action")
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(names)]


def _threads_left() -> list[str]:
    """Return those that do not end within a moment, by name."""
    with suppress(AssertionError):
        eventually(lambda: not _own_threads())
    return _own_threads()


class ClosingTopics(list[Topic]):
    """Closes the panel at the very moment in which what its click has changed is to be read anew."""

    def __init__(self, panel: RuntimePanel) -> None:
        super().__init__([panel.topic])
        self.panel = panel

    def __iter__(self) -> Iterator[Topic]:
        self.panel.close()
        return super().__iter__()


def _descriptors(session: Session) -> tuple[Counter[str], int, int]:
    """Return what is open but the store's database, its connections that are in use, and those that are open.

    The store keeps connections for whoever asks next, as many as have asked at once, and SQLite closes none while
    another one of the process holds a lock: how many are open depends on who met whom, never on how often.
    """
    process = psutil.Process()
    files = Counter(file.path for file in process.open_files())
    of_store = {path: number for path, number in files.items() if Path(path).name.startswith("att.db")}
    others = files - Counter(of_store)
    others["pipes, sockets and the like"] = process.num_fds() - files.total()
    assert isinstance(session.transport, InProcessTransport)
    pool = session.transport.workspace.store.engine.pool
    assert isinstance(pool, QueuePool)
    opened = max((number for path, number in of_store.items() if path.endswith("att.db")), default=0)
    return others, pool.checkedout(), opened


def test_a_hundred_dashboards_leave_no_thread_no_comm_and_no_descriptor(service: ProjectHandle) -> None:
    def open_and_close() -> None:
        board = service.dashboard()
        board.tabs.selected_index = 2
        board.tabs.selected_index = 3
        board.close()

    for _ in range(10):
        open_and_close()
    assert _threads_left() == []
    gc.collect()
    comms, (others, in_use, _) = len(_instances), _descriptors(service.session)
    for _ in range(100):
        open_and_close()
    assert _threads_left() == []
    gc.collect()
    assert len(_instances) == comms
    left, still_in_use, opened = _descriptors(service.session)
    assert (left, still_in_use) == (others, in_use)
    assert opened <= MOST_CONNECTIONS


def test_a_dashboard_that_is_still_being_made_is_closed_with_its_menu(service: ProjectHandle) -> None:
    def open_and_close() -> None:
        board = SessionDashboard(service.session)
        board.picker.value = service.id
        board.close()

    open_and_close()
    assert _threads_left() == []
    gc.collect()
    comms = len(_instances)
    for _ in range(20):
        open_and_close()
    assert _threads_left() == []
    eventually(lambda: len(_instances) == comms)


def test_what_is_closed_is_collected_without_waiting_for_those_who_open_another(service: ProjectHandle) -> None:
    closed: list[LogView | Dashboard] = [service.logs.view(), service.dashboard()]
    for widget in closed:
        widget.close()
    collector = threading.Thread(target=lambda: [widget.__del__() for widget in closed], daemon=True)
    with Shared._lock:
        collector.start()
        collector.join(10)
        assert not collector.is_alive()


def test_closing_the_session_closes_its_widgets(tmp_path: Path) -> None:
    with open_workspace(tmp_path / "data", "the tests'") as s:
        board = s.project("empty", path=tmp_path).dashboard()
        assert _own_threads()
    assert _threads_left() == []
    assert board.comm is None


def test_a_panel_that_is_closed_while_its_click_ends_leaves_nothing(service: ProjectHandle) -> None:
    panel = RuntimePanel(service)
    touches = ClosingTopics(panel)
    panel.act(service.runtime.status, touches=touches)
    eventually(lambda: panel.comm is None)
    assert _threads_left() == []


def test_work_that_comes_when_the_last_widget_is_closed_is_not_begun(service: ProjectHandle) -> None:
    panel = RuntimePanel(service)
    panel.close()
    assert panel.shared.run(service.runtime.start) is None
    assert _threads_left() == []
    assert service.runtime.status().state == "stopped"
