"""A piece of HTML that Python writes and writes again; the page keeps what the reader has opened in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from typing import Any

import anywidget
import traitlets

from att.client.http import RECONNECT
from att.errors import ATTError, NotFound, Unavailable
from att.notebook.looks import script, styles
from att.terminal import plain

__all__ = ["Markup", "alert", "as_shown", "badge", "empty", "facts", "lost", "old", "reason"]


class Markup(anywidget.AnyWidget):
    """Shows `html`. Elements with `data-act` tell the listeners when they are clicked."""

    _esm = script("markup.js")
    _css = styles("palette.css", "widgets.css")

    html = traitlets.Unicode().tag(sync=True)

    def __init__(self, html: str = "", *, classes: str = "") -> None:
        super().__init__(html=html)
        for name in classes.split():
            self.add_class(name)

    def on_act(self, does: Callable[[str, str], None]) -> None:
        """Call `does` with the name and the value of what was clicked."""

        def hear(_view: Any, content: Mapping[str, Any], _buffers: Any) -> None:
            if content.get("type") == "act":
                does(str(content.get("name")), str(content.get("value")))

        self.on_msg(hear)


def as_shown(text: str) -> str:
    """Return what a program has written, as a terminal would show it in the end, as HTML."""
    return escape(plain(text))


def badge(tone: str, text: str, *, label: str = "") -> str:
    """Return a pill; `text` begins with a sign, so that it says the same without colour."""
    name = f" aria-label='{escape(label)}'" if label else ""
    return f"<span class='att-badge att-{tone}'{name}>{escape(text)}</span> "


def facts(pairs: Mapping[str, str]) -> str:
    """Return names with values, which are HTML already."""
    rows = "".join(f"<span><i>{escape(name)}</i> <b>{value}</b></span> " for name, value in pairs.items())
    return f"<div class='att-facts'>{rows}</div>"


def alert(tone: str, title: str, body: str = "", *, dismiss: bool = False) -> str:
    """Return a box that is read out; `body` is HTML."""
    button = "<button class='att-plain' data-act='dismiss' aria-label='Dismiss'>✕</button>" if dismiss else ""
    head = f"<div class='att-head'><span>{as_shown(title)}</span>{button}</div>"
    return f"<div class='att-alert att-{tone}' role='alert'>{head}{body}</div>"


def reason(error: ATTError) -> str:
    """Return what an error says, without the advice that is for a cell."""
    return str(error).removesuffix(RECONNECT).rstrip()


def lost(error: ATTError | None, stale: str = "") -> str:
    """Return why something could not be read anew, or nothing; `stale` says what is old now."""
    if error is None:
        return ""
    follows = "It is tried again by itself." if isinstance(error, Unavailable) else ""
    if isinstance(error, NotFound):
        follows = "Close this view, or make the project again: then it goes on."
    more = " ".join(filter(None, [stale, follows]))
    told = "".join(f"<p>{as_shown(words)}</p>" for words in (reason(error), more) if words)
    return alert("bad", f"✗ {error.title}", told)


def old(html: str) -> str:
    """Return HTML without its colours, since it tells of earlier."""
    return f"<div class='att-lost'>{html}</div>"


def empty(title: str, hint: str = "") -> str:
    """Return what stands where nothing is yet, and how to get something there."""
    # Blocks by themselves: a page that does not trust the notebook takes the styles away.
    below = f"<div>{escape(hint)}</div>" if hint else ""
    return f"<div class='att-empty'><div><b>{escape(title)}</b></div>{below}</div>"
