"""What happened, newest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from itertools import groupby
from typing import Any

from att.client.project import ProjectHandle
from att.client.session import Session
from att.client.wording import brief
from att.events.models import Event
from att.notebook.markup import Markup, as_shown, empty, lost
from att.notebook.panel import Panel
from att.notebook.tones import event_look
from att.notebook.topics import EventsTopic, EventsValue

__all__ = ["EventList"]

_SHOWN = 100
_COUNTS = ("passed", "failed", "errors", "skipped")


class EventList(Panel):
    """The events of a project, or of all of a session, in words."""

    def __init__(self, source: ProjectHandle | Session) -> None:
        project = source.id if isinstance(source, ProjectHandle) else None
        session = source.session if isinstance(source, ProjectHandle) else source
        self.all = project is None
        self.list = Markup("<div class='att-faint'>Reading…</div>")
        super().__init__(session, [self.list], title=f"Events of {project or 'all projects'}")
        self.watch(EventsTopic(project), self._draw)

    def _draw(self, value: EventsValue) -> None:
        gone = lost(value.error)
        if not value.events:
            self.list.html = gone or empty("Nothing happened yet", "Starts, stops, crashes and test runs appear here.")
            return
        self.list.html = gone + _list(value.events, self.all)


def _list(events: Sequence[Event], with_project: bool) -> str:
    newest = list(reversed(events))[:_SHOWN]
    days = []
    for day, of_day in groupby(newest, key=lambda event: f"{event.at.astimezone():%A, %d %B}"):
        items = "".join(_item(event, with_project) for event in of_day)
        days.append(f"<li class='att-day'>{day}</li>{items}")
    label = "Events, the newest first"
    return f"<ul class='att-events' data-scroll='events' tabindex='0' aria-label='{label}'>{''.join(days)}</ul>"


def _item(event: Event, with_project: bool) -> str:
    tone, sign = event_look(event)
    words, why = said(event)
    of = f"<b>{escape(event.project)}</b> " if with_project and event.project else ""
    more = f" <span class='att-why'>{as_shown(why)}</span>" if why else ""
    moment = event.at.astimezone()
    return (
        f"<li><time datetime='{moment.isoformat()}' title='{brief(event.at)}'>{moment:%H:%M:%S}</time>"
        f"<span class='att-sign att-{tone}' aria-hidden='true'>{sign}</span>"
        f"<span>{of}{escape(words)}{more}</span></li>"
    )


def said(event: Event) -> tuple[str, str]:
    """Return an event in words, and why it happened."""
    data = event.data
    if event.kind == "runtime.state":
        return f"{data.get('from')} → {data.get('to')}", str(data.get("reason") or "")
    if event.kind == "runtime.health":
        return f"health: {data.get('from')} → {data.get('to')}", str(data.get("reason") or "")
    if event.kind == "runtime.restarted":
        after = data.get("delay_seconds")
        return "restarted", f"{brief(after, '_seconds')} after its end" if after else str(data.get("trigger") or "")
    if event.kind.startswith("mcp."):
        return _server_said(event)
    if event.kind == "test.started":
        return "tests started", _asked(data.get("request") or {})
    if event.kind == "test.ended":
        counts = ", ".join(f"{data[name]} {name}" for name in _COUNTS if data.get(name))
        return f"tests {str(data.get('status')).replace('_', ' ')}", counts
    if event.kind == "test.imported":
        runs, sources = data.get("runs"), ", ".join(data.get("sources", ()))
        return f"{runs} test {'run' if runs == 1 else 'runs'} loaded", f"{data.get('results')} results of {sources}"
    return event.kind.replace(".", " ").replace("_", " "), brief(data) if data else ""


_ASKED = {"markers": "marked {}", "keyword": "named {}", "shards": "in {} shards", "executor": "on {}"}


def _asked(request: Mapping[str, Any]) -> str:
    """Return in words what a test run was asked for; what is left out is the default."""
    targets, words = request.get("targets") or (), []
    if targets:
        words.append(targets[0] if len(targets) == 1 else f"{len(targets)} chosen")
    elif request.get("suite"):
        words.append(str(request["suite"]))
    words += [told.format(request[name]) for name, told in _ASKED.items() if request.get(name)]
    if request.get("timeout"):
        words.append(f"at most {brief(request['timeout'], '_seconds')}")
    if request.get("coverage_threshold"):
        words.append(f"coverage of at least {request['coverage_threshold']:g} %")
    if request.get("extra_args"):
        words.append(" ".join(request["extra_args"]))
    return ", ".join(words)


def _server_said(event: Event) -> tuple[str, str]:
    data, name = event.data, f"MCP server {event.data.get('server')}"
    if event.kind == "mcp.state":
        return f"{name}: {data.get('before')} → {data.get('after')}", str(data.get("reason") or "")
    return f"{name} {event.kind.removeprefix('mcp.')}", str(data.get("transport") or "")
