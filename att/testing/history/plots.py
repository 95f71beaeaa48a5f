"""The charts of a test history: `h.plot`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from att.testing.charts import ThemeName

__all__ = ["Plots"]


class Plots:
    """Draws a history; every chart is a matplotlib `Figure` that shows itself in a notebook.

    `theme` is `auto` (transparent, readable on light and dark), `light` or `dark`.
    """

    def __init__(self, runs: pd.DataFrame, results: pd.DataFrame, failures: pd.DataFrame) -> None:
        self._runs = runs
        self._results = results
        self._failures = failures

    def trend(self, *, theme: ThemeName = "auto") -> Figure:
        """Draw the pass rate with its 95 % interval over the outcomes of each run."""
        from att.testing import charts

        return charts.trend(self._runs, theme=theme)

    def heatmap(self, *, limit: int = 25, theme: ThemeName = "auto") -> Figure:
        """Draw outcomes as test by run: flaky tests first, then the ones that failed most, `limit` in all."""
        from att.testing import charts

        return charts.heatmap(self._runs, self._results, limit=limit, theme=theme)

    def slowest(self, *, q: float = 0.95, limit: int = 15, theme: ThemeName = "auto") -> Figure:
        """Draw the slowest tests: a full bar to the median, a hatched one on to the `q` quantile of the duration."""
        from att.testing import charts

        return charts.slowest(self._runs, self._results, q=q, limit=limit, theme=theme)

    def duration(self, nodeid: str, *, theme: ThemeName = "auto") -> Figure:
        """Draw how long a test took in each run, by outcome, with the medians before and after its change point.

        Raises `NotFound` with close names for a nodeid that no run knows, and `Invalid` for one that several projects
        have: `h.select(project="demo")` chooses.
        """
        from att.testing import charts

        return charts.duration(self._runs, self._results, nodeid, theme=theme)

    def failures(self, *, limit: int = 12, theme: ThemeName = "auto") -> Figure:
        """Draw the causes of failures, the most frequent first: how often, and when each occurred."""
        from att.testing import charts

        return charts.failures(self._runs, self._failures, limit=limit, theme=theme)

    def __repr__(self) -> str:
        return "<Charts of a history: trend(), heatmap(), slowest(), duration(nodeid), failures()>"
