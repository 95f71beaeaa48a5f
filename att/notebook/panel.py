"""What every panel has: watching, work in threads, errors where they happened, and a proper end."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from html import escape
from typing import Any

import ipywidgets

from att.client.session import Session
from att.errors import ATTError, Internal
from att.notebook.exporting import figure_html
from att.notebook.looks import styles
from att.notebook.markup import Markup, alert, as_shown, reason
from att.notebook.pulse import Topic
from att.notebook.shared import Shared

__all__ = ["Panel", "button", "close_tree"]

_FIRST_SECONDS = 2.0
_LOG = logging.getLogger(__name__)


class Panel(ipywidgets.VBox):
    """A widget over one session. Close it when done; what it showed goes on.

    `_drawing` lets one thread at a time change what is shown. Clicks come in a kernel's thread and return at once:
    the work is done by the session's workers.
    """

    names_itself = False
    """Whether what it shows says what it is; others have their heading above them inside other panels."""

    def __init__(self, session: Session, children: Sequence[Any], *, title: str) -> None:
        self.session, self.heading = session, title
        self.shared = Shared.of(session)
        self.notice = Markup()
        self._notice_by = ""
        self._drawing = threading.RLock()
        self._ends: list[Callable[[], None]] = []
        self._waiting = 0
        self._drawn = threading.Event()
        super().__init__([*children, self.notice])
        self._closed = False
        self.add_class("att-panel")
        self.notice.on_act(lambda name, _: self.tell_error(None) if name == "dismiss" else None)
        self.shared.enter(self)

    def watch(self, topic: Topic, draw: Callable[[Any], None]) -> None:
        """Draw each new value of a topic."""

        seen = False

        def show(value: Any) -> None:
            nonlocal seen
            with self._drawing:
                if not self._closed:
                    draw(value)
                self._waiting -= not seen
                seen = True
                if not self._waiting:
                    self._drawn.set()

        self._waiting += 1
        self._drawn.clear()
        self._ends.append(self.shared.watch(topic, show))

    def act(
        self,
        work: Callable[[], Any],
        *,
        done: Callable[[Any], None] | None = None,
        busy: Sequence[Any] = (),
        touches: Sequence[Topic] = (),
        discard: Callable[[Any], None] | None = None,
    ) -> None:
        """Do `work` in a thread, with the widgets `busy` disabled, and show its error or hand its result to `done`.

        A result that comes after the panel was closed goes to `discard`.
        """
        for widget in busy:
            widget.disabled = True

        def run() -> None:
            result, error = _tried(work)
            with self._drawing:
                if not self._closed:
                    for widget in busy:
                        widget.disabled = False
                    self.tell_error(error)
                    if error is None and done is not None:
                        done(result)
                elif error is None and discard is not None:
                    discard(result)
                    return
            if not self._closed:
                for topic in touches:
                    self.shared.touch(topic)

        begun = None if self._closed else self.shared.run(run)
        if begun is not None:
            begun.add_done_callback(_told)

    def tell_error(self, error: ATTError | None) -> None:
        """Show an error until it is dismissed or something succeeds."""
        self.notice.html = "" if error is None else alert("bad", f"✗ {error.title}", _because(error), dismiss=True)

    def static_html(self) -> str:
        """Return the panel as it is now, in a frame, for exports; a new one is waited for, a moment at most."""
        return figure_html(self.heading, self.static_body())

    def static_body(self) -> str:
        """Return what stands in that frame."""
        self.wait_drawn()
        return "".join(_static(child) for child in self.children)

    def wait_drawn(self) -> None:
        """Wait until everything that is watched was drawn once, a moment at most."""
        if self._waiting:
            self._drawn.wait(_FIRST_SECONDS)

    def close(self) -> None:
        """End watching and remove the panel from every page; closing twice does nothing more."""
        # The finalizer closes it as well, also one that could not be made, in any thread at any moment: what was closed
        # waits for nobody.
        if getattr(self, "_closed", True):
            return
        with self._drawing:
            self._closed = True
        for end in self._ends:
            end()
        close_tree(self)
        self.shared.leave(self)

    def __repr__(self) -> str:
        return f"<{self.heading}>"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        bundle = super()._repr_mimebundle_(**kwargs)
        if isinstance(bundle, dict):
            looks = styles("palette.css", "widgets.css")
            bundle["text/html"] = f"<style>{looks}</style><div class='att'>{self.static_html()}</div>"
            bundle["text/plain"] = repr(self)
        return bundle


def button(text: str, icon: str, does: Callable[[], None], *, tip: str, classes: str = "") -> ipywidgets.Button:
    """Return a button. Its text is its name; its tooltip is what a screen reader says of it beside the name."""
    made = ipywidgets.Button(description=text, icon=icon, tooltip=tip)
    for name in ("att-button", *classes.split()):
        made.add_class(name)
    made.on_click(lambda _: does())
    return made


def close_tree(widget: Any) -> None:
    """Close a widget and everything in it, with their layouts and styles: each has a comm of its own."""
    for name in list(widget.keys):
        value = getattr(widget, name, None)
        for part in value if isinstance(value, list | tuple) else (value,):
            if isinstance(part, Panel):
                part.close()
            elif isinstance(part, ipywidgets.Widget) and part.comm is not None:
                close_tree(part)
    ipywidgets.Widget.close(widget)


def _tried(work: Callable[[], Any]) -> tuple[Any, ATTError | None]:
    """Return what work returns, or the error to show."""
    try:
        return work(), None
    except ATTError as error:
        return None, error
    except Exception as error:  # noqa: BLE001 - it is logged and shown
        # A panel that stays busy for ever without a word would be worse.
        _LOG.exception("a click failed")
        return None, Internal(f"This is a defect of ATT or of what it uses: {type(error).__name__}: {error}")


def _told(work: Future[None]) -> None:
    """Log what could not even be drawn."""
    error = None if work.cancelled() else work.exception()
    if error is not None:
        _LOG.error("a click failed", exc_info=error)


def _because(error: ATTError) -> str:
    lines = [line["text"] if isinstance(line, dict) else str(line) for line in error.details.get("last_lines") or []]
    below = f"<pre>{as_shown(chr(10).join(lines[-20:]))}</pre>" if lines else ""
    return f"<p>{as_shown(reason(error))}</p>{below}"


def _static(widget: Any) -> str:
    if isinstance(widget, Markup):
        return str(widget.html)
    if isinstance(widget, Panel):
        body = widget.static_body()
        head = "" if widget.names_itself else f"<div class='att-title'>{escape(widget.heading)}</div>"
        return f"<div class='att-part'>{head}{body}</div>" if body else ""
    made = getattr(widget, "static_html", None)
    if made is not None:
        return str(made())
    return "".join(_static(child) for child in getattr(widget, "children", ()))
