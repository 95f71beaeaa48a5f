"""The analyses as methods of a history: each signature once, whoever computes the answer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, Self, TypeVar

import pandas as pd

from att.testing import analysis
from att.testing.analysis.balancing import Together
from att.testing.analysis.regression import Window

__all__ = ["Questions", "explained_by"]

F = TypeVar("F", bound=Callable[..., Any])


def explained_by(function: Callable[..., Any]) -> Callable[[F], F]:
    """Give a method the documentation of the function that it stands for."""

    def dress(method: F) -> F:
        method.__doc__ = function.__doc__
        return method

    return dress


class Questions(ABC):
    """What can be asked of the runs of a history. What an answer holds does not depend on who computes it."""

    runs: pd.DataFrame

    @abstractmethod
    def _answer(self, name: str, /, **given: Any) -> pd.DataFrame:
        """Return the answer of the analysis of that name over the history."""

    @abstractmethod
    def _of(self, runs: pd.DataFrame) -> Self:
        """Return the history of these runs."""

    @explained_by(analysis.pass_rate)
    def pass_rate(self, freq: str | None = "D") -> pd.DataFrame:
        return analysis.pass_rate(self.runs, freq)

    @explained_by(analysis.flaky)
    def flaky(self, min_runs: int = 10, *, outage_share: float = 0.25) -> pd.DataFrame:
        return self._answer("flaky", min_runs=min_runs, outage_share=outage_share)

    @explained_by(analysis.slowest)
    def slowest(self, q: float = 0.95) -> pd.DataFrame:
        return self._answer("slowest", q=q)

    @explained_by(analysis.regressions)
    def regressions(
        self,
        recent: Window = 10,
        baseline: Window = 50,
        min_ratio: float = 1.25,
        min_delta_seconds: float = 0.1,
        *,
        max_p: float = 0.01,
    ) -> pd.DataFrame:
        windows = {"recent": recent, "baseline": baseline}
        least = {"min_ratio": min_ratio, "min_delta_seconds": min_delta_seconds}
        return self._answer("regressions", **windows, **least, max_p=max_p)

    @explained_by(analysis.first_failed)
    def first_failed(self, nodeid: str | None = None) -> pd.DataFrame:
        return self._answer("first_failed", nodeid=nodeid)

    @explained_by(analysis.compare)
    def compare(
        self, a: str, b: str, *, min_ratio: float = 1.5, min_delta_seconds: float = 0.1, unchanged: bool = False
    ) -> pd.DataFrame:
        least = {"min_ratio": min_ratio, "min_delta_seconds": min_delta_seconds}
        return self._answer("compare", a=a, b=b, **least, unchanged=unchanged)

    @explained_by(analysis.balance)
    def balance(self, n: int, *, nodeids: Iterable[str] | None = None, together: Together = "auto") -> pd.DataFrame:
        return self._answer("balance", n=n, nodeids=nodeids, together=together)

    @explained_by(analysis.failure_groups)
    def failure_groups(self) -> pd.DataFrame:
        return self._answer("failure_groups")

    @explained_by(analysis.outages)
    def outages(self, outage_share: float = 0.25) -> pd.DataFrame:
        return self._answer("outages", outage_share=outage_share)

    @explained_by(analysis.timeline)
    def timeline(self, nodeid: str) -> pd.DataFrame:
        return self._answer("timeline", nodeid=nodeid)

    def select(
        self,
        *,
        project: str | None = None,
        branch: str | None = None,
        suite: str | None = None,
        source: str | None = None,
        since: str | pd.Timestamp | None = None,
        until: str | pd.Timestamp | None = None,
    ) -> Self:
        """Return the history of the runs that match all that is given, as `att.testing.analysis.select` chooses them.

        Lengths of time count back from the newest run. Raises `NotFound` with close names, and `Invalid` for a time
        that cannot be read.
        """
        named = {"project": project, "branch": branch, "suite": suite, "source": source}
        return self._of(analysis.select(self.runs, **named, since=since, until=until))
