"""Draws views: as text for a terminal or a plain repr, as HTML that is readable in light and dark."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Sequence
from html import escape
from importlib import import_module
from typing import TYPE_CHECKING, Any

from att.client.views import Facts, Table, Text, View, view
from att.models import Model
from att.terminal import coloured, plain

if TYPE_CHECKING:
    from att.client.project import ProjectHandle
    from att.client.session import Session

__all__ = ["handle_html", "html", "printed", "register_formatters", "session_html", "text"]

_WITH_HANDLES = ("att.client.mcp", "att.client.tests")
_LINE = "1px solid rgba(128,128,128,.35)"
_CELL = f"style='text-align:left;vertical-align:top;padding:2px 12px 2px 0;border-bottom:{_LINE}'"
_FONT = "font-family:var(--jp-code-font-family,ui-monospace,Menlo,Consolas,monospace)"
_PRE = f"style='{_FONT};max-height:24em;overflow:auto;padding:6px;border:{_LINE};background:transparent;color:inherit'"
_BOX = "style='font-size:13px;color:inherit;background:transparent'"


def text(value: Any, *, width: int | None = None, colours: bool = False) -> str:
    """Return a value or a view as text; `width` clips the lines of tables, with `colours` output keeps its own."""
    shown = value if isinstance(value, View) else view(value)
    if isinstance(shown, Text):
        return _output(shown, colours=colours)
    if isinstance(shown, Table):
        return _table_text(shown, width)
    blocks = [_pairs_text(shown.pairs), *(text(part, width=width, colours=colours) for part in shown.parts)]
    return "\n\n".join(block for block in [shown.title, *blocks] if block)


def printed(value: Any) -> str:
    """Return a value as `print` shows it, wherever its view is."""
    for name in _WITH_HANDLES:
        import_module(name)
    return text(value)


def _output(shown: Text, *, colours: bool = False) -> str:
    if not shown.output:
        return shown.text
    return coloured(shown.text) if colours else plain(shown.text)


def _pairs_text(pairs: Sequence[tuple[str, str]]) -> str:
    left = max((_width(name) for name, _ in pairs), default=0)
    return "\n".join(f"{_padded(name, left)}  {plain(value)}" for name, value in pairs)


def _table_text(shown: Table, width: int | None) -> str:
    if not shown.rows:
        return shown.empty
    lines = [list(shown.columns), *([plain(str(cell)).replace("\n", " ") for cell in row] for row in shown.rows)]
    widths = [max(_width(line[i]) for line in lines) for i in range(len(shown.columns))]
    drawn = ["  ".join(_padded(cell, w) for cell, w in zip(line, widths, strict=True)).rstrip() for line in lines]
    drawn = [line if width is None or len(line) <= width else line[: width - 1] + "…" for line in drawn]
    return "\n".join([*([shown.title] if shown.title else []), *drawn, *([shown.note] if shown.note else [])])


def _width(cell: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in cell)


def _padded(cell: str, width: int) -> str:
    return cell + " " * (width - _width(cell))


def html(value: Any) -> str:
    """Return a value or a view as HTML that takes its colours from the page."""
    shown = value if isinstance(value, View) else view(value)
    return f"<div {_BOX}>{_html(shown)}</div>"


def _html(shown: View) -> str:
    if isinstance(shown, Text):
        return f"<pre {_PRE}>{escape(_output(shown))}</pre>"
    if isinstance(shown, Table):
        return _table_html(shown)
    rows = "".join(f"<tr>{_cells('th', [name])}{_cells('td', [value])}</tr>" for name, value in shown.pairs)
    title = f"<b>{escape(shown.title)}</b>" if shown.title else ""
    return f"{title}<table style='border-collapse:collapse'>{rows}</table>{''.join(map(_html, shown.parts))}"


def _table_html(shown: Table) -> str:
    if not shown.rows:
        return f"<p>{escape(shown.empty)}</p>"
    rows = "".join(f"<tr>{_cells('td', row)}</tr>" for row in shown.rows)
    title = f"<caption style='text-align:left'>{escape(shown.title)}</caption>" if shown.title else ""
    note = f"<p>{escape(shown.note)}</p>" if shown.note else ""
    return f"<table style='border-collapse:collapse'>{title}<tr>{_cells('th', shown.columns)}</tr>{rows}</table>{note}"


def _cells(tag: str, texts: Sequence[str]) -> str:
    return "".join(f"<{tag} {_CELL}>{_linked(text)}</{tag}>" for text in texts)


def _linked(value: str) -> str:
    cell = plain(value)
    if cell.startswith(("http://", "https://")) and " " not in cell:
        return f'<a href="{escape(cell)}" target="_blank" rel="noopener">{escape(cell)}</a>'
    return escape(cell)


def session_html(session: Session) -> str:
    """Return what a session is, and why it is this one, as HTML."""
    shown = Facts([("ATT", session.mode), ("at", session.transport.where), ("because", session.why or "asked for")])
    return f"<div {_BOX}>{_html(shown)}</div>"


def handle_html(project: ProjectHandle) -> str:
    """Return a project with its present status as HTML."""
    return html(project.status())


def register_formatters() -> None:
    """Let IPython, when it runs, show every value of ATT as text and HTML instead of its raw fields."""
    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module is not None else None
    if shell is None:
        return
    formatters = shell.display_formatter.formatters
    formatters["text/html"].for_type(Model, html)
    formatters["text/plain"].for_type(Model, lambda value, printer, cycle: printer.text(text(value)))  # noqa: ARG005
