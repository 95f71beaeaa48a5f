"""Start, stop and restart a project, and see how it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets

from att.client.opening import proxied
from att.client.wording import brief, log_line
from att.errors import NotFound
from att.notebook.markup import Markup, alert, as_shown, badge, facts, lost, old
from att.notebook.panel import Panel, button
from att.notebook.tones import health_badge, state_badge
from att.notebook.topics import ProjectTopic, ProjectValue
from att.runtime.models import Diagnostics, RuntimeStatus

if TYPE_CHECKING:
    from att.client.project import ProjectHandle

__all__ = ["RuntimePanel"]

_LIVING = frozenset({"starting", "running", "stopping", "backoff"})
_SHOWN_LINES = 15


class RuntimePanel(Panel):
    """State, health, uptime, CPU and memory of a project, and the buttons that change them.

    When it has crashed, its end, the diagnosis with its remedy and the last lines stand below.
    """

    names_itself = True

    def __init__(self, project: ProjectHandle) -> None:
        self.project, self.topic = project, ProjectTopic(project.id)
        self.start = self._button("Start", "play", project.runtime.start, f"Start {project.id}", "att-main")
        self.stop = self._button("Stop", "stop", project.runtime.stop, f"Stop {project.id}", "att-stop")
        self.restart = self._button("Restart", "refresh", project.runtime.restart, f"Restart {project.id}")
        self._ways: dict[str, str] = {}
        self.buttons = (self.start, self.stop, self.restart)
        for made in self.buttons:
            made.disabled = True
        self.head = Markup(_loading(project.id), classes="att-grow")
        self.detail = Markup()
        top = ipywidgets.HBox([self.head, *self.buttons])
        for name in ("att-row", "att-top"):
            top.add_class(name)
        super().__init__(project.session, [top, self.detail], title=f"Runtime of {project.id}")
        self.add_class("att-card")
        self.watch(self.topic, self._draw)

    def _button(self, text: str, icon: str, work: Callable[[], Any], tip: str, classes: str = "") -> ipywidgets.Button:
        def click() -> None:
            self.act(work, busy=self.buttons, touches=[self.topic])

        return button(text, icon, click, tip=tip, classes=classes)

    def _draw(self, value: ProjectValue) -> None:
        status = value.status
        if status is None:
            self.head.html = _title(self.project.id, [badge("bad", "✗ not reachable")])
        else:
            known = _title(self.project.id, [*_badges(status), self._link(status.url)]) + _facts(status, value)
            self.head.html = known if value.error is None else old(known)
            living, gone = status.state in _LIVING, isinstance(value.error, NotFound)
            self.start.disabled = living or gone
            self.stop.disabled = not living or gone
            self.restart.disabled = status.state in ("starting", "stopping") or gone
        self.detail.html = _detail(value)

    def _link(self, url: str | None) -> str:
        """Return the link to the project; a page that is shown elsewhere takes the way through the Jupyter server."""
        if not url:
            return ""
        if url not in self._ways:
            self._ways = {url: proxied(url, self.session) or ""}
        way = f"data-proxied='{escape(self._ways[url])}'"
        return f"<a href='{escape(url)}' {way} target='_blank' rel='noopener'>{escape(url)}</a>"


def _loading(project: str) -> str:
    return _title(project, [badge("idle", "… reading")])


def _title(project: str, badges: Sequence[str]) -> str:
    return (
        f"<div class='att-flex' role='status'><span class='att-title'>{escape(project)}</span> {''.join(badges)}</div>"
    )


def _badges(status: RuntimeStatus) -> list[str]:
    badges = [state_badge(status)]
    if status.state in ("running", "starting"):
        badges.append(health_badge(status.health))
    if status.restart_to_apply:
        badges.append(badge("warn", "✎ restart to apply new settings"))
    return badges


def _facts(status: RuntimeStatus, value: ProjectValue) -> str:
    pairs: dict[str, str] = {}
    if status.state in _LIVING and status.uptime_seconds is not None:
        pairs["up"] = brief(status.uptime_seconds, "_seconds")
    used = status.resources
    if used is not None:
        cpu = [sample.cpu_percent for sample in value.usage if sample.cpu_percent is not None]
        if used.cpu_percent is not None:
            pairs["CPU"] = f"{used.cpu_percent:.0f} %{_spark(cpu, 'att-busy', least=20)}"
        memory = [float(sample.rss_bytes) for sample in value.usage]
        pairs["memory"] = f"{brief(used.rss_bytes, '_bytes')}{_spark(memory, 'att-odd')}"
    if status.pid is not None and status.state in _LIVING:
        pairs["pid"] = str(status.pid)
    if status.restarts:
        pairs["restarts"] = str(status.restarts)
    if not pairs and value.diagnostics is not None:
        return ""  # it stands below, with more
    if not pairs:
        reason = status.reason or (status.exit.reason if status.exit else "Not started yet.")
        return f"<div class='att-faint att-under-title'>{as_shown(reason)}</div>"
    return facts(pairs)


def _spark(values: Sequence[float], tone: str, least: float = 0.0) -> str:
    """Return a small curve; the number beside it says the last value."""
    if len(values) < 2:
        return ""
    top, width, height = max(*values, least) or 1.0, 64.0, 16.0
    step = width / (len(values) - 1)
    points = " ".join(f"{i * step:.1f},{height + 1 - value / top * height:.1f}" for i, value in enumerate(values))
    line = f"M{points.replace(' ', 'L')}"
    under = f"<path class='att-under' d='{line}L{width},18L0,18Z'/>"
    svg = f"<svg class='att-spark {tone}' viewBox='0 0 64 18' aria-hidden='true'>{under}<path d='{line}'/></svg>"
    return f"&ensp;{svg}"


def _detail(value: ProjectValue) -> str:
    status, parts = value.status, []
    if value.error is not None:
        parts.append(lost(value.error, "What stands above is how it was before." if status is not None else ""))
    if status is None:
        return "".join(parts)
    if status.state == "running" and status.health in ("unhealthy", "transient") and status.reason:
        tone, sign = ("bad", "✗") if status.health == "unhealthy" else ("warn", "~")
        parts.append(alert(tone, f"{sign} {status.health}", f"<p>{as_shown(status.reason)}</p>"))
    if status.supervised_by is None and status.state in _LIVING:
        parts.append(alert("warn", "~ Nobody supervises this project: no probes, no restarts."))
    if value.diagnostics is not None:
        parts.append(_crash(status, value.diagnostics))
    return "".join(parts)


def _crash(status: RuntimeStatus, told: Diagnostics) -> str:
    end = told.exit or status.exit
    after = f" after {brief(end.uptime_seconds, '_seconds')}" if end and end.uptime_seconds is not None else ""
    title = f"✗ {(end.reason if end else status.reason or status.state).rstrip('.')}{after}"
    body = ""
    if status.next_restart_at is not None:
        body += f"<p>It is started again at {brief(status.next_restart_at)}.</p>"
    if told.diagnosis:
        remedy = f" {escape(told.diagnosis.remedy)}" if told.diagnosis.remedy else ""
        body += f"<p><b>{as_shown(told.diagnosis.summary)}</b>{remedy}</p>"
    if told.last_lines:
        lines = "\n".join(escape(log_line(line)) for line in told.last_lines[-_SHOWN_LINES:])
        shown = f"<pre data-scroll='lines' data-end='1' tabindex='0'>{lines}</pre>"
        body += f"<details open data-key='lines'><summary>Last lines</summary>{shown}</details>"
    return alert("bad", title, body)
