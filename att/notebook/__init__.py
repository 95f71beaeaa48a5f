"""The cockpit in a notebook: widgets and the log view, over the client protocol only."""

from __future__ import annotations

from att.client.session import Session
from att.notebook.dashboard import Dashboard, SessionDashboard
from att.notebook.event_list import EventList
from att.notebook.health_strip import HealthStrip
from att.notebook.history_chart import TestHistoryChart
from att.notebook.logview import LogView
from att.notebook.mcp_panel import McpPanel
from att.notebook.panel import Panel
from att.notebook.picker import ProjectPicker
from att.notebook.runtime_panel import RuntimePanel
from att.notebook.suite_panel import TestRunPanel

__all__ = [
    "Dashboard",
    "EventList",
    "HealthStrip",
    "LogView",
    "McpPanel",
    "Panel",
    "ProjectPicker",
    "RuntimePanel",
    "SessionDashboard",
    "TestHistoryChart",
    "TestRunPanel",
    "dashboard",
]


def dashboard(session: Session, *, project: str = "") -> SessionDashboard:
    """Return the cockpit of a session; `project` is chosen first."""
    return SessionDashboard(session, project=project)
