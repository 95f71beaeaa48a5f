"""A test history in the hand: three frames, every analysis and chart of them, and what leads out of ATT."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any, Self

import pandas as pd

from att.testing import analysis, exports
from att.testing.analysis.executions import whole_runs
from att.testing.exports.places import PlaceName
from att.testing.history.plots import Plots
from att.testing.history.questions import Questions, explained_by

__all__ = ["History"]

_BOX = "style='font-size:13px;color:inherit;background:transparent'"
_CELL = "style='text-align:left;vertical-align:top;padding:2px 12px 2px 0'"


class History(Questions):
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

    def _answer(self, name: str, /, **given: Any) -> pd.DataFrame:
        frame = self.failures if name == "failure_groups" else self.results
        answer: pd.DataFrame = getattr(analysis, name)(self.runs, frame, **given)
        return answer

    def _of(self, runs: pd.DataFrame) -> Self:
        frames = (frame[frame["run_id"].isin(runs["run_id"])] for frame in (self.results, self.failures))
        results, failures = (frame.reset_index(drop=True) for frame in frames)
        return type(self)(runs, results, failures, name=self.name)

    @explained_by(exports.to_parquet)
    def to_parquet(self, target: PlaceName, *, partition: exports.Partition = "month") -> list[str]:
        return exports.to_parquet(self.runs, self.results, self.failures, target, partition=partition)

    @explained_by(exports.to_csv)
    def to_csv(self, folder: str | Path, *, compress: bool = False) -> list[Path]:
        return exports.to_csv(self.runs, self.results, self.failures, folder, compress=compress)

    @explained_by(exports.to_ctrf)
    def to_ctrf(self, target: str | Path) -> list[Path]:
        return exports.to_ctrf(self.runs, self.results, self.failures, target)

    @explained_by(exports.to_junit)
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
