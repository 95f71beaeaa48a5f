"""Charts of a project's test history."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets

from att.errors import ATTError, Unavailable
from att.notebook.history_topic import HistoryTopic, HistoryValue
from att.notebook.markup import Markup, empty, lost, old
from att.notebook.panel import Panel, button

if TYPE_CHECKING:
    from att.client.project import ProjectHandle
    from att.testing.history.history import History

__all__ = ["TestHistoryChart"]

_KINDS = [
    ("Outcomes and pass rate", "trend"),
    ("Tests over runs", "heatmap"),
    ("Slowest tests", "slowest"),
    ("Failures that look alike", "failures"),
]
_PERIODS = [("7 days", "7d"), ("30 days", "30d"), ("90 days", "90d"), ("one year", "365d")]
_EVERY_SUITE = ("every suite", "")
_DOTS_PER_INCH = 110


class TestHistoryChart(Panel):
    """A chart of the history, drawn without pyplot in a thread, and drawn again when runs have joined the history."""

    __test__ = False

    def __init__(self, project: ProjectHandle, *, kind: str = "trend", since: str = "90d") -> None:
        self.project = project
        self.kind = ipywidgets.Dropdown(options=_KINDS, value=kind, description="Chart", tooltip="What is drawn")
        self.period = ipywidgets.Dropdown(options=_PERIODS, value=since, description="Last", tooltip="How far back")
        self.suite = ipywidgets.Dropdown(options=[_EVERY_SUITE], value="", description="Suite", tooltip="Which suite")
        again = button("Refresh", "refresh", self._load, tip="Fetch the history again")
        self.said = Markup("<div class='att-faint' role='status'>Drawing…</div>")
        self.image = ipywidgets.Image(format="png")
        self.image.layout.display = "none"
        self._changed: int | None = None
        self._wanted = 0
        self._lost = False
        controls = ipywidgets.HBox([self.kind, self.period, self.suite, again])
        controls.add_class("att-row")
        children = [controls, self.said, self.image]
        super().__init__(project.session, children, title=f"Test history of {project.id}")
        for choice in (self.kind, self.period, self.suite):
            choice.observe(lambda _: self._load(), "value")
        self.watch(HistoryTopic(project.id), self._look)

    def _look(self, value: HistoryValue) -> None:
        """Load when the history has changed since the last time, or can be read again."""
        if value.error is not None:
            self._wanted += 1  # what is being drawn is old as well
            self._changed = None
            self._lose(value.error)
        elif value.changed != self._changed:
            self._changed = value.changed
            self._load()

    def _lose(self, error: ATTError) -> None:
        """Say what went wrong, and leave what was drawn as what it was before."""
        self._lost = True
        self.said.html = lost(error, "What stands below is how it was before." if self.image.value else "")
        self.image.add_class("att-lost")
        if isinstance(error, Unavailable):
            self._changed = None  # drawn again as soon as it can be read

    def _load(self) -> None:
        self._wanted += 1
        wanted, kind, since, suite = self._wanted, str(self.kind.value), self.period.value, self.suite.value
        if not self._lost:
            self.said.html = "<div class='att-faint' role='status'>Drawing…</div>"

        def drawn() -> _Drawn | ATTError:
            try:
                history = self.project.tests.history(since=since, suite=suite or None)
                return _drawn(history, kind)
            except ATTError as error:
                return error

        def show(result: _Drawn | ATTError) -> None:
            if wanted != self._wanted:
                return
            if isinstance(result, ATTError):
                self._lose(result)
            else:
                self._lost = False
                self.image.remove_class("att-lost")
                self.said.html = result.words
                self.image.value = result.picture
                self.image.tooltip = f"{self.heading}: {result.told}"  # its name for a screen reader
                self.image.layout.display = "" if result.picture else "none"
                if not suite:
                    self.suite.options = [_EVERY_SUITE, *((name, name) for name in result.suites)]

        self.act(drawn, done=show)

    def static_body(self) -> str:
        """Return the sentence and the chart as they are now."""
        if not self.image.value:
            return super().static_body()
        data = base64.b64encode(self.image.value).decode()
        told = escape(self.image.tooltip or self.heading)
        picture = f"<img alt='{told}' style='max-width:100%' src='data:image/png;base64,{data}'>"
        return super().static_body() + (old(picture) if self._lost else picture)


@dataclass(frozen=True)
class _Drawn:
    """A sentence, what the picture tells, the picture, and the suites that have runs in this time."""

    words: str
    told: str = ""
    picture: bytes = b""
    suites: tuple[str, ...] = ()


def _drawn(history: History, kind: str) -> _Drawn:
    runs, results = len(history.runs), len(history.results)
    suites = tuple(sorted(history.runs["suite"].dropna().unique()))
    if not runs:
        hint = "Run some tests, or load reports with p.tests.load('reports/*.xml')."
        return _Drawn(empty("No test runs in this time", hint))
    if kind == "failures" and history.failures.empty:
        return _Drawn(empty("No failures in this time", "Nothing to group."), suites=suites)
    figure: Any = getattr(history.plot, kind)()
    target = io.BytesIO()
    figure.savefig(target, format="png", dpi=_DOTS_PER_INCH)
    words = f"{runs} {'run' if runs == 1 else 'runs'}, {results:,} results"
    said = f"<div class='att-faint att-small' role='status'>{words}</div>"
    title = next(title for title, name in _KINDS if name == kind)
    return _Drawn(said, f"{title}, {words}", target.getvalue(), suites)
