"""A test history in the hand: three frames, every analysis and chart of them, and what leads out of ATT."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from html import escape
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from att.testing import analysis, exports
from att.testing.analysis.balancing import Together
from att.testing.analysis.executions import whole_runs
from att.testing.analysis.regression import Window
from att.testing.exports.places import PlaceName
from att.testing.history.plots import Plots

__all__ = ["History"]

F = TypeVar("F", bound=Callable[..., Any])
_BOX = "style='font-size:13px;color:inherit;background:transparent'"
_CELL = "style='text-align:left;vertical-align:top;padding:2px 12px 2px 0'"


def _explained_by(function: Callable[..., Any]) -> Callable[[F], F]:
    """Give a method the documentation of the function that it calls with the history's frames."""

    def dress(method: F) -> F:
        method.__doc__ = function.__doc__
        return method

    return dress


class History:
    """Runs, results and failures of one project or several, and the analysis functions as methods over them.

    `runs`, `results` and `failures` are DataFrames; `att.testing.analysis.describe("runs")` tells their columns and
    units. Nothing is fetched again and nothing is changed by a method; `select` makes a smaller history.
    """

    def __init__(
        self,
        runs: pd.DataFrame,
        results: pd.DataFrame | None = None,
        failures: pd.DataFrame | None = None,
        *,
        name: str = "",
        asked: str = "",
    ) -> None:
        """Take frames with the columns of `att.testing.analysis`; without results or failures there are none.

        `name` is whose history it is, and `asked` what it was chosen by, in words; both are only shown.
        """
        self.runs = runs
        self.results = analysis.empty("results") if results is None else results
        self.failures = analysis.empty("failures") if failures is None else failures
        self.name = name
        self.asked = asked

    @property
    def plot(self) -> Plots:
        """The charts: `trend()`, `heatmap()`, `slowest()`, `duration(nodeid)`, `failures()`."""
        return Plots(self.runs, self.results, self.failures)

    @_explained_by(analysis.pass_rate)
    def pass_rate(self, freq: str | None = "D") -> pd.DataFrame:
        return analysis.pass_rate(self.runs, freq)

    @_explained_by(analysis.flaky)
    def flaky(self, min_runs: int = 10, *, outage_share: float = 0.25) -> pd.DataFrame:
        return analysis.flaky(self.runs, self.results, min_runs, outage_share=outage_share)

    @_explained_by(analysis.slowest)
    def slowest(self, q: float = 0.95) -> pd.DataFrame:
        return analysis.slowest(self.runs, self.results, q)

    @_explained_by(analysis.regressions)
    def regressions(
        self,
        recent: Window = 10,
        baseline: Window = 50,
        min_ratio: float = 1.25,
        min_delta_seconds: float = 0.1,
        *,
        max_p: float = 0.01,
    ) -> pd.DataFrame:
        return analysis.regressions(
            self.runs, self.results, recent, baseline, min_ratio, min_delta_seconds, max_p=max_p
        )

    @_explained_by(analysis.first_failed)
    def first_failed(self, nodeid: str | None = None) -> pd.DataFrame:
        return analysis.first_failed(self.runs, self.results, nodeid)

    @_explained_by(analysis.compare)
    def compare(
        self,
        a: str,
        b: str,
        *,
        min_ratio: float = 1.5,
        min_delta_seconds: float = 0.1,
        unchanged: bool = False,
    ) -> pd.DataFrame:
        return analysis.compare(
            self.runs,
            self.results,
            a,
            b,
            min_ratio=min_ratio,
            min_delta_seconds=min_delta_seconds,
            unchanged=unchanged,
        )

    @_explained_by(analysis.balance)
    def balance(self, n: int, *, nodeids: Iterable[str] | None = None, together: Together = "auto") -> pd.DataFrame:
        return analysis.balance(self.runs, self.results, n, nodeids=nodeids, together=together)

    @_explained_by(analysis.failure_groups)
    def failure_groups(self) -> pd.DataFrame:
        return analysis.failure_groups(self.runs, self.failures)

    @_explained_by(analysis.outages)
    def outages(self, outage_share: float = 0.25) -> pd.DataFrame:
        return analysis.outages(self.runs, self.results, outage_share)

    @_explained_by(analysis.timeline)
    def timeline(self, nodeid: str) -> pd.DataFrame:
        return analysis.timeline(self.runs, self.results, nodeid)

    def select(
        self,
        *,
        project: str | None = None,
        branch: str | None = None,
        suite: str | None = None,
        source: str | None = None,
        since: str | pd.Timestamp | None = None,
        until: str | pd.Timestamp | None = None,
    ) -> History:
        """Return the history of the runs that match all that is given, as `att.testing.analysis.select` chooses them.

        Lengths of time count back from the newest run. Raises `NotFound` with close names, and `Invalid` for a time
        that cannot be read.
        """
        chosen = analysis.select(
            self.runs, project=project, branch=branch, suite=suite, source=source, since=since, until=until
        )
        frames = (frame[frame["run_id"].isin(chosen["run_id"])] for frame in (self.results, self.failures))
        results, failures = (frame.reset_index(drop=True) for frame in frames)
        return History(chosen, results, failures, name=self.name)

    @_explained_by(exports.to_parquet)
    def to_parquet(self, target: PlaceName, *, partition: exports.Partition = "month") -> list[str]:
        return exports.to_parquet(self.runs, self.results, self.failures, target, partition=partition)

    @_explained_by(exports.to_csv)
    def to_csv(self, folder: str | Path, *, compress: bool = False) -> list[Path]:
        return exports.to_csv(self.runs, self.results, self.failures, folder, compress=compress)

    @_explained_by(exports.to_ctrf)
    def to_ctrf(self, target: str | Path) -> list[Path]:
        return exports.to_ctrf(self.runs, self.results, self.failures, target)

    @_explained_by(exports.to_junit)
    def to_junit(self, target: str | Path) -> list[Path]:
        return exports.to_junit(self.runs, self.results, self.failures, target)

    def __repr__(self) -> str:
        return f"<History{f' of {self.name}' if self.name else ''}: {self._summary()}>"

    def _repr_html_(self) -> str:
        title = f"<b>Test history{f' of {escape(self.name)}' if self.name else ''}</b>"
        if self.runs.empty:
            return f"<div {_BOX}>{title}<p>{escape(self._invitation())}</p></div>"
        rows = "".join(
            f"<tr><th {_CELL}>{escape(name)}</th><td {_CELL}>{escape(value)}</td></tr>" for name, value in self._facts()
        )
        ways = "h.flaky(), h.slowest(), h.regressions(), h.first_failed(), h.plot.trend()"
        return f"<div {_BOX}>{title}<table>{rows}</table><p>With h for this history: <code>{ways}</code>.</p></div>"

    def _summary(self) -> str:
        if self.runs.empty:
            return self._invitation()
        facts = dict(self._facts())
        results = _counted(len(self.results), "result")
        return f"{facts['runs']}, {facts['period']}, {results}, {_counted(len(self.failures), 'failure')}"

    def _invitation(self) -> str:
        nothing = f"no test runs {self.asked}" if self.asked else "no test runs yet"
        more = " Ask for since=None to see all there is." if self.asked else ""
        start = "p.tests.run() makes the first one" if not self.asked else "p.tests.run() makes one"
        return f"{nothing}. {start}, and p.tests.load('reports/') takes in those of CI.{more}"

    def _facts(self) -> list[tuple[str, str]]:
        whole, _ = whole_runs(self.runs)
        tests = self.results["nodeid"].nunique() if "nodeid" in self.results else 0
        facts = [
            ("runs", _counted(len(whole), "run")),
            ("period", _period(whole)),
            ("results", f"{len(self.results):,} of {_counted(tests, 'test')}"),
            ("failures", f"{len(self.failures):,}"),
            *((name, _names(whole, column)) for name, column in _NAMED.items()),
        ]
        return [(name, value) for name, value in facts if value]


_NAMED = {"projects": "project", "branches": "branch", "sources": "source"}
_SHOWN_NAMES = 5


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _period(runs: pd.DataFrame) -> str:
    days = [f"{at:%Y-%m-%d}" for at in (runs["started_at"].min(), runs["started_at"].max()) if not pd.isna(at)]
    return " to ".join(dict.fromkeys(days)) or "at unknown times"


def _names(runs: pd.DataFrame, column: str) -> str:
    """Return the values of a column, the most frequent first."""
    if column not in runs:
        return ""
    names = [str(name) for name in runs[column].value_counts().index]
    more = f" and {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else ""
    return ", ".join(names[:_SHOWN_NAMES]) + more
