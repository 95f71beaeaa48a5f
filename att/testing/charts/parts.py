"""What the charts share: the figure, its header, labels that fit, and the empty state."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch, Patch, PathPatch
from matplotlib.path import Path

from att.testing.charts.theme import STYLES, Theme, ThemeName, theme_named

__all__ = [
    "Chart",
    "bars",
    "bin_width",
    "bins",
    "counted",
    "date_ticks",
    "empty_chart",
    "header",
    "legend",
    "new_chart",
    "outcome_handles",
    "plain_axes",
    "printable",
    "rectangles",
    "seconds_text",
    "short_labels",
    "shorten",
    "span_text",
]

_HEADER_INCHES = 0.72
_RETINA_DPI = 192


class Chart(Figure):
    """A matplotlib figure that shows itself in a notebook, whether or not pyplot is loaded.

    `description` says in one sentence what is drawn: the text of the figure where pictures cannot be shown.
    """

    description: str = ""
    theme: Theme

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, str], dict[str, Any]]:
        width, height = (round(float(inches) * 96) for inches in self.get_size_inches())
        png = base64.b64encode(self.png(_RETINA_DPI)).decode("ascii")
        size = {"image/png": {"width": width, "height": height}}
        return {"image/png": png, "text/plain": repr(self)}, size

    def __repr__(self) -> str:
        return f"<Chart: {self.description}>"

    def png(self, dpi: float = _RETINA_DPI) -> bytes:
        """Return the picture as PNG."""
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=dpi)
        return buffer.getvalue()


def new_chart(theme: ThemeName, height: float, width: float = 10.0) -> Chart:
    """Return an empty figure of the theme, in inches, with room for a header."""
    room = (0.008, 0.0, 0.984, 1 - _HEADER_INCHES / height)
    layout = ConstrainedLayoutEngine(rect=room, hspace=0.05, wspace=0.02)
    chart = Chart(figsize=(width, height), layout=layout)
    FigureCanvasAgg(chart)
    chart.theme = theme_named(theme)
    chart.set_facecolor(chart.theme.background)
    return chart


def header(chart: Chart, title: str, subtitle: str = "") -> None:
    """Write title and subtitle at the top left; they are the description, too."""
    height = float(chart.get_size_inches()[1])
    chart.text(0.012, 1 - 0.12 / height, printable(title), size=13, weight="bold", color=chart.theme.text, va="top")
    chart.text(0.012, 1 - 0.41 / height, printable(subtitle), size=9.5, color=chart.theme.muted, va="top")
    chart.description = f"{title}: {subtitle}"


def legend(chart: Chart, handles: Sequence[Any]) -> None:
    """Put the legend on the title's line at the right, or below the axes when the title needs the room."""
    height = float(chart.get_size_inches()[1])
    style: dict[str, Any] = {
        "handles": list(handles),
        "ncols": max(1, len(handles)),
        "frameon": False,
        "fontsize": 9,
        "labelcolor": chart.theme.text,
        "handlelength": 1.4,
        "handletextpad": 0.5,
        "columnspacing": 1.3,
    }
    drawn = chart.legend(loc="upper right", bbox_to_anchor=(0.992, 1 - 0.06 / height), **style)
    drawn.set_in_layout(False)
    taken = drawn.get_window_extent()
    if any(text.get_text() and text.get_window_extent().overlaps(taken) for text in chart.texts):
        drawn.remove()
        chart.legend(loc="outside lower left", **style)


def outcome_handles(theme: Theme, outcomes: Sequence[str], *, marks: bool = False) -> list[Any]:
    """Return legend entries, as marks or as hatched patches."""
    if marks:
        return [
            Line2D([], [], ls="", marker=STYLES[o].mark, color=STYLES[o].colour, ms=7, label=STYLES[o].label)
            for o in outcomes
        ]
    return [
        Patch(facecolor=STYLES[o].colour, hatch=STYLES[o].hatch, edgecolor=theme.hatch, lw=0, label=STYLES[o].label)
        for o in outcomes
    ]


def bars(ax: Axes, at: Any, length: Any, thickness: float, base: Any = 0.0, *, upright: bool, **style: Any) -> None:
    """Draw bars of one style as a single path: a hatch is drawn once for all of them, and not once for each."""
    near, far = at - thickness / 2, at + thickness / 2
    end = base + length
    corners = rectangles(near, far, base, end) if upright else rectangles(base, end, near, far)
    ax.add_patch(PathPatch(Path.make_compound_path_from_polys(corners), lw=0, **style))


def rectangles(left: Any, right: Any, bottom: Any, top: Any) -> npt.NDArray[np.float64]:
    """Return the corners of rectangles: rectangle by corner by x and y."""
    left, right, bottom, top = np.broadcast_arrays(left, right, bottom, top)
    corners = np.column_stack([left, bottom, left, top, right, top, right, bottom])
    return corners.reshape(-1, 4, 2).astype(np.float64)


def plain_axes(ax: Axes, theme: Theme, *, grid: str = "y") -> None:
    """Take away what is not needed and give the rest the theme's colours."""
    ax.set_facecolor("none")
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    ax.spines["bottom"].set_color(theme.grid)
    ax.tick_params(colors=theme.muted, labelcolor=theme.text, length=0, labelsize=9)
    ax.set_axisbelow(True)
    if grid:
        ax.grid(axis=cast(Any, grid), color=theme.grid, lw=0.8)


def empty_chart(theme: ThemeName, title: str, missing: str, advice: str) -> Chart:
    """Return the figure of a history that has nothing to draw: what is missing, and what to do."""
    chart = new_chart(theme, 2.6)
    header(chart, title)
    chart.description = f"{title}: {missing} {advice}"
    box = FancyBboxPatch((0.02, 0.08), 0.96, 0.66, boxstyle="round,pad=0,rounding_size=0.02", mutation_aspect=3.8)
    box.set(facecolor="none", edgecolor=chart.theme.grid, lw=1.2, ls=(0, (5, 4)), transform=chart.transFigure)
    chart.add_artist(box)
    chart.text(0.5, 0.44, printable(missing), size=12, color=chart.theme.text, ha="center", va="bottom")
    chart.text(0.5, 0.38, printable(advice), size=10, color=chart.theme.muted, ha="center", va="top")
    return chart


@lru_cache(maxsize=8)
def _glyphs(path: str) -> frozenset[int]:
    return frozenset(font_manager.get_font(path).get_charmap())


def printable(text: str) -> str:
    """Return text that matplotlib draws as it is: no formulas, and what the font lacks as an escape."""
    known = _glyphs(font_manager.findfont(font_manager.FontProperties()))
    drawn = "".join(c if ord(c) in known or c == "\n" else c.encode("unicode_escape").decode() for c in text)
    return drawn.replace("$", r"\$")


def shorten(text: str, width: int) -> str:
    """Shorten in the middle: the folder at the beginning and the test at the end tell the most."""
    if len(text) <= width:
        return text
    tail = (width - 1) * 3 // 5
    return f"{text[: width - 1 - tail]}…{text[len(text) - tail :]}"


def short_labels(texts: Sequence[str], width: int = 52) -> list[str]:
    """Shorten labels so that different texts stay different; a number tells apart what no width can."""
    unique = set(texts)
    while len({shorten(t, width) for t in unique}) < len(unique) and width < 90:
        width += 4
    short = {text: shorten(text, width) for text in dict.fromkeys(texts)}
    seen: dict[str, int] = {}
    for text, label in short.items():
        seen[label] = seen.get(label, 0) + 1
        if seen[label] > 1:
            short[text] = f"{label} ({seen[label]})"
    return [printable(short[text]) for text in texts]


def seconds_text(seconds: float) -> str:
    """Return a duration as a person says it."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.3g} ms"
    if seconds < 90:
        return f"{seconds:.3g} s"
    minutes = seconds / 60
    return f"{minutes:.3g} min" if minutes < 90 else f"{minutes / 60:.3g} h"


def counted(count: int, noun: str) -> str:
    """Return `1 run`, `2,000 runs`."""
    return f"{count:,} {noun}{'s' * (count != 1)}"


def span_text(times: pd.Series[Any]) -> str:
    """Return the first and the last day."""
    known = times.dropna()
    if known.empty:
        return "at unknown times"
    first, last = known.min().strftime("%Y-%m-%d"), known.max().strftime("%Y-%m-%d")
    return first if first == last else f"{first} to {last}"


def bins(size: int, most: int) -> npt.NDArray[np.int64]:
    """Number `size` elements in order so that neighbours share a number and at most `most` numbers are used.

    All numbers but the last are shared by equally many, `bin_width`.
    """
    return np.arange(size, dtype=np.int64) // bin_width(size, most)


def bin_width(size: int, most: int) -> int:
    """Return how many elements share one of the numbers of `bins`."""
    return max(1, -(-size // most))


def date_ticks(ax: Axes, times: Sequence[pd.Timestamp], most: int = 8) -> None:
    """Label positions 0, 1, ... with their times, the first and the last one too, so few that labels never touch."""
    size = len(times)
    places = np.unique(np.linspace(0, size - 1, min(size, most)).round().astype(int)).tolist()
    form = _date_format([t for t in times if not pd.isna(t)])
    labels = ["?" if pd.isna(times[p]) else times[p].strftime(form) for p in places]
    ax.set_xticks(places, _unrepeated(labels))


def _date_format(times: Sequence[pd.Timestamp]) -> str:
    span = max(times) - min(times) if len(times) > 1 else pd.Timedelta(days=1)
    if span < pd.Timedelta(days=1):
        return "%H:%M" if min(times).date() == max(times).date() else "%H:%M\n%d %b"
    return "%d %b" if span < pd.Timedelta(days=330) else "%b %Y"


def _unrepeated(labels: Sequence[str]) -> list[str]:
    """Leave out what the label before says already: the label, or its day below the time."""
    shown = list(labels[:1])
    for before, label in pairwise(labels):
        time, _, day = label.partition("\n")
        shown.append("" if label == before else time if day and before.endswith(day) else label)
    return shown
