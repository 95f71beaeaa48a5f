"""A history in which the names of imported reports join their tests as soon as those are known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from att.errors import NotFound
from att.projects.registry import ProjectRegistry
from att.testing.history.store import HistoryStore
from att.testing.importers.nodeids import NodeIds
from att.testing.loading.inside import python_files

if TYPE_CHECKING:
    from att.store import Store
    from att.testing.models import TestFailure, TestOutcome, TestRun

__all__ = ["JoiningHistory"]


class JoiningHistory(HistoryStore):
    """Keeps runs, and looks after each of the runner's whether it names tests that reports had called otherwise."""

    def __init__(self, store: Store, registry: ProjectRegistry, *, keep_days: int = 0, keep_runs: int = 0) -> None:
        """Take where the folders of the projects are found; `keep_days` and `keep_runs` are as of any history."""
        super().__init__(store, keep_days=keep_days, keep_runs=keep_runs)
        self._registry = registry

    def append(self, run: TestRun, outcomes: Sequence[TestOutcome], failures: Sequence[TestFailure]) -> bool:
        kept = super().append(run, outcomes, failures)
        if kept:
            self.join(run.project)
        return kept

    def known(self, project: str) -> NodeIds:
        """Return the nodeids that runs have named, and the Python files of the project."""
        return NodeIds([*self.nodeids(project), *self._files_of(project)])

    def _files_of(self, project: str) -> list[str]:
        try:
            path = self._registry.get(project).path
        except NotFound:  # deleted; its history goes on
            return []
        return [] if path is None else python_files(Path(path))

    def join(self, project: str) -> int:
        """Give names that were imported as `classname::name` the nodeids that are known now; return how many."""
        names = self.unresolved(project)
        if not names:
            return 0
        known = self.known(project)
        found = {name: known.resolve(*_parts(name)) for name in names}
        return self.join_names(project, {name: nodeid for name, (nodeid, resolved) in found.items() if resolved})


def _parts(name: str) -> tuple[str, str]:
    classname, separator, rest = name.partition("::")
    return (classname, rest) if separator else ("", name)
