"""A house for test runs: a data directory with projects whose suites are written by the test."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from att.code.gitprogram import Git
from att.errors import NotFound
from att.events.manager import EventLog
from att.events.models import Event
from att.models import now
from att.projects.models import Project
from att.projects.registry import ProjectRegistry
from att.runtime import proctree
from att.runtime.launcher import Launcher
from att.runtime.logs import ProjectLogs
from att.runtime.models import LogLine
from att.settings import ATT
from att.store import Store
from att.testing.history.store import HistoryStore
from att.testing.manager import TestManager
from att.testing.models import TestFailure, TestOutcome, TestRequest, TestRun, TestRunPage
from tests.support.pytest_envs import environment_python
from tests.support.waiting import eventually

__all__ = ["GOOD", "HANGING", "HANG_SECONDS", "House", "KeptRuns", "house", "marked_processes"]

HANG_SECONDS = 60
GOOD = "import pytest\n@pytest.mark.parametrize('n', range(3))\ndef test_passes(n): assert n < 3\n"
HANGING = GOOD + "def test_hangs():\n    import time\n    time.sleep(300)\ndef test_later(): pass\n"


class KeptRuns:
    """A history in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[TestRun, list[TestOutcome], list[TestFailure]]] = {}
        self.appended: list[str] = []
        self.durations: dict[str, float] = {}

    def append(self, run: TestRun, outcomes: Sequence[TestOutcome], failures: Sequence[TestFailure]) -> bool:
        self.appended.append(run.run_id)
        if run.run_id in self.kept:
            return False
        self.kept[run.run_id] = (run, list(outcomes), list(failures))
        return True

    def expected_durations(self, project: str) -> Mapping[str, float]:
        return self.durations

    def runs(self, project: str, cursor: str | None, limit: int) -> TestRunPage:
        mine = [run for run, _, _ in self.kept.values() if run.project == project]
        older = [run for run in reversed(mine) if cursor is None or run.run_id < cursor]
        page = older[:limit]
        return TestRunPage(runs=page, cursor=page[-1].run_id if page else cursor, has_more=len(older) > limit)

    def run(self, project: str, run_id: str) -> TestRun:
        return self._kept(run_id)[0]

    def outcomes(self, project: str, run_id: str) -> Sequence[TestOutcome]:
        return self._kept(run_id)[1]

    def _kept(self, run_id: str) -> tuple[TestRun, list[TestOutcome], list[TestFailure]]:
        if run_id not in self.kept:
            raise NotFound.named("test run", run_id, self.kept)
        return self.kept[run_id]


class House:
    """Everything that test runs need over one data directory, for one process."""

    def __init__(
        self,
        data_dir: Path,
        *,
        interrupt_seconds: float = 5.0,
        terminate_seconds: float = 1.0,
        retry_seconds: float = 5.0,
        real_history: bool = False,
    ) -> None:
        self.settings = ATT(data_dir=str(data_dir))
        self.store = Store(data_dir / "att.db")
        self.events = EventLog(self.store)
        self.registry = ProjectRegistry(self.store, self.events)
        self.launcher = Launcher(data_dir / "projects")
        self.history = KeptRuns()
        self.history_store = HistoryStore(self.store)
        self.tests = TestManager(
            self.registry,
            self.launcher,
            self.store,
            self.events,
            self.history_store if real_history else self.history,
            git=Git,
            settings=self.settings,
            interrupt_seconds=interrupt_seconds,
            terminate_seconds=terminate_seconds,
            retry_seconds=retry_seconds,
        )
        self.tests.open()

    def project(self, folder: Path, files: Mapping[str, str], name: str = "demo", env: str = "pytest84") -> Path:
        """Register a project with these files, and return its folder."""
        root = folder / name
        for file, text in {"pytest.ini": "[pytest]\naddopts = -p no:cacheprovider\n", **files}.items():
            path = root / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        at = now()
        python = str(environment_python(env))
        self.registry.add(Project(id=name, path=str(root), python=python, created_at=at, updated_at=at))
        return root

    def start(self, project: str = "demo", *, parallel: bool = False, **asked: Any) -> TestRun:
        return self.tests.run(project, TestRequest(**asked), parallel=parallel)

    def run(self, project: str = "demo", **asked: Any) -> TestRun:
        """Run a suite to its end."""
        return self.wait(self.start(project, **asked))

    def wait(self, run: TestRun, timeout: float = HANG_SECONDS) -> TestRun:
        ended = eventually(lambda: self._ended(run), timeout)
        assert ended
        return ended

    def _ended(self, run: TestRun) -> TestRun | None:
        seen = self.tests.status(run.project, run.run_id)
        return None if seen.state == "running" else seen

    def until(self, run: TestRun, finished: int) -> TestRun:
        """Wait until so many tests have ended and one more is in flight."""

        def look() -> TestRun | None:
            seen = self.tests.status(run.project, run.run_id)
            return seen if seen.finished >= finished and seen.in_flight else None

        seen = eventually(look, HANG_SECONDS)
        assert seen
        return seen

    def log(self, run: TestRun) -> list[LogLine]:
        """Return the last lines that a run has written."""
        return ProjectLogs(self.launcher).last_lines(self.launcher.run(run.project, run.run_id), 200)

    def told(self, run: TestRun, kind: str) -> list[Event]:
        """Return the events of a run."""
        page = self.events.read(None, 10_000, project=run.project, kinds=[kind])
        return [event for event in page.events if event.run_id == run.run_id]

    def close(self) -> None:
        self.tests.close()
        self.store.close()


@contextmanager
def house(data_dir: Path, *, real_history: bool = False, **seconds: float) -> Iterator[House]:
    """Open a house; at the end nothing that it has started is left."""
    opened = House(data_dir, real_history=real_history, **seconds)
    try:
        yield opened
    finally:
        for project in opened.registry.list():
            for run in opened.launcher.runs(project.id):
                run.stop(0)
        opened.close()


def marked_processes(run_id: str) -> list[int]:
    """Return the processes that belong to a run: its mark is in their environment."""
    mark = f"_ATT_RUN={run_id}".encode()
    return [p for p in proctree.own_processes() if mark in proctree.read_file(b"/proc/%d/environ" % p).split(b"\0")]
