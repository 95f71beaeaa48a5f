"""The heatmap: tests by runs, the flakiest first."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from att.testing.analysis.executions import FAIL, NONE, PASS, Executions, executions
from att.testing.analysis.flakiness import flaky, outages
from att.testing.analysis.frames import OUTCOMES
from att.testing.charts.parts import (
    Chart,
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
    rectangles,
    short_labels,
    span_text,
)
from att.testing.charts.theme import STYLES, Theme, ThemeName
from att.testing.limits import check

__all__ = ["heatmap"]

_MOST_COLUMNS = 72
_ERROR = OUTCOMES.index("error")


def heatmap(runs: pd.DataFrame, results: pd.DataFrame, *, limit: int = 25, theme: ThemeName = "auto") -> Figure:
    """Draw outcomes as test by run: flaky tests first, then the ones that failed most, `limit` in all.

    Up to 72 runs have a column each; more are put together, and the filled part of a cell is the share that failed.
    Errors hang from the top of the cell, failures stand at its bottom. Outage runs are marked; tests that failed in
    nothing else are left out while others did.
    """
    check(limit=limit)
    e = executions(runs, results)
    if not len(e.row):
        return empty_chart(
            theme, "Tests by runs", "No test result has been recorded yet.", "Start a run with p.tests.run()."
        )
    rows = _rows(runs, results, e, limit)
    column = bins(len(e.runs), _MOST_COLUMNS)
    chart = new_chart(theme, 1.35 + 0.27 * max(len(rows), 3))
    header(chart, "Tests by runs", _subtitle(e, rows))
    ax = chart.subplots()
    shown = _draw_cells(ax, e, rows, column, chart.theme)
    out = np.flatnonzero(e.runs["run_id"].isin(outages(runs, results)["run_id"]).to_numpy())
    if len(out):
        ax.plot(column[out], np.full(len(out), -0.85), "v", color=chart.theme.text, ms=6, clip_on=False)
        shown.append(Line2D([], [], ls="", marker="v", color=chart.theme.text, ms=6, label="outage run"))
    _label(chart, ax, e, rows, column)
    legend(chart, shown)
    return chart


def _rows(runs: pd.DataFrame, results: pd.DataFrame, e: Executions, limit: int) -> pd.DataFrame:
    """Return the tests to draw: their position in `e.tests`, label, score, and failures outside outages."""
    table = flaky(runs, results, min_runs=1)
    keys = list(e.tests.columns)
    table = table.merge(e.tests.reset_index(names="test"), on=keys)
    table["score"] = table["flaky_score"].fillna(0.0)
    seen = table[(table["fails"] > 0) | (table["score"] > 0)]
    order = ["score", "fails", "nodeid"]
    rows = (seen if len(seen) else table).sort_values(order, ascending=[False, False, True]).head(limit)
    names = rows["project"] + ": " + rows["nodeid"] if "project" in rows else rows["nodeid"]
    return rows.assign(label=short_labels(list(names)))[["test", "label", "score", "fails"]].reset_index(drop=True)


def _subtitle(e: Executions, rows: pd.DataFrame) -> str:
    width = bin_width(len(e.runs), _MOST_COLUMNS)
    size = f"{counted(len(e.runs), 'run')}, {span_text(e.runs['started_at'])}"
    cells = "one column a run" if width == 1 else f"a column is {width} runs, filled by the share that failed"
    tests = f"{len(rows)} of {len(e.tests):,} tests"
    return f"{tests}, {size}; {cells}"


def _cells(e: Executions, rows: pd.DataFrame, column: npt.NDArray[np.int64]) -> pd.DataFrame:
    """Return one row a drawn cell: its place and the number of executions by kind."""
    place = np.full(len(e.tests), -1)
    place[rows["test"]] = np.arange(len(rows))
    kept = e.take(place[e.test] >= 0)
    cells = pd.DataFrame(
        {
            "y": place[kept.test],
            "x": column[kept.run],
            "failed": (kept.verdict == FAIL) & (kept.outcome != _ERROR),
            "error": kept.outcome == _ERROR,
            "passed": kept.verdict == PASS,
            "skipped": kept.verdict == NONE,
            "rerun": kept.retried & (kept.verdict == PASS),
        }
    )
    return cells.groupby(["y", "x"], as_index=False).sum()


def _draw_cells(ax: Axes, e: Executions, rows: pd.DataFrame, column: npt.NDArray[np.int64], theme: Theme) -> list[Any]:
    """Draw the cells and return the legend's entries for what occurs."""
    cells = _cells(e, rows, column)
    executed = (cells["failed"] + cells["error"] + cells["passed"]).to_numpy()
    share = (cells["failed"] + cells["error"]).to_numpy() / np.maximum(executed, 1)
    is_error = (cells["error"] > cells["failed"]).to_numpy()
    _rectangles(ax, cells[executed > 0], np.ones(int((executed > 0).sum())), STYLES["passed"].colour, 0.32)
    for name, mask in (("failed", ~is_error), ("error", is_error)):
        bad = mask & (share > 0)
        # A single failure among many runs stays visible.
        _rectangles(ax, cells[bad], np.maximum(share[bad], 0.14), STYLES[name].colour, 1.0, hang=name == "error")
        full = cells[bad & (share > 0.9)]
        size = min(26.0, 900 / (int(column.max()) + 1))
        ax.scatter(full["x"], full["y"], size, theme.on_mark, marker={"failed": "x", "error": "+"}[name], lw=1.0)
    only_skipped = cells[executed == 0]
    ax.scatter(only_skipped["x"], only_skipped["y"], 16, STYLES["skipped"].colour, marker="_")
    retried = cells[(cells["rerun"] > 0) & (share == 0)]
    ax.scatter(retried["x"], retried["y"], 14, theme.accent, marker="P", lw=0)
    present = {
        "passed": bool(cells["passed"].sum()),
        "failed": bool(cells["failed"].sum()),
        "error": bool(cells["error"].sum()),
        "skipped": len(only_skipped) > 0,
        "rerun": len(retried) > 0,
    }
    return _handles(theme, [name for name, is_there in present.items() if is_there])


def _rectangles(
    ax: Axes, cells: pd.DataFrame, share: npt.NDArray[Any], colour: str, alpha: float, *, hang: bool = False
) -> None:
    x, y, height = cells["x"].to_numpy(), cells["y"].to_numpy(), 0.84 * share
    top = y - 0.42 if hang else y + 0.42 - height
    boxes = rectangles(x - 0.45, x + 0.45, top, top + height)
    ax.add_collection(PolyCollection(list(boxes), facecolor=colour, edgecolor="none", alpha=alpha))


def _handles(theme: Theme, names: list[str]) -> list[Any]:
    handles = outcome_handles(theme, names, marks=True)
    for handle, name in zip(handles, names, strict=True):
        if name in ("passed", "failed", "error"):
            handle.set(marker="s", markersize=9, alpha=0.32 if name == "passed" else 1.0)
            handle.set_fillstyle({"passed": "full", "failed": "bottom", "error": "top"}[name])
            handle.set_markerfacecoloralt("none")
        elif name == "rerun":
            handle.set_color(theme.accent)
    return handles


def _label(chart: Chart, ax: Axes, e: Executions, rows: pd.DataFrame, column: npt.NDArray[np.int64]) -> None:
    theme, last = chart.theme, int(column.max())
    plain_axes(ax, theme, grid="")
    ax.set_xlim(-0.6 if last > 3 else -2, last + 0.6 if last > 3 else last + 2)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_yticks(range(len(rows)), list(rows["label"]), size=8.5)
    right = ax.secondary_yaxis("right")
    right.spines["right"].set_visible(False)
    texts = [
        f"{s:.0%} flaky" if s >= 0.005 else f"{f} failed" if f else ""
        for s, f in zip(rows["score"], rows["fails"], strict=True)
    ]
    right.set_yticks(range(len(rows)), texts, size=8.5)
    right.tick_params(length=0, labelcolor=theme.muted)
    starts = e.runs["started_at"].groupby(column).min()
    date_ticks(ax, list(starts), most=7)
