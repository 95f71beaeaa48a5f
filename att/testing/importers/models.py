"""Values that every importer returns: the counts of a report and its tests as columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal, overload

from att.errors import Invalid
from att.testing.importers.reading import MAX_COUNT, MAX_SECONDS, is_count

__all__ = [
    "CATEGORIES",
    "MAX_ATTEMPTS",
    "Failure",
    "Outcome",
    "ParsedReport",
    "Phase",
    "ReportKind",
    "ReportStatus",
    "TestRecord",
    "TestTable",
    "worst",
]

ReportKind = Literal["console", "json-report", "junit", "reportlog", "ctrf"]
Outcome = Literal["passed", "failed", "skipped", "error", "xfailed", "xpassed"]
Phase = Literal["collect", "setup", "call", "teardown"]
ReportStatus = Literal["passed", "failed", "no_tests", "interrupted", "internal_error", "collect_error"]

CATEGORIES: tuple[str, ...] = ("passed", "failed", "skipped", "errors", "xfailed", "xpassed")

MAX_ATTEMPTS = 100
"""A report that only states a greater number of attempts, and does not list them, is not believed: each is a row."""

_SEVERITY: dict[Outcome, int] = {"passed": 0, "skipped": 1, "xfailed": 2, "xpassed": 3, "error": 4, "failed": 5}


def worst(first: Outcome, second: Outcome) -> Outcome:
    """Return the outcome that decides when one test reported both."""
    return first if _SEVERITY[first] >= _SEVERITY[second] else second


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a test, or one attempt or phase of it, was not good."""

    phase: Phase | None
    exception_type: str | None
    message: str
    longrepr: str
    sections: tuple[tuple[str, str], ...] = ()
    attempt: int = 1
    """Which attempt failed, counted from 1; earlier attempts of a rerun test have failures of their own."""


@dataclass(frozen=True, slots=True)
class TestRecord:
    """One test of a report; None where the format does not say."""

    __test__ = False

    nodeid: str
    outcome: Outcome
    classname: str | None = None
    name: str | None = None
    file: str | None = None
    resolved: bool = True
    """Whether `nodeid` is pytest's own; otherwise it is `classname::name` until a match is known."""
    attempts: int = 1
    setup_seconds: float | None = None
    call_seconds: float | None = None
    teardown_seconds: float | None = None
    duration_seconds: float | None = None
    started_at: datetime | None = None
    worker: str | None = None
    failures: tuple[Failure, ...] = ()

    @property
    def failure(self) -> Failure | None:
        """The failure to show first: that of the last attempt."""
        last = max((failure.attempt for failure in self.failures), default=0)
        return next((failure for failure in self.failures if failure.attempt == last), None)


_COLUMNS = tuple(f.name for f in fields(TestRecord) if f.name != "failures")


class TestTable(Sequence[TestRecord]):
    """The tests of one report, kept as columns: 100,000 tests cost lists, not objects."""

    __test__ = False

    def __init__(
        self,
        columns: Mapping[str, list[Any]] | None = None,
        failures: Mapping[int, tuple[Failure, ...]] | None = None,
    ) -> None:
        self._columns: dict[str, list[Any]] = {name: [] for name in _COLUMNS} if columns is None else dict(columns)
        self._failures = {row: of_row for row, of_row in (failures or {}).items() if of_row}

    @property
    def columns(self) -> Mapping[str, list[Any]]:
        """Every scalar field of `TestRecord` as a list with one value per test."""
        return MappingProxyType(self._columns)

    @property
    def failures(self) -> Mapping[int, tuple[Failure, ...]]:
        """Failures by row; a row that is missing has none."""
        return MappingProxyType(self._failures)

    def append(self, record: TestRecord) -> None:
        """Add a test as the last row."""
        if record.failures:
            self._failures[len(self)] = record.failures
        for name, column in self._columns.items():
            column.append(getattr(record, name))

    def extend(self, other: TestTable) -> None:
        """Add all rows of another table."""
        offset = len(self)
        self._failures.update({offset + row: failures for row, failures in other._failures.items()})
        for name, column in self._columns.items():
            column.extend(other._columns[name])

    def __len__(self) -> int:
        return len(self._columns["nodeid"])

    @overload
    def __getitem__(self, index: int) -> TestRecord: ...
    @overload
    def __getitem__(self, index: slice) -> list[TestRecord]: ...
    def __getitem__(self, index: int | slice) -> TestRecord | list[TestRecord]:
        if isinstance(index, slice):
            return [self[row] for row in range(*index.indices(len(self)))]
        row = range(len(self))[index]
        values = {name: column[row] for name, column in self._columns.items()}
        return TestRecord(**values, failures=self._failures.get(row, ()))

    def __iter__(self) -> Iterator[TestRecord]:
        return (self[row] for row in range(len(self)))

    def __repr__(self) -> str:
        return f"<TestTable of {len(self)} tests>"


@dataclass(frozen=True, slots=True)
class ParsedReport:
    """What one report says about one test session.

    A count is None when the format cannot express the category or this file does not tell. A duration that no run
    can have is None. Raises Invalid for a count or an exit code that is out of range.
    """

    kind: ReportKind
    counts: Mapping[str, int | None]
    """The six categories, and rerun, deselected, warnings, subtests or CTRF's own statuses where known."""
    tests: TestTable = field(default_factory=TestTable)
    complete: bool = True
    """Whether the session wrote its end; without it the counts are unknown and `tests` are those that finished."""
    status: ReportStatus | None = None
    exitcode: int | None = None
    duration_seconds: float | None = None
    started_at: datetime | None = None
    tool: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    """`branch`, `commit`, `ci_url` and whatever else the file names about its run."""

    def __post_init__(self) -> None:
        for name, value in self.counts.items():
            if value is not None and not is_count(value):
                raise Invalid(f"The report is broken: it states a number of {name} that no run can have.")
        if self.exitcode is not None and not -MAX_COUNT <= self.exitcode <= MAX_COUNT:
            raise Invalid("The report is broken: it states an exit code that no process can have.")
        if self.duration_seconds is not None and not 0 <= self.duration_seconds <= MAX_SECONDS:
            object.__setattr__(self, "duration_seconds", None)

    @property
    def passed(self) -> int | None:
        """Tests that passed."""
        return self.counts.get("passed")

    @property
    def failed(self) -> int | None:
        """Tests that failed, strict xpasses included."""
        return self.counts.get("failed")

    @property
    def skipped(self) -> int | None:
        """Tests and modules that were skipped."""
        return self.counts.get("skipped")

    @property
    def errors(self) -> int | None:
        """Errors in setup, teardown and collection."""
        return self.counts.get("errors")

    @property
    def xfailed(self) -> int | None:
        """Tests that failed as expected."""
        return self.counts.get("xfailed")

    @property
    def xpassed(self) -> int | None:
        """Tests that passed though a failure was expected (not strict)."""
        return self.counts.get("xpassed")

    @property
    def interrupted(self) -> bool:
        """Whether somebody or something stopped the session before its end."""
        return self.status == "interrupted"

    @property
    def no_tests_collected(self) -> bool | None:
        """Whether the session had no test to run; None when the report does not tell how it ended."""
        return None if self.status is None else self.status == "no_tests"
