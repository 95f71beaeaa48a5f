"""The duration strip: every execution of one test, and where its duration changed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from att.errors import Invalid
from att.testing.analysis.breakage import timeline
from att.testing.analysis.executions import executions
from att.testing.analysis.statistics import ChangePoint, change_point
from att.testing.charts.parts import (
    bins,
    counted,
    date_ticks,
    empty_chart,
    header,
    legend,
    new_chart,
    outcome_handles,
    plain_axes,
    seconds_text,
    shorten,
    span_text,
)
from att.testing.charts.theme import STYLES, Theme, ThemeName

__all__ = ["duration"]

_MOST_MARKS = 400
_MOST_BANDS = 80


def duration(runs: pd.DataFrame, results: pd.DataFrame, nodeid: str, *, theme: ThemeName = "auto") -> Figure:
    """Draw how long a test took in each run, by outcome, with the medians before and after its change point.

    Up to 400 executions have a mark each; of more, only those that did not pass have one, and the others are a band
    from the 10 % to the 90 % quantile around their median. The change point is that of the passing executions
    (`change_point`). Raises `NotFound` with close names for a nodeid that no run knows, and `Invalid` for one that
    several projects have; on an empty history it draws what to do.
    """
    title = shorten(str(nodeid), 84)
    if not len(executions(runs, results).row):
        return empty_chart(theme, title, "No duration has been recorded yet.", "Start a run with p.tests.run().")
    life = timeline(runs, results, nodeid)
    _check_project(life, nodeid)
    timed = life[life["duration_seconds"].notna() & (life["outcome"] != "skipped")].reset_index(drop=True)
    if timed.empty:
        return empty_chart(theme, title, "This test has never been executed.", "It was skipped in every run.")
    passed = timed["outcome"] == "passed"
    change = change_point(timed["duration_seconds"].where(passed))
    chart = new_chart(theme, 3.6)
    header(chart, title, _subtitle(timed, change))
    ax = chart.subplots()
    plain_axes(ax, chart.theme)
    shown = _draw(ax, timed)
    _scale(ax, timed)
    if change is not None:
        _draw_change(ax, timed, change, chart.theme)
    date_ticks(ax, list(timed["started_at"]))
    legend(chart, outcome_handles(chart.theme, shown, marks=True))
    return chart


def _check_project(life: pd.DataFrame, nodeid: str) -> None:
    """Raise `Invalid` when tests of several projects bear the name: they have nothing to do with each other."""
    projects = sorted(life["project"].unique()) if "project" in life else []
    if len(projects) > 1:
        raise Invalid(
            f"{nodeid} is a test of {', '.join(projects)}; choose one first, as in "
            f"h.select(project={projects[0]!r}).plot.duration({nodeid!r}).",
            projects=projects,
        )


def _subtitle(timed: pd.DataFrame, change: ChangePoint | None) -> str:
    size = f"{counted(len(timed), 'execution')}, {span_text(timed['started_at'])}"
    middle = f"median {seconds_text(float(timed['duration_seconds'].median()))}"
    if change is None:
        return f"{size}; {middle}, no change of level"
    word = "slower" if change.after > change.before else "faster"
    day = timed["started_at"][change.index]
    since = "" if pd.isna(day) else f" since {day:%Y-%m-%d}"
    return f"{size}; {word}{since}, from {seconds_text(change.before)} to {seconds_text(change.after)}"


def _draw(ax: Axes, timed: pd.DataFrame) -> list[str]:
    """Draw marks, or a band and marks, and return the outcomes shown."""
    many = len(timed) > _MOST_MARKS
    kind = timed["outcome"].astype(object).where(~(timed["retried"] & (timed["outcome"] == "passed")), "rerun")
    if many:
        _draw_band(ax, timed)
    shown = [outcome for outcome in STYLES if (kind == outcome).any()]
    for outcome in shown:
        if many and outcome == "passed":
            continue
        at = np.flatnonzero((kind == outcome).to_numpy())
        style = STYLES[outcome]
        size = 24 if outcome == "passed" and len(timed) > 60 else 40
        seconds = timed["duration_seconds"].to_numpy()[at]
        ax.scatter(at, seconds, size, style.colour, marker=style.mark, lw=0, alpha=0.9, zorder=3)
    return shown


def _draw_band(ax: Axes, timed: pd.DataFrame) -> None:
    column = bins(len(timed), _MOST_BANDS)
    passed = timed["duration_seconds"].where(timed["outcome"] == "passed")
    low, middle, high = (passed.groupby(column).quantile(q).to_numpy() for q in (0.1, 0.5, 0.9))
    x = pd.Series(np.arange(len(timed))).groupby(column).mean().to_numpy()
    colour = STYLES["passed"].colour
    ax.fill_between(x, low, high, color=colour, alpha=0.3, lw=0)
    ax.plot(x, middle, color=colour, lw=1.8)


def _scale(ax: Axes, timed: pd.DataFrame) -> None:
    size, top = len(timed), float(timed["duration_seconds"].max())
    ax.set_ylim(0, max(top, 1e-6) * 1.15)
    ax.set_xlim(-max(1.0, 0.015 * size), size - 1 + max(1.0, 0.02 * size))
    ax.yaxis.set_major_locator(MaxNLocator(5))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: seconds_text(value) if value else "0"))


def _draw_change(ax: Axes, timed: pd.DataFrame, change: ChangePoint, theme: Theme) -> None:
    edge = change.index - 0.5
    ax.axvline(edge, color=theme.text, lw=1.2, ls=(0, (4, 3)))
    line: dict[str, Any] = {"color": theme.text, "lw": 1.6, "zorder": 4}
    ax.plot([-0.5, edge], [change.before] * 2, **line)
    ax.plot([edge, len(timed) - 0.5], [change.after] * 2, **line)
    font: dict[str, Any] = {"textcoords": "offset points", "size": 9, "color": theme.text}
    right = change.index > 0.75 * len(timed)
    top = ax.get_ylim()[1]
    ratio = f"{change.after / change.before:.2f}x" if change.before > 0 else "changed"
    text = f"{ratio}  {seconds_text(change.before)} → {seconds_text(change.after)}"
    side: dict[str, Any] = {"ha": "right", "xytext": (-6, -4)} if right else {"ha": "left", "xytext": (6, -4)}
    ax.annotate(text, (edge, top), va="top", weight="bold", **font, **side)
