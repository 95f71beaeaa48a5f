"""HistoryManager: what all test runs together say, the loading of reports, and the forgetting of old runs."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from att.errors import Invalid, NotFound, TooLarge
from att.projects.registry import ProjectRegistry
from att.testing.history.models import HistoryPruned
from att.testing.history.records import Part, Selection
from att.testing.history.selecting import selection
from att.testing.history.table import Table
from att.testing.loading.grouping import build_of, together
from att.testing.loading.inside import read_inside
from att.testing.loading.labels import Labelling, Labels
from att.testing.loading.loader import Loader
from att.testing.loading.models import ImportResult, RunPer, SentReport
from att.testing.loading.receiving import received

if TYPE_CHECKING:
    import pandas as pd

    from att.events.manager import EventLog
    from att.testing.history.frames import Frames
    from att.testing.loading.joining import JoiningHistory

__all__ = ["HistoryManager"]

MOST_RESULTS = 20_000_000
_PIECE_BYTES = 256 * 1024
_TICK = timedelta(microseconds=1)


class HistoryManager:
    """Answers what is asked of the test history of one data directory. Methods may be called from any thread."""

    def __init__(
        self,
        registry: ProjectRegistry,
        history: JoiningHistory,
        events: EventLog,
        database: Path,
        settle: Callable[[str], None],
        *,
        most_results: int = MOST_RESULTS,
    ) -> None:
        """Take what lets the ended runs of a project join the history; `database` is the file that holds it.

        `most_results` go into one answer: a server must not be filled by a question.
        """
        self._registry = registry
        self._history = history
        self._events = events
        self._database = database
        self._settle = settle
        self._most_results = most_results

    # Reading

    def select(
        self,
        project: str,
        since: str | None = None,
        until: str | None = None,
        branch: str | None = None,
        suite: str | None = None,
    ) -> Selection:
        """Return a selection of a project's runs, all ended ones included. Raises NotFound and Invalid."""
        self._registry.get(project)
        chosen = selection(project, since, until, branch, suite)
        self._settle(project)
        return chosen

    def read(
        self,
        part: Part,
        since: str | None,
        until: str | None,
        branch: str | None,
        suite: str | None,
        project: str | None = None,
    ) -> Generator[bytes, None, None]:
        """Return a part of the history of a project, or of all, as the blocks of an Arrow stream, as they are stored.

        Read the parts in the order of `PARTS`. Raises NotFound and Invalid before the first block.
        """
        projects = [project] if project is not None else [known.id for known in self._registry.list()]
        for name in projects:
            self._registry.get(name)
        chosen = selection(project, since, until, branch, suite)
        if part == "runs":
            for name in projects:
                self._settle(name)
        return _gathered(self._history.stream(part, chosen))

    def pass_rate(self, chosen: Selection, limit: int, freq: str | None) -> Table:
        """Return `analysis.pass_rate`. Raises Invalid."""
        from att.testing import analysis

        return Table.of(analysis.pass_rate(self._runs(chosen), freq), limit)

    def failure_groups(self, chosen: Selection, limit: int) -> Table:
        """Return `analysis.failure_groups`."""
        from att.testing import analysis

        frames = self._frames(chosen, without="results")
        return Table.of(analysis.failure_groups(frames.runs, frames.failures), limit)

    def table(self, chosen: Selection, limit: int, name: str, **given: Any) -> Table:
        """Return the analysis of that name over runs and results. Raises what it raises, and TooLarge."""
        from att.testing import analysis

        frames = self._frames(chosen, without="failures")
        return Table.of(getattr(analysis, name)(frames.runs, frames.results, **given), limit)

    def compare(self, chosen: Selection, limit: int, a: str, b: str, **given: Any) -> Table:
        """Return `analysis.compare`. Raises NotFound."""
        from att.testing import analysis

        runs = self._runs(chosen)
        sides = [analysis.find_run(runs, name) for name in (a, b)]
        times = runs.loc[runs["run_id"].isin(sides) | runs["parent"].isin(sides), "started_at"]
        only = [replace(chosen, since=at, until=at + _TICK) for at in times.dt.to_pydatetime()]
        frames = self._frames(chosen, only, without="failures")
        return Table.of(analysis.compare(frames.runs, frames.results, *sides, **given), limit)

    def _runs(self, chosen: Selection) -> pd.DataFrame:
        from att.testing.history.frames import runs_frame

        return runs_frame(self._table("runs", chosen))

    def _frames(self, chosen: Selection, only: Sequence[Selection] | None = None, *, without: Part) -> Frames:
        """Return the frames of a selection; results of `only` these selections, and nothing of one part."""
        import pyarrow as pa

        from att.testing.history import blocks
        from att.testing.history.frames import assemble

        def read(part: Part) -> Any:
            if part == without:
                return blocks.head(blocks.SCHEMAS[part]) + blocks.END
            if part == "results" and only is not None:
                return pa.concat_tables([self._table(part, one) for one in only]).to_reader()
            if part == "runs" and only is None:
                self._bounded(self._history.number_of_results(chosen))
            return b"".join(self._history.stream(part, chosen))

        return assemble(read)

    def _bounded(self, results: int) -> None:
        """Raise TooLarge for more results than may be read."""
        if results > self._most_results:
            raise TooLarge(
                f"These are {results:,} results, and {self._most_results:,} are analysed at once: choose a shorter "
                "time with since, or export them with p.tests.history(since=None).to_parquet(folder) and ask "
                "att.testing.exports.open_parquet(folder, engine='duckdb').",
                results=results,
            )

    def _table(self, part: Part, chosen: Selection) -> Any:
        import pyarrow as pa

        return pa.ipc.open_stream(b"".join(self._history.stream(part, chosen))).read_all()

    # Loading

    def load(
        self,
        project: str,
        files: Sequence[str],
        reports: Sequence[SentReport],
        *,
        commit: str | None = None,
        branch: str | None = None,
        started_at: datetime | None = None,
        ci_url: str | None = None,
        match: str | None = None,
        tz: str = "UTC",
        run_per: RunPer = "auto",
    ) -> ImportResult:
        """Load reports that lie in the project, and reports that were sent, and tell it as one event.

        Raises NotFound, PermissionDenied for a path that leads out of the project, and Invalid for wrong labels, or
        when there is nothing to load; what is wrong with a single report is told in the result.
        """
        if not files and not reports:
            raise Invalid("Nothing to load: give a path, or name files in the project.")
        folder = self._registry.get(project).path
        if files and folder is None:
            raise NotFound(f"{project} has no folder, so it has no files; send the reports.", project=project)
        given = Labels(commit=commit, branch=branch, started_at=started_at, ci_url=ci_url)
        labelling = Labelling(given, match, tz)
        found = read_inside(Path(folder), files, run_per) if folder and files else iter(())
        self._settle(project)
        loader = Loader(self._history, project, self._history.known(project), labelling)
        sent = (list(map(received, build)) for build in together(reports, lambda one: build_of(one.path, run_per)))
        told = [*loader.load(chain(found, sent))]
        self._history.join(project)
        new = loader.loaded
        if new.runs:
            sources = sorted(new.sources)
            self._events.append("test.imported", project=project, runs=new.runs, results=new.results, sources=sources)
        return ImportResult(reports=told)

    # Forgetting

    def prune(self, project: str, keep_days: int | None, keep_runs: int | None, *, vacuum: bool) -> HistoryPruned:
        """Delete old runs, and give their space back when asked.

        Raises NotFound, Invalid when it is not said what to keep, and Busy while others write for long.
        """
        self._registry.get(project)
        if keep_days is None and keep_runs is None and not vacuum:
            raise Invalid("Say what to keep: keep_days, keep_runs, or both; vacuum=True only gives space back.")
        runs = self._history.prune(project, keep_days=keep_days, keep_runs=keep_runs)
        if not vacuum:
            return HistoryPruned(project=project, runs=runs)
        before = _size(self._database)
        self._history.vacuum()
        return HistoryPruned(project=project, runs=runs, freed_bytes=max(0, before - _size(self._database)))


def _gathered(blocks: Iterator[bytes]) -> Generator[bytes, None, None]:
    """Yield the bytes in pieces that are worth a step of a server: the block of a run is small."""
    pending = bytearray()
    for block in blocks:
        pending += block
        if len(pending) >= _PIECE_BYTES:
            yield bytes(pending)
            pending.clear()
    yield bytes(pending)


def _size(database: Path) -> int:
    return sum(path.stat().st_size for path in (database, Path(f"{database}-wal")) if path.exists())
