"""The test runs whose directories are kept: what there is to read without a history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from att.errors import NotFound
from att.runtime.launcher import Launcher
from att.testing.models import TestFailure, TestOutcome, TestRun, TestRunPage
from att.testing.suiterun import KIND, SuiteRun

__all__ = ["RecentRuns"]


class RecentRuns:
    """A history as long as run directories are kept. It keeps nothing itself."""

    def __init__(self, launcher: Launcher) -> None:
        self._launcher = launcher

    def append(self, run: TestRun, outcomes: Sequence[TestOutcome], failures: Sequence[TestFailure]) -> bool:
        del run, outcomes, failures
        return True

    def expected_durations(self, project: str) -> Mapping[str, float]:
        del project
        return {}

    def runs(self, project: str, cursor: str | None, limit: int) -> TestRunPage:
        kept = [run for run in reversed(self._launcher.runs(project, KIND)) if cursor is None or run.run_id < cursor]
        settled = [final for run in kept if (final := SuiteRun(run).settled()) is not None]
        page = settled[:limit]
        return TestRunPage(runs=page, cursor=page[-1].run_id if page else cursor, has_more=len(settled) > limit)

    def run(self, project: str, run_id: str) -> TestRun:
        raise NotFound.named("test run", run_id, [run.run_id for run in self._launcher.runs(project, KIND)])

    def outcomes(self, project: str, run_id: str) -> Sequence[TestOutcome]:
        self.run(project, run_id)
        return []
