"""The trend chart: pass rate and outcomes over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from att.testing.analysis.executions import whole_runs
from att.testing.analysis.frames import require
from att.testing.analysis.statistics import wilson
from att.testing.analysis.times import periods
from att.testing.charts.parts import (
    Chart,
    bars,
    bin_width,
    bins,
    counted,
    date_ticks,
    empty_chart,
    header,
    legend,
    new_chart,
    outcome_handles,
    plain_axes,
    span_text,
)
from att.testing.charts.theme import STYLES, Theme, ThemeName

__all__ = ["trend"]

_MOST_BARS = 100
_PERIODS = {"h": "hour", "6h": "6 hours", "D": "day", "W": "week", "ME": "month", "QE": "quarter"}
_GOOD = {"passed": "passed", "skipped": "skipped", "xfailed": "xfailed", "xpassed": "xpassed"}
_BAD = {"failed": "failed", "error": "errors"}
_COUNTS = _GOOD | _BAD


def trend(runs: pd.DataFrame, *, theme: ThemeName = "auto") -> Figure:
    """Draw the pass rate with its 95 % interval over the outcomes of each run, and the failures once more, enlarged.

    Up to 100 runs have a bar each; more are averaged over hours, days, weeks or months, as the subtitle says. Runs
    whose counts are not known are left out.
    """
    whole, _ = whole_runs(require(runs, "runs", "run_id", "started_at", "passed", "failed"))
    known = whole[whole["passed"].notna() & whole["failed"].notna()]
    if known.empty:
        missing = "No test run has been recorded yet." if whole.empty else "No recorded run tells its counts."
        return empty_chart(theme, "Test runs", missing, "Start one with p.tests.run().")
    unit, table = _bars(known)
    chart = new_chart(theme, 5.6)
    header(chart, "Test runs", f"{counted(len(known), 'run')}, {span_text(known['started_at'])}; {unit}")
    rate, stack, bad = chart.subplots(3, 1, sharex=True, height_ratios=[2.2, 2.0, 1.3])
    _draw_rate(rate, table, chart.theme)
    shown = _draw_stack(stack, table, list(_COUNTS), chart.theme)
    _draw_stack(bad, table, list(_BAD), chart.theme)
    bad.invert_yaxis()
    _finish(chart, (rate, stack, bad), table)
    legend(chart, outcome_handles(chart.theme, shown))
    return chart


def _bars(runs: pd.DataFrame) -> tuple[str, pd.DataFrame]:
    """Return what a bar stands for, and one row a bar: period, mean counts, and totals for the rate."""
    counts = {
        name: pd.to_numeric(runs[column]).astype("float64") if column in runs else np.nan
        for name, column in _COUNTS.items()
    }
    table = pd.DataFrame(counts, index=runs.index).fillna(0.0).assign(period=runs["started_at"])
    table = table.reset_index(drop=True)
    unit, group = "one bar a run", pd.Series(table.index)
    if len(table) > _MOST_BARS:
        unit, group = _grouping(table["period"])
    sums = table.drop(columns="period").groupby(group.to_numpy()).sum()
    size = table.groupby(group.to_numpy()).size()
    means = sums.div(size, axis=0)
    means["period"] = table["period"].groupby(group.to_numpy()).min()
    executed = sums["passed"] + sums["failed"] + sums["error"]
    lo, hi = wilson(sums["passed"], executed)
    means = means.assign(rate=sums["passed"] / executed.where(executed > 0), lo=lo, hi=hi)
    return unit, means.reset_index(drop=True)


def _grouping(times: pd.Series[Any]) -> tuple[str, pd.Series[Any]]:
    if times.notna().all():
        for freq, name in _PERIODS.items():
            group = periods(times, freq)
            if group.nunique() <= _MOST_BARS:
                return f"a bar is the mean run of a {name}", group
    return f"a bar is the mean of {bin_width(len(times), _MOST_BARS)} runs", pd.Series(bins(len(times), _MOST_BARS))


def _draw_rate(ax: Axes, table: pd.DataFrame, theme: Theme) -> None:
    x, rate = np.arange(len(table)), table["rate"].to_numpy()
    plain_axes(ax, theme)
    ax.fill_between(x, table["lo"], table["hi"], color=theme.accent, alpha=0.25, lw=0)
    alone = len(table) <= 40
    ax.plot(x, rate, color=theme.accent, lw=2, marker="o" if alone else "", ms=4)
    if len(table) == 1:
        spread = np.array([rate - table["lo"], table["hi"] - rate])
        ax.errorbar(x, rate, spread, color=theme.accent, capsize=5, lw=1.5)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value * 100:g}%"))
    ax.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    ax.set_title("Pass rate, 95 % interval", loc="left", size=9.5, color=theme.muted, pad=5)
    valid = np.flatnonzero(~np.isnan(rate))
    if not len(valid):
        ax.set_ylim(0, 1)
        ax.text(0.5, 0.5, "nothing was executed", transform=ax.transAxes, ha="center", color=theme.muted)
        return
    low = float(np.nanmin(table["lo"]))
    bottom = low - 0.17 * (1 - low) - 0.002
    ax.set_ylim(bottom, 1 + 0.06 * (1 - low) + 0.001)
    ax.set_yticks([tick for tick in ax.get_yticks() if max(0, bottom) <= tick <= 1])
    _label_rate(ax, rate, table["lo"].to_numpy(), valid, theme)


def _label_rate(ax: Axes, rate: Any, lo: Any, valid: Any, theme: Theme) -> None:
    last, worst = int(valid[-1]), int(valid[np.argmin(rate[valid])])
    font: dict[str, Any] = {"color": theme.text, "size": 9.5, "textcoords": "offset points"}
    ax.annotate(f"{rate[last]:.1%}", (last, rate[last]), xytext=(8, 0), va="center", weight="bold", **font)
    ax.plot([last], [rate[last]], "o", color=theme.accent, ms=6)
    if worst != last and rate[worst] < rate[last]:
        reach = max(1, round(0.05 * len(rate)))  # of the label, which stands below the interval
        below = float(np.nanmin(lo[max(0, worst - reach) : worst + reach + 1]))
        ax.annotate(f"{rate[worst]:.1%}", (worst, below), xytext=(0, -3), ha="center", va="top", **font)
        ax.plot([worst], [rate[worst]], "o", color=theme.accent, ms=5, mfc="none", mew=1.5)


def _draw_stack(ax: Axes, table: pd.DataFrame, outcomes: Sequence[str], theme: Theme) -> list[str]:
    """Stack the outcomes that occur and return them."""
    x, base = np.arange(len(table)), np.zeros(len(table))
    shown = [outcome for outcome in outcomes if table[outcome].sum() > 0]
    plain_axes(ax, theme)
    for outcome in shown:
        style, height = STYLES[outcome], table[outcome].to_numpy()
        hatch = style.hatch if len(table) <= 60 else style.hatch[:2]
        bars(ax, x, height, 0.82, base, upright=True, facecolor=style.colour, hatch=hatch, edgecolor=theme.hatch)
        base = base + height
    ax.yaxis.set_major_locator(MaxNLocator(3, integer=True, min_n_ticks=1))
    ax.set_ylim(0, max(1.0, float(base.max())) * 1.06)
    return shown


def _finish(chart: Chart, axes: Sequence[Axes], table: pd.DataFrame) -> None:
    rate, stack, bad = axes
    size = len(table)
    for ax, title in ((stack, "Tests in a run"), (bad, "Failures and errors in a run, enlarged")):
        ax.set_title(title, loc="left", size=9.5, color=chart.theme.muted, pad=5)
    stack.spines["bottom"].set_visible(False)
    rate.spines["bottom"].set_visible(False)
    bad.spines["bottom"].set_visible(False)
    bad.spines["top"].set(visible=True, color=chart.theme.grid)
    room = max(0.6, 0.5 + 0.055 * size)  # for the label of the last value
    bad.set_xlim(-max(0.7, 0.01 * size) if size > 3 else -2, size - 1 + room if size > 3 else size + 1)
    date_ticks(bad, list(table["period"]))
