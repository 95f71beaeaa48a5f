"""The bar charts: slowest tests and most frequent failures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from att.testing.analysis.durations import slowest as slowest_table
from att.testing.analysis.executions import ordered_runs
from att.testing.analysis.grouping import failure_groups, identified
from att.testing.charts.parts import (
    bars,
    bin_width,
    bins,
    counted,
    date_ticks,
    empty_chart,
    header,
    legend,
    new_chart,
    plain_axes,
    printable,
    seconds_text,
    short_labels,
    shorten,
    span_text,
)
from att.testing.charts.theme import STYLES, Theme, ThemeName
from att.testing.limits import check

__all__ = ["failures", "slowest"]

_MOST_COLUMNS = 48


def slowest(
    runs: pd.DataFrame, results: pd.DataFrame, *, q: float = 0.95, limit: int = 15, theme: ThemeName = "auto"
) -> Figure:
    """Draw the slowest tests: a full bar to the median, a hatched one on to the `q` quantile of the duration."""
    check(limit=limit)
    table = slowest_table(runs, results, q)
    title = "Slowest tests"
    if table.empty and len(results):
        why = "All were skipped, or their reports tell no times."
        return empty_chart(theme, title, "No test has a duration yet.", why)
    if table.empty:
        return empty_chart(theme, title, "No duration has been recorded yet.", "Start a run with p.tests.run().")
    name = f"p{q * 100:g}_seconds"
    top = table.head(limit)
    chart = new_chart(theme, 1.25 + 0.34 * max(len(top), 3))
    share = top["share"].sum()
    times = ordered_runs(runs)["started_at"]
    whole = (
        f"{len(top)} of {len(table):,} tests take {share:.0%} of the time" if share == share else f"{len(top)} tests"
    )
    header(chart, title, f"{whole}; {span_text(times)}")
    ax = chart.subplots()
    plain_axes(ax, chart.theme, grid="")
    y, p50, high = np.arange(len(top)), top["p50_seconds"].to_numpy(), top[name].to_numpy()
    colour = chart.theme.accent
    bars(ax, y, p50, 0.62, upright=False, facecolor=colour)
    reach: dict[str, Any] = {"facecolor": f"{colour}40", "hatch": "////", "edgecolor": f"{colour}B0"}
    bars(ax, y, high - p50, 0.62, p50, upright=False, **reach)
    for at, value, part in zip(y, high, top["share"], strict=True):
        text = seconds_text(value) + (f"  ({part:.0%} of all time)" if part >= 0.005 else "")
        ax.annotate(text, (value, at), (6, 0), textcoords="offset points", va="center", size=9, color=chart.theme.text)
    ax.set_yticks(y, short_labels(_names(top)), size=8.5)
    ax.set_ylim(max(len(top), 3) - 0.4, -0.6)
    ax.set_xlim(0, max(float(high.max()), 1e-6) * 1.34)
    ax.xaxis.set_major_locator(MaxNLocator(6))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: seconds_text(value) if value else "0"))
    legend(
        chart,
        [
            Patch(facecolor=colour, label="median"),
            Patch(**reach, lw=0, label=f"to p{q * 100:g}"),
        ],
    )
    return chart


def _names(table: pd.DataFrame) -> list[str]:
    return list(table["project"] + ": " + table["nodeid"] if "project" in table else table["nodeid"])


def failures(runs: pd.DataFrame, failed: pd.DataFrame, *, limit: int = 12, theme: ThemeName = "auto") -> Figure:
    """Draw the causes of failures, the most frequent first: how often, and when each occurred."""
    check(limit=limit)
    groups = failure_groups(runs, failed)
    title = "Failures by cause"
    if groups.empty:
        if len(runs):
            return empty_chart(theme, title, "No test has failed.", "There is nothing to look at here.")
        return empty_chart(theme, title, "No test run has been recorded yet.", "Start one with p.tests.run().")
    top = groups.head(limit)
    chart = new_chart(theme, 1.3 + 0.5 * max(len(top), 2))
    ordered = ordered_runs(runs)
    header(
        chart,
        title,
        f"{counted(int(groups['failures'].sum()), 'failure')}, {counted(len(groups), 'cause')}"
        f"{f' ({len(top)} shown)' if len(groups) > len(top) else ''}; {span_text(ordered['started_at'])}",
    )
    count, when = chart.subplots(1, 2, sharey=True, width_ratios=[1.0, 1.5])
    _draw_counts(count, top, chart.theme)
    _draw_times(when, ordered, failed, top, chart.theme)
    return chart


def _draw_counts(ax: Axes, top: pd.DataFrame, theme: Theme) -> None:
    plain_axes(ax, theme, grid="")
    y = np.arange(len(top))
    style = STYLES["failed"]
    drawn = {"facecolor": style.colour, "hatch": style.hatch, "edgecolor": theme.hatch}
    bars(ax, y, top["failures"].to_numpy(), 0.56, upright=False, **drawn)
    row: Any
    for at, row in zip(y, top.itertuples(), strict=True):
        tests, hit = counted(row.tests, "test"), counted(row.runs, "run")
        place: Any = (row.failures, at)
        style_: dict[str, Any] = {"textcoords": "offset points", "va": "center"}
        ax.annotate(f"{row.failures:,}", place, (6, 7), size=10, weight="bold", color=theme.text, **style_)
        ax.annotate(f"{tests}, {hit}", place, (6, -7), size=8, color=theme.muted, **style_)
    ax.set_yticks(y, _causes(top), size=8.5)
    ax.set_xlim(0, float(top["failures"].max()) * 1.75)
    ax.set_ylim(max(len(top), 2) - 0.4, -0.6)
    ax.set_xticks([])
    ax.spines["bottom"].set_visible(False)
    ax.set_title("How often", loc="left", size=9.5, color=theme.muted, pad=6)


def _causes(top: pd.DataFrame) -> list[str]:
    """Return a label for each cause; a number tells apart those that say the same."""
    labels = [_cause(row) for row in top.itertuples()]
    before = pd.Series(labels, dtype=object).groupby(labels).cumcount()
    return [f"({number + 1}) {label}" if number else label for number, label in zip(before, labels, strict=True)]


def _cause(row: Any) -> str:
    exception = row.exception if isinstance(row.exception, str) else "Unknown exception"
    where = f" in {row.nodeid.rpartition('::')[2]}" if row.tests == 1 else ""
    message = row.message.strip().partition("\n")[0] if isinstance(row.message, str) else ""
    first = shorten(exception, 44 if not where else 24) + shorten(where, 30)
    return printable(first) + (f"\n{printable(shorten(message, 44))}" if message else "")


def _draw_times(ax: Axes, runs: pd.DataFrame, failed: pd.DataFrame, top: pd.DataFrame, theme: Theme) -> None:
    """Draw a dot where a cause occurred, its area by the share of runs of that time which it hit."""
    plain_axes(ax, theme, grid="y")
    column = bins(len(runs), _MOST_COLUMNS)
    width = np.bincount(column)
    hits = identified(runs, failed)[["run_id", "fingerprint"]].drop_duplicates()
    hits["y"] = hits["fingerprint"].map({f: i for i, f in enumerate(top["fingerprint"])})
    hits["x"] = hits["run_id"].map(dict(zip(runs["run_id"], column, strict=True)))
    dots = hits.dropna(subset=["y", "x"]).groupby(["y", "x"]).size().reset_index(name="n")
    share = dots["n"].to_numpy() / width[dots["x"].to_numpy(dtype=int)]
    ax.scatter(dots["x"], dots["y"], 14 + 80 * share, STYLES["failed"].colour, lw=0, alpha=0.9)
    last = int(column.max())
    ax.set_xlim(-1 if last > 3 else -2, last + 1 if last > 3 else last + 2)
    date_ticks(ax, list(runs["started_at"].groupby(column).min()), most=5)
    ax.tick_params(labelleft=False)
    per = bin_width(len(runs), _MOST_COLUMNS)
    text = "When: a dot is a run" if per == 1 else f"When: a dot is {per:,} runs, larger the more it hit"
    ax.set_title(text, loc="left", size=9.5, color=theme.muted, pad=6)
