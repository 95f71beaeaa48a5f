"""The cockpit of one project, and of a session: the panels, composed."""

from __future__ import annotations

import threading
from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets

from att.client.session import Session
from att.client.wording import brief
from att.errors import ATTError
from att.notebook.event_list import EventList
from att.notebook.health_strip import HealthStrip
from att.notebook.history_chart import TestHistoryChart
from att.notebook.logview import LogView
from att.notebook.markup import Markup, alert, as_shown, empty, old, reason
from att.notebook.mcp_panel import McpPanel
from att.notebook.panel import Panel, button, close_tree
from att.notebook.picker import ProjectPicker
from att.notebook.runtime_panel import RuntimePanel
from att.notebook.suite_panel import TestRunPanel, counts_html
from att.notebook.tones import status_badge
from att.notebook.topics import TestsTopic, TestsValue

if TYPE_CHECKING:
    from att.client.project import ProjectHandle

__all__ = ["Dashboard", "SessionDashboard"]

_FIRST_SECONDS = 2.0
_TABS = ("Log", "Tests", "History", "Events")
_NOTHING = empty("No project chosen", "Choose one above, or make a new one.")


class Dashboard(Panel):
    """Everything about one project: buttons, state, health strip, log, tests, history and events.

    `runtime`, `health`, `logs` and `tests` are the panels; `history` and `events` are made when their tab is opened.
    """

    def __init__(self, project: ProjectHandle, *, log_height: str = "280px") -> None:
        self.project = project
        self.logs = LogView(project, height=log_height)  # the only one that may fail, so that it leaves none behind
        self.runtime = RuntimePanel(project)
        self.health = HealthStrip(project)
        self.tests = TestRunPanel(project)
        self.history: TestHistoryChart | None = None
        self.events: EventList | None = None
        self.last_tests = Markup()
        self.runtime.children = (*self.runtime.children[:-1], self.health, self.last_tests, self.runtime.children[-1])
        places = [ipywidgets.VBox([self.logs]), ipywidgets.VBox([self.tests]), ipywidgets.VBox(), ipywidgets.VBox()]
        self.tabs = ipywidgets.Tab(places, titles=_TABS)
        self.tabs.add_class("att-tabs")
        super().__init__(project.session, [self.runtime, self.tabs], title=f"Dashboard of {project.id}")
        self.tabs.observe(self._opened, "selected_index")
        self.watch(TestsTopic(project.id), self._draw_tests)

    def _opened(self, change: Any) -> None:
        with self._drawing:
            if change["new"] == _TABS.index("History") and self.history is None:
                self.history = TestHistoryChart(self.project)
                self.tabs.children[change["new"]].children = [self.history]
            if change["new"] == _TABS.index("Events") and self.events is None:
                self.events = EventList(self.project)
                self.tabs.children[change["new"]].children = [self.events]

    def _draw_tests(self, value: TestsValue) -> None:
        run = value.run
        if run is None:
            self.last_tests.html = ""
            return
        when = brief(run.ended_at or run.started_at)
        head = f"<span class='att-strip-name'>last tests</span>{status_badge(run.status or 'running')}"
        if run.state == "running":
            head = "<span class='att-strip-name'>tests</span><span class='att-busy'>◐ running</span>"
            when = f"{run.finished} of {run.collected}" if run.collected else ""
        told = f"<span class='att-faint att-small'>{escape(when)}</span>"
        row = f"<div class='att-flex'>{head}{counts_html(run)}{told}</div>"
        self.last_tests.html = row if value.error is None else old(row)

    def close(self) -> None:
        """Close every panel; the project goes on."""
        if not getattr(self, "_closed", True):
            self.logs.close()
        super().close()


class SessionDashboard(Panel):
    """A menu of the session's projects, a form for new ones, and the dashboard of the one that is chosen.

    The MCP servers stand below when they are asked for: showing them connects them.
    """

    def __init__(self, session: Session, *, project: str = "") -> None:
        self.picker = ProjectPicker(session, value=project)
        self.instead = Markup(_NOTHING)
        self.instead.on_act(lambda _name, _value: self._show(self.picker.value))
        self.place = ipywidgets.VBox([self.instead])
        self.dashboard: Dashboard | None = None
        self._settled = threading.Event()
        self._settled.set()
        self.mcp: McpPanel | None = None
        self.mcp_more = button("MCP servers", "plug", self._toggle_mcp, tip="Show or hide the external MCP servers")
        self.mcp_more.layout.align_self = "flex-start"
        self.mcp_place = ipywidgets.VBox()
        super().__init__(session, [self.picker, self.place, self.mcp_more, self.mcp_place], title="ATT")
        self.picker.observe(lambda change: self._show(change["new"]), "value")
        if self.picker.value:
            self._show(self.picker.value)

    def static_body(self) -> str:
        """Return the menu, and the dashboard that was chosen; a new one is waited for, a moment at most."""
        self.picker.wait_drawn()
        self._settled.wait(_FIRST_SECONDS)
        return super().static_body()

    def __repr__(self) -> str:
        projects = sum(1 for _, name in self.picker.menu.options if name)
        return f"<ATT: dashboard of {projects} {'project' if projects == 1 else 'projects'}>"

    def close(self) -> None:
        """Close what is shown and what is not; projects go on."""
        if not getattr(self, "_closed", True):
            close_tree(self.instead)
        super().close()

    def _toggle_mcp(self) -> None:
        with self._drawing:
            before, self.mcp = self.mcp, None if self.mcp is not None else McpPanel(self.session)
            self.mcp_place.children = [self.mcp] if self.mcp is not None else []
        if before is not None:
            before.close()

    def _show(self, project: str) -> None:
        """Make the dashboard in a thread: it reads the log."""
        self._settled.clear()
        self.act(
            lambda: self._made(project),
            done=lambda made: self._put(project, made),
            discard=lambda made: made.close() if isinstance(made, Dashboard) else None,
        )

    def _made(self, project: str) -> Dashboard | ATTError | None:
        try:
            return Dashboard(self.session.handle(project)) if project else None
        except ATTError as error:
            return error

    def _put(self, project: str, made: Dashboard | ATTError | None) -> None:
        failed = made if isinstance(made, ATTError) else None
        dashboard = None if isinstance(made, ATTError) else made
        if project != self.picker.value:
            if dashboard is not None:
                dashboard.close()  # another one was chosen meanwhile
            return
        before, self.dashboard = self.dashboard, dashboard
        self.instead.html = _NOTHING if failed is None else _not_opened(project, failed)
        self.place.children = [dashboard or self.instead]
        self._settled.set()
        if before is not None:
            before.close()


def _not_opened(project: str, error: ATTError) -> str:
    again = "<button class='att-small-button' data-act='again' data-focus='again'>↻ Try again</button>"
    return alert("bad", f"✗ {project} cannot be shown", f"<p>{as_shown(reason(error))}</p>{again}")
