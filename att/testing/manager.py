"""TestManager: run the tests of projects, see how they go, and read their results. A facade over the parts."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

from att.errors import NotFound
from att.projects.registry import ProjectRegistry
from att.runtime.launcher import Launcher
from att.testing.following import RETRY_SECONDS, Following
from att.testing.models import Outcome, TestFailure, TestOutcome, TestOutcomePage, TestRequest, TestRun, TestRunPage
from att.testing.paging import Position, page_of
from att.testing.provenance import GitFactory
from att.testing.runner import INTERRUPT_SECONDS, TERMINATE_SECONDS, TestRunner
from att.testing.suiterun import KIND, SuiteRun, light

if TYPE_CHECKING:
    from att.events.manager import EventLog
    from att.settings import ATT
    from att.store import Store

__all__ = ["TestHistory", "TestManager"]

_READ_RUNS = 8
T = TypeVar("T")


class TestHistory(Protocol):
    """Every ended run, for ever."""

    def append(self, run: TestRun, outcomes: Sequence[TestOutcome], failures: Sequence[TestFailure]) -> bool:
        """Keep a run; False when it is kept already."""
        ...

    def expected_durations(self, project: str) -> Mapping[str, float]:
        """Return the seconds that each test is likely to take, by nodeid."""
        ...

    def runs(self, project: str, cursor: str | None, limit: int) -> TestRunPage:
        """Return the runs of a project, newest first."""
        ...

    def run(self, project: str, run_id: str) -> TestRun:
        """Return one run. Raises NotFound."""
        ...

    def outcomes(self, project: str, run_id: str) -> Sequence[TestOutcome]:
        """Return the outcomes of one run in the order in which the tests ended. Raises NotFound."""
        ...


class TestManager:
    """Runs the tests of the projects of one data directory, for one process. Methods may be called from any thread.

    `_lock` guards `_read` and `_durations`: runs as far as they were read by this process, and the durations that are
    expected in the runs that go on.
    """

    __test__ = False

    def __init__(
        self,
        registry: ProjectRegistry,
        launcher: Launcher,
        store: Store,
        events: EventLog,
        history: TestHistory,
        *,
        git: GitFactory,
        settings: ATT,
        interrupt_seconds: float = INTERRUPT_SECONDS,
        terminate_seconds: float = TERMINATE_SECONDS,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        self._registry = registry
        self._launcher = launcher
        self._history = history
        self._runner = TestRunner(
            launcher, git, settings, interrupt_seconds=interrupt_seconds, terminate_seconds=terminate_seconds
        )
        self._following = Following(launcher, store, events, history, retry_seconds=retry_seconds)
        self._lock = threading.Lock()
        self._read: OrderedDict[str, SuiteRun] = OrderedDict()
        self._durations: OrderedDict[str, Mapping[str, float]] = OrderedDict()

    def open(self) -> None:
        """Adopt the test runs that go on, and those that ended while nobody was there."""
        self._following.open()

    def close(self) -> None:
        """Let go; test runs go on. Closing twice does nothing more."""
        self._following.close()

    def run(self, project_id: str, request: TestRequest, *, parallel: bool = False) -> TestRun:
        """Start the tests of a project.

        Raises Busy while another run of the project goes on, unless `parallel`; Invalid, NotFound, NotSupported and
        StartFailed with what to do.
        """
        project = self._registry.get(project_id)
        self._following.settle_project(project_id)
        durations = self._history.expected_durations(project_id)
        with self._launcher.project_lock(project_id):
            self._registry.get(project_id)  # not deleted meanwhile
            suite = self._runner.start(project, request, durations, parallel=parallel)
        with self._lock:
            self._keep(self._durations, suite.run.run_id, durations)
        self._following.begin(suite)
        return suite.begun

    def status(self, project_id: str, run_id: str) -> TestRun:
        """Return a run as it is now. An ended one has joined the history. Raises NotFound."""
        suite = self._suite(project_id, run_id)
        if suite is None:
            return self._history.run(project_id, run_id)
        if (final := suite.settled()) is not None:
            return final
        seen = suite.look(self._expected(project_id, run_id))
        if seen.state == "running":
            return seen
        self._following.settle(suite)
        return suite.settled() or seen

    def cancel(self, project_id: str, run_id: str) -> TestRun:
        """Interrupt a run, so that pytest still sums up, and end it if it does not obey. Raises NotFound."""
        suite = self._suite(project_id, run_id)
        if suite is not None and not suite.ended():
            suite.run.request_stop()
        return self.status(project_id, run_id)

    def results(
        self,
        project_id: str,
        run_id: str | None = None,
        outcomes: Sequence[Outcome] | None = None,
        cursor: str | None = None,
        limit: int = 500,
    ) -> TestOutcomePage:
        """Return the outcomes of the tests of a run, the latest one by default, from a cursor on.

        Raises Invalid for a cursor of something else and NotFound.
        """
        position = Position.parse(cursor, run_id) if cursor is not None else None
        chosen = run_id or (position.run_id if position else None) or self._latest(project_id)
        if chosen is None:
            return TestOutcomePage(outcomes=[], cursor=None, has_more=False)
        suite = self._suite(project_id, chosen)
        if suite is None:
            shards = [self._history.outcomes(project_id, chosen)]
        else:
            suite.update()
            with suite.lock:
                shards = [list(state.outcomes) for state in suite.shards]
        return page_of(shards, position or Position(chosen), outcomes, limit)

    def runs(self, project_id: str, cursor: str | None = None, limit: int = 50) -> TestRunPage:
        """Return the runs of a project, newest first; those that go on come before the ended ones."""
        self._registry.get(project_id)
        self._following.settle_project(project_id)
        page = self._history.runs(project_id, cursor, limit)
        going_on: list[TestRun] = []
        if cursor is None:
            unsettled = [run for run in self._launcher.runs(project_id, KIND) if not SuiteRun(run).is_settled()]
            going_on = [light(self.status(project_id, run.run_id)) for run in reversed(unsettled)]
        # A run may join the history between the two looks.
        kept = [light(run) for run in page.runs if all(run.run_id != other.run_id for other in going_on)]
        return page.model_copy(update={"runs": [*going_on, *kept]})

    def settle(self, project_id: str) -> None:
        """Let every ended run of a project join the history before this returns."""
        self._following.settle_project(project_id)

    def _latest(self, project_id: str) -> str | None:
        self._registry.get(project_id)
        run = self._launcher.latest(project_id, KIND)
        if run is not None and not (SuiteRun(run).is_settled() and self._pruned(project_id, run.run_id)):
            return run.run_id
        kept = self._history.runs(project_id, None, 1).runs
        return kept[0].run_id if kept else None

    def _pruned(self, project_id: str, run_id: str) -> bool:
        """Say whether a run that joined the history is not in it any more."""
        try:
            self._history.run(project_id, run_id)
        except NotFound:
            return True
        return False

    def _suite(self, project_id: str, run_id: str) -> SuiteRun | None:
        """Return a run whose directory is there, as far as it is read. Raises NotFound for a run of another kind."""
        self._registry.get(project_id)
        followed = self._following.suite(run_id)
        if followed is not None and followed.run.project == project_id:
            return followed
        try:
            run = self._launcher.run(project_id, run_id)
        except NotFound:
            return None
        with self._lock:
            suite = self._read.get(run_id) or SuiteRun(run)
            self._keep(self._read, run_id, suite)
        suite.begun  # noqa: B018 - raises for a run that is none of tests
        return suite

    def _expected(self, project_id: str, run_id: str) -> Mapping[str, float]:
        with self._lock:
            known = self._durations.get(run_id)
        if known is None:
            known = self._history.expected_durations(project_id)
            with self._lock:
                self._keep(self._durations, run_id, known)
        return known

    def _keep(self, cache: OrderedDict[str, T], key: str, value: T) -> None:
        """Remember a value beside the latest others. The caller holds `_lock`."""
        cache[key] = value
        cache.move_to_end(key)
        while len(cache) > _READ_RUNS:
            cache.popitem(last=False)
