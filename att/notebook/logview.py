"""The log view: what a project writes, live, in a window of rows; none of it lands in the widget state."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from att.notebook.exporting import log_html
from att.notebook.feed import FeedState, LogFeed
from att.notebook.looks import script, styles
from att.notebook.shared import Shared
from att.runtime.models import Stream

if TYPE_CHECKING:
    from att.client.project import ProjectHandle

__all__ = ["LogView"]

FIRST_LINES = 2000
EXPORTED_LINES = 100


class LogView(anywidget.AnyWidget):
    """The output of a project: search, levels, streams, times, follow and pause, copy and download.

    It begins with the last lines of the latest run and goes on through restarts. The page and the kernel keep the last
    `max_lines` rows, fewer of very long ones; a page that is loaded again gets them again, and none twice. Holes are
    marked. Close it when done: `view.close()` ends its thread; the project runs on.

    Raises NotFound when the project or run does not exist, and Unavailable when ATT cannot be reached.
    """

    _esm = script("ansi.js", "lines.js", "parts.js", "filter.js", "rows.js", "logview.js")
    _css = styles("palette.css", "logview.css")

    project = traitlets.Unicode().tag(sync=True)
    limit = traitlets.Int(20_000).tag(sync=True)
    follow = traitlets.Bool(True).tag(sync=True)
    height = traitlets.Unicode("360px").tag(sync=True)
    stream = traitlets.Unicode().tag(sync=True)
    place = traitlets.Unicode().tag(sync=True)
    """By which the page remembers where the reader was: the same after a reload and with the next kernel."""
    state = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        project: ProjectHandle,
        *,
        follow: bool = True,
        max_lines: int = 20_000,
        height: str = "360px",
        stream: Stream | None = None,
        run: str | None = None,
        probes: bool = False,
    ) -> None:
        chosen = {"stream": stream, "run": run, "probes": probes or None}
        given = {"project": project.id} | {name: value for name, value in chosen.items() if value is not None}
        self._feed = LogFeed(project.session, given, max_lines, self._give, self._tell)
        self._feed.read(min(max_lines, FIRST_LINES))
        shared = Shared.of(project.session)
        super().__init__(
            project=project.id,
            stream=stream or "",
            place=_place(project.id, shared),
            limit=max_lines,
            follow=follow,
            height=height,
            state={"kind": "live" if follow else "ended", "text": "" if follow else "as it was read"},
        )
        self.on_msg(self._hear)
        self._shared: Shared | None = shared
        shared.enter(self)
        self._feed.start(follow=follow)

    @property
    def cursor(self) -> str | None:
        """Where to go on reading with `p.logs.read(cursor)`."""
        return self._feed.cursor

    @property
    def received(self) -> int:
        """Rows that came so far: lines, and marks between them."""
        return self._feed.received

    def close(self) -> None:
        """End the thread and the view in every page; closing twice does nothing more."""
        # The finalizer closes it as well, also one that could not be made, in any thread at any moment: what was closed
        # waits for nobody.
        shared, self._shared = getattr(self, "_shared", None), None
        if shared is None:
            return
        self._feed.close()
        shared.leave(self)
        self.layout.close()
        super().close()

    def static_html(self) -> str:
        """Return the last lines as they are now, for exports."""
        return log_html(self.project, self._feed.tail(EXPORTED_LINES))

    def _give(self, told: dict[str, Any], data: bytes) -> None:
        self.send(told, buffers=[data])

    def _tell(self, kind: FeedState, text: str) -> None:
        self.state = {"kind": kind, "text": text}

    def _hear(self, _view: Any, content: Mapping[str, Any], _buffers: Any) -> None:
        if content.get("type") == "hello":
            self._feed.hello(content.get("epoch"), content.get("next"))

    def __repr__(self) -> str:
        return f"<log of {self.project}: {self.received} rows, {self.state['kind']}>"

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is not None:
            bundle[0]["text/html"] = self.static_html()
            bundle[0]["text/plain"] = repr(self)
        return bundle


def _place(project: str, shared: Shared) -> str:
    """Return a place for a view that no other open view of the project in this notebook has."""
    notebook = os.environ.get("JPY_SESSION_NAME", "")
    taken = {widget.place for widget in shared.open if isinstance(widget, LogView)}
    places = (f"{project}:{number}:{notebook}" for number in itertools.count())
    return next(place for place in places if place not in taken)
