"""HistoryStore: every ended test run, kept for ever in the data directory's database, or as long as is wished."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from att.errors import Invalid, NotFound
from att.models import now
from att.testing.history import catalogue
from att.testing.history.catalogue import cleaned
from att.testing.history.records import Part, ResultColumns, RunRecord, Selection
from att.testing.history.travelling import run_from, run_of
from att.testing.models import MOST_FAILURES, TestFailure, TestOutcome, TestRun, TestRunPage

if TYPE_CHECKING:
    from sqlalchemy import RowMapping

    from att.store import Store

__all__ = ["HistoryStore"]

_CHUNK = 64
"""Blocks that are read in one transaction: a slow reader holds none open."""


class HistoryStore:
    """The history of all projects of a data directory. Methods may be called from any thread and process.

    A run is written in one transaction, so another process sees all of it or nothing, and a kill tears nothing.
    """

    def __init__(self, store: Store, *, keep_days: int = 0, keep_runs: int = 0) -> None:
        """Open the history; `keep_days` and `keep_runs` of each project are kept when runs end, 0 keeps all."""
        self._store = store
        self._keep = (keep_days, keep_runs)

    # Writing

    def append(self, run: TestRun, outcomes: Sequence[TestOutcome], failures: Sequence[TestFailure]) -> bool:
        """Keep a run of the runner; False when it is kept already."""
        kept = self._write(RunRecord.of(run).cleaned(), run, ResultColumns.of(outcomes), failures)
        if kept and any(self._keep):
            keep_days, keep_runs = self._keep
            self.prune(run.project, keep_days=keep_days or None, keep_runs=keep_runs or None)
        return kept

    def keep(
        self, record: RunRecord, outcomes: Sequence[TestOutcome] | ResultColumns, failures: Sequence[TestFailure] = ()
    ) -> bool:
        """Keep a run from elsewhere; False when its id, or in the project one of its digests, is kept already."""
        columns = outcomes if isinstance(outcomes, ResultColumns) else ResultColumns.of(outcomes)
        record = record.cleaned()
        return self._write(record, run_of(record, columns.outcome), columns, failures)

    def _write(self, record: RunRecord, run: TestRun, columns: ResultColumns, failures: Sequence[TestFailure]) -> bool:
        from att.testing.history import blocks

        names = cleaned([*columns.nodeid, *(failure.nodeid for failure in failures)])
        workers = sorted({name for name in columns.worker or () if name is not None})
        notes = blocks.encode_notes(columns)
        detail = run.model_dump_json(exclude={"failures"})
        with self._store.write() as connection:
            keys = [key for key in (record.run_id, record.digest, *record.reports) if key is not None]
            if catalogue.holder(connection, record.project, keys) is not None:
                return False
            number = catalogue.add_run(connection, record, workers, detail)
            catalogue.add_reports(connection, record.project, number, record.reports)
            tests = catalogue.number_tests(connection, record.project, names, record.unresolved)
            data = blocks.encode_results(columns, record.started_at, number, tests[: len(columns)], workers)
            catalogue.add_block(connection, number, "results", len(columns), data)
            if failures:
                data = blocks.encode_failures(failures, number, tests[len(columns) :])
                catalogue.add_block(connection, number, "failures", len(failures), data)
            if notes is not None:
                catalogue.add_block(connection, number, "notes", len(columns), notes)
        return True

    def join_names(self, project: str, mapping: Mapping[str, str]) -> int:
        """Give names that were imported unresolved their nodeids, in every run; return how many there were."""
        with self._store.write() as connection:
            return catalogue.join_names(connection, project, mapping)

    # Reading runs

    def has(self, project: str, key: str) -> bool:
        """Say whether a run with this id, or in the project an imported file with this digest, is kept."""
        return self.holder(project, [key]) is not None

    def holder(self, project: str, keys: Sequence[str]) -> str | None:
        """Return the run that has one of these ids, or in the project an imported file with one of these digests."""
        with self._store.read() as connection:
            return catalogue.holder(connection, project, keys)

    def runs(self, project: str, cursor: str | None, limit: int) -> TestRunPage:
        """Return the runs of a project without their failures, newest first. Raises Invalid for a strange cursor."""
        with self._store.read() as connection:
            rows = catalogue.page(connection, project, cursor, limit + 1)
        more, rows = len(rows) > limit, rows[:limit]
        at = catalogue.cursor_of(rows[-1]) if rows else cursor
        return TestRunPage(runs=[run_from(row["detail"]) for row in rows], cursor=at, has_more=more)

    def run(self, project: str, run_id: str) -> TestRun:
        """Return one run with its first failures. Raises NotFound."""
        run = run_from(self._found(project, run_id)["detail"])
        failures = [failure for failure in self.failures(project, run_id) if failure.outcome != "rerun"]
        return run.model_copy(update={"failures": failures[:MOST_FAILURES]})

    def outcomes(self, project: str, run_id: str) -> Sequence[TestOutcome]:
        """Return the outcomes of one run in the order in which the tests ended. Raises NotFound."""
        from att.testing.history.blocks import outcomes_of

        row = self._found(project, run_id)
        with self._store.read() as connection:
            names = catalogue.names_of(connection, project)
            data = catalogue.blocks(connection, [row["run"]], "results")
            notes = catalogue.block(connection, row["run"], "notes")
        return outcomes_of(data, notes, row["started_at"], names, row["workers"])

    def failures(self, project: str, run_id: str) -> Sequence[TestFailure]:
        """Return the failures of one run, also those of attempts that were run again. Raises NotFound."""
        from att.testing.history.blocks import failures_of

        row = self._found(project, run_id)
        with self._store.read() as connection:
            names = catalogue.names_of(connection, project)
            data = catalogue.blocks(connection, [row["run"]], "failures")
        return failures_of(data, names)

    def _found(self, project: str, run_id: str) -> RowMapping:
        with self._store.read() as connection:
            row = catalogue.find_run(connection, project, run_id)
            if row is not None:
                return row
            known = [run["run_id"] for run in catalogue.page(connection, project, None, 200)]
        raise NotFound.named("test run", run_id, known)

    # Reading tests

    def nodeids(self, project: str) -> list[str]:
        """Return the nodeids that the project's runs have named, but those that are not resolved."""
        with self._store.read() as connection:
            return list(dict.fromkeys(catalogue.names_of(connection, project, resolved=True).values()))

    def unresolved(self, project: str) -> list[str]:
        """Return the names, `classname::name`, of which the nodeid is not known yet."""
        with self._store.read() as connection:
            return list(catalogue.names_of(connection, project, resolved=False).values())

    def expected_durations(self, project: str) -> Mapping[str, float]:
        """Return the seconds that each test is likely to take: its median in the latest runs."""
        from att.testing.history.durations import medians

        with self._store.read() as connection:
            names = catalogue.names_of(connection, project)
            data = catalogue.blocks(connection, catalogue.telling_runs(connection, project), "results")
        found = medians(data)
        return {names[test]: seconds for test, seconds in found.items() if test in names}

    # Reading everything

    def number_of_results(self, selection: Selection) -> int:
        """Return how many results `stream` would yield."""
        with self._store.read() as connection:
            return catalogue.number_of_results(connection, selection)

    def stream(self, part: Part, selection: Selection) -> Iterator[bytes]:
        """Yield a part of the history as an Arrow IPC stream: blocks leave as they lie in the database.

        `tests` selects by project only. Read the parts in the order of `PARTS`.
        """
        from att.testing.history import blocks, wire

        if part in ("runs", "tests"):
            columns = wire.RUN_COLUMNS if part == "runs" else wire.TEST_COLUMNS
            with self._store.read() as connection:
                rows = catalogue.rows(connection, columns, selection)
            yield from wire.encode_rows(columns, rows)
            return
        yield blocks.head(blocks.SCHEMAS[part])
        with self._store.read() as connection:
            runs = catalogue.selected_runs(connection, selection)
        for first in range(0, len(runs), _CHUNK):
            with self._store.read() as connection:
                found = catalogue.blocks(connection, runs[first : first + _CHUNK], part)
            yield from found
        yield blocks.END

    # Forgetting

    def prune(self, project: str | None = None, *, keep_days: float | None = None, keep_runs: int | None = None) -> int:
        """Delete runs that are older than `keep_days` or not among the newest `keep_runs` of their project.

        Returns how many were deleted. Space is given back by `vacuum`. Raises Invalid for a negative bound.
        """
        if any(bound is not None and bound < 0 for bound in (keep_days, keep_runs)):
            raise Invalid("keep_days and keep_runs cannot be negative.")
        before = None if keep_days is None else now() - timedelta(days=keep_days)
        with self._store.write() as connection:
            return catalogue.delete_runs(connection, project, before, keep_runs)

    def vacuum(self) -> int:
        """Delete the names of tests that no run holds, and give free space back; return how many names there were.

        Raises Busy while somebody else writes for long.
        """
        from att.testing.history.blocks import test_numbers

        with self._store.read() as connection:
            runs = catalogue.selected_runs(connection, Selection())
        used = self._used_tests(runs)
        with self._store.write() as connection:
            since = set(catalogue.selected_runs(connection, Selection())) - set(runs)
            for part in ("results", "failures"):
                used |= test_numbers(part, catalogue.blocks(connection, sorted(since), part))
            dropped = catalogue.delete_tests(connection, used)
        self._store.vacuum()
        return dropped

    def _used_tests(self, runs: Sequence[int]) -> set[int]:
        from att.testing.history.blocks import test_numbers

        used: set[int] = set()
        for first in range(0, len(runs), _CHUNK):
            with self._store.read() as connection:
                for part in ("results", "failures"):
                    used |= test_numbers(part, catalogue.blocks(connection, runs[first : first + _CHUNK], part))
        return used
