"""An exported history in the hand: the methods of `History`, answered by DuckDB without reading it into memory."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from att.errors import NotFound
from att.testing import analysis
from att.testing.analysis.balancing import Together, balanced, check_shards
from att.testing.analysis.breakage import find_run, run_and_shards
from att.testing.analysis.flakiness import outage_table
from att.testing.analysis.regression import Window, window_bounds
from att.testing.duck import causes, questions
from att.testing.duck.database import Database
from att.testing.duck.executions import ExecutionTable
from att.testing.exports.parquet import read_frame
from att.testing.exports.places import Place
from att.testing.history.questions import Questions
from att.testing.limits import check

if TYPE_CHECKING:
    from att.testing.history.history import History
    from att.testing.history.plots import Plots

__all__ = ["DuckHistory"]


class DuckHistory(Questions):
    """A history in Parquet files with the methods of `History`; every table equals the one over frames.

    Only `runs` is held in memory. The first question joins the results to their runs and keeps them as numbers in a
    temporary file, about 12 bytes a result; the questions work on parts of it, and what does not fit into the limit is
    spilled there too. `results`, `failures` and `plot` need frames and read them whole: `select` before.
    Close it when done, or use it in `with`: the temporary files go with it. Not for several threads at once.
    """

    def __init__(
        self,
        place: Place,
        *,
        memory: str = "1GB",
        spill: str | Path | None = None,
        runs: pd.DataFrame | None = None,
    ) -> None:
        """Open an export; `att.testing.exports.open_parquet` explains the arguments."""
        self._place = place
        self._how: dict[str, Any] = {"memory": memory, "spill": spill}
        self.runs = read_frame(place, "runs") if runs is None else runs
        self._database = Database(place, memory, spill)

    @cached_property
    def _executions(self) -> ExecutionTable:
        return ExecutionTable(self._database, self.runs)

    def _answer(self, name: str, /, **given: Any) -> pd.DataFrame:
        answer: pd.DataFrame = getattr(self, f"_{name}")(**given)
        return answer

    def _of(self, runs: pd.DataFrame) -> Self:
        """Return the history of these runs, with a database of its own."""
        return type(self)(self._place, **self._how, runs=runs)

    def _flaky(self, min_runs: int, outage_share: float) -> pd.DataFrame:
        check(min_runs=min_runs, outage_share=outage_share)
        return questions.flaky(self._executions, min_runs, outage_share)

    def _slowest(self, q: float) -> pd.DataFrame:
        check(q=q)
        return questions.slowest(self._executions, q)

    def _regressions(self, recent: Window, baseline: Window, **least: Any) -> pd.DataFrame:
        check(**least)
        bounds = window_bounds(self._executions.runs, recent, baseline)
        return questions.regressions(self._executions, *bounds, **least)

    def _first_failed(self, nodeid: str | None) -> pd.DataFrame:
        if nodeid is not None:
            self._require_test(nodeid)
        return questions.first_failed(self._executions, nodeid)

    def _compare(self, a: str, b: str, **how: Any) -> pd.DataFrame:
        sides = [find_run(self.runs, name) for name in (a, b)]
        runs = pd.concat([run_and_shards(self.runs, side) for side in sides]).drop_duplicates("run_id")
        return analysis.compare(runs, self._results_where("run_id IN (SELECT run_id FROM wanted)", runs), *sides, **how)

    def _balance(self, n: int, nodeids: Iterable[str] | None, together: Together) -> pd.DataFrame:
        check_shards(n)
        return balanced(questions.past(self._executions), n, nodeids=nodeids, together=together)

    def _failure_groups(self) -> pd.DataFrame:
        return causes.failure_groups(self._database, self.runs)

    def _outages(self, outage_share: float) -> pd.DataFrame:
        check(outage_share=outage_share)
        return outage_table(self._executions.runs, *self._executions.failing, outage_share)

    def _timeline(self, nodeid: str) -> pd.DataFrame:
        self._require_test(nodeid)
        return analysis.timeline(self.runs, self._results_of(nodeid), nodeid)

    def sql(self, query: str, *values: Any) -> pd.DataFrame:
        """Return the answer to a question in SQL about the views `runs`, `results` and `failures` of the whole export.

        `values` stand for `?`. Every column is as `att.testing.analysis.describe` tells.
        """
        return self._database.frame(query, *values)

    @property
    def results(self) -> pd.DataFrame:
        """The results of the runs, read whole into memory."""
        return read_frame(self._place, "results", self.runs["run_id"])

    @property
    def failures(self) -> pd.DataFrame:
        """The failures of the runs, read whole into memory."""
        return read_frame(self._place, "failures", self.runs["run_id"])

    def load(self) -> History:
        """Return the history with its frames in memory."""
        from att.testing.history.history import History

        return History(self.runs, self.results, self.failures, name=self._place.name)

    @property
    def plot(self) -> Plots:
        """The charts of `History`; they are drawn from frames, which are read whole into memory."""
        return self.load().plot

    def close(self) -> None:
        """Let go of the files and remove the temporary ones."""
        self._database.close()

    def __enter__(self) -> DuckHistory:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<DuckHistory of {self._place.name}: {len(self.runs):,} runs, memory {self._how['memory']}>"

    def _require_test(self, nodeid: str) -> None:
        names = self._executions.names["nodeid"]
        if not (names == nodeid).any():
            raise NotFound.named("test", nodeid, names)

    def _results_of(self, nodeid: str) -> pd.DataFrame:
        return self._results_where("nodeid = ?", self.runs, nodeid)

    def _results_where(self, condition: str, runs: pd.DataFrame, *values: Any) -> pd.DataFrame:
        """Return the results for which the condition holds; it may ask for `wanted`, the runs given."""
        self._database.keep("wanted", {"run_id": np.array(runs["run_id"].astype(object), dtype=object)})
        names = ", ".join(analysis.empty("results").columns)
        order = "ORDER BY filename, file_row_number"
        table = self._database.frame(f"SELECT {names} FROM results WHERE {condition} {order}", *values)
        return analysis.conform(table, "results")
