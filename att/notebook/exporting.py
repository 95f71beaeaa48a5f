"""Pictures of widgets as static HTML, for a notebook that is exported or read without a kernel."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from att.notebook.batches import Row
from att.terminal import clipped, coloured

__all__ = ["figure_html", "log_html"]

_LINE = "1px solid rgba(128,128,128,.35)"
_FRAME = f"border:{_LINE};border-radius:6px;margin:4px 0;overflow:hidden;color:inherit"
_HEAD = f"padding:4px 10px;border-bottom:{_LINE};font:600 12px system-ui,sans-serif;color:inherit"
_BODY = (
    "margin:0;padding:6px 10px;max-height:24em;overflow:auto;background:transparent;color:inherit;font:12px monospace"
)
_MARKS = {"run": "▶ ", "gap": "⋯ ", "note": "■ "}
_LONGEST, _MOST_CHARACTERS = 300, 20_000


def log_html(project: str, rows: Sequence[Row]) -> str:
    """Return the last lines of a log, at most about 20,000 characters of them."""
    taken: list[str] = []
    room, lines = _MOST_CHARACTERS, 0
    for row in reversed(rows):
        line = _row(row)
        room -= len(line)
        if room < 0:
            break
        taken.append(line)
        lines += row.kind == "line"
    text = "\n".join(reversed(taken)) or "<i>Nothing written yet.</i>"
    title = f"Log of {escape(project)}: the last {lines} lines when this cell ran"
    return f"<div style='{_FRAME}'><div style='{_HEAD}'>{title}</div><pre style='{_BODY}'>{text}</pre></div>"


def _row(row: Row) -> str:
    if row.kind != "line":
        return f"<span style='opacity:.7'>{_MARKS[row.kind]}{escape(row.text)}</span>"
    text = clipped(coloured(row.text), _LONGEST)
    mark = "<span style='color:#b35900'>err│</span> " if row.stderr else "<span style='opacity:.5'>out│</span> "
    return mark + (_coloured_html(text) if "\x1b" in text else escape(text))


def _coloured_html(text: str) -> str:
    from nbconvert.filters.ansi import ansi2html  # it takes long to import, and most programs colour only a terminal

    return str(ansi2html(text))  # type: ignore[no-untyped-call]


def figure_html(title: str, body: str) -> str:
    """Return HTML in the frame that every static picture has."""
    head = f"<div style='{_HEAD}'>{escape(title)}</div>"
    return f"<div style='{_FRAME}'>{head}<div style='padding:8px 10px'>{body}</div></div>"
