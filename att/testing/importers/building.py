"""Put a session together from per-phase reports: one row per test, and pytest's own categories counted."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from att.testing.importers.models import (
    CATEGORIES,
    Failure,
    Outcome,
    Phase,
    ReportStatus,
    TestRecord,
    TestTable,
    worst,
)
from att.testing.importers.reading import clean, clip, exception_type

__all__ = ["Row", "Session", "is_skip_reason", "make_failure", "session_status", "text_of"]

_SKIP_REASON = re.compile(r"""(?:\[gw\d+\].*\n)?[(\[](['"]).*\1, \d+, ['"]Skipped""")
_OUTCOMES: dict[str, Outcome] = {
    "passed": "passed",
    "failed": "failed",
    "skipped": "skipped",
    "errors": "error",
    "xfailed": "xfailed",
    "xpassed": "xpassed",
}
_STATUS_OF_EXIT: dict[int, ReportStatus] = {
    0: "passed",
    1: "failed",
    2: "interrupted",
    3: "internal_error",
    5: "no_tests",
}


@dataclass(slots=True)
class Row:
    """One test while its phases arrive."""

    nodeid: str
    outcome: Outcome | None = None
    attempts: int = 1
    phase_seconds: dict[Phase, float | None] = field(default_factory=dict)
    started_at: datetime | None = None
    worker: str | None = None
    file: str | None = None
    failures: list[Failure] = field(default_factory=list)

    def record(self) -> TestRecord:
        """Return the finished record; a test that never reported a result is left out by the caller."""
        known = [value for value in self.phase_seconds.values() if value is not None]
        return TestRecord(
            nodeid=self.nodeid,
            outcome=self.outcome or "passed",
            name=self.nodeid.rpartition("::")[2],
            file=self.file,
            attempts=self.attempts,
            setup_seconds=self.phase_seconds.get("setup"),
            call_seconds=self.phase_seconds.get("call"),
            teardown_seconds=self.phase_seconds.get("teardown"),
            duration_seconds=sum(known) if known else None,
            started_at=self.started_at,
            worker=self.worker,
            failures=tuple(self.failures),
        )


class Session:
    """Rows by nodeid, and how often pytest would have counted each category."""

    def __init__(self) -> None:
        self._rows: dict[str, Row] = {}
        self._counts: Counter[str] = Counter()

    def row(self, nodeid: str) -> Row:
        """Return the row of a test, made at its first report."""
        nodeid = clean(nodeid)
        if (row := self._rows.get(nodeid)) is None:
            row = self._rows[nodeid] = Row(nodeid, file=nodeid.partition("::")[0] or None)
        return row

    def count(self, category: str, row: Row | None = None, times: int = 1) -> None:
        """Count a category; one of the six also decides the outcome of its row."""
        self._counts[category] += times
        if row is not None and (outcome := _OUTCOMES.get(category)):
            row.outcome = outcome if row.outcome is None else worst(row.outcome, outcome)

    def counts(self, *more: str) -> dict[str, int | None]:
        """Return the six categories and those of `more`, zero where nothing was counted, and all others that were."""
        names = dict.fromkeys((*CATEGORIES, *more, *self._counts))
        return {name: self._counts[name] for name in names}

    def table(self) -> TestTable:
        """Return the tests that reported a result, in the order of their first report."""
        table = TestTable()
        for row in self._rows.values():
            if row.outcome is not None:
                table.append(row.record())
        return table


def session_status(counts: dict[str, int | None], exitcode: int | None = None) -> ReportStatus | None:
    """Return how a session ended, from pytest's exit code where the format has it, or else from the counts."""
    if exitcode is not None:
        status = _STATUS_OF_EXIT.get(exitcode)
        return "collect_error" if status == "interrupted" and counts.get("errors") else status
    if counts.get("failed") or counts.get("errors"):
        return "failed"
    known = [counts.get(name) for name in CATEGORIES]
    if any(known):
        return "passed"
    return None if all(value is None for value in known) else "no_tests"


def make_failure(
    phase: Phase | None,
    message: str,
    longrepr: str,
    sections: tuple[tuple[str, str], ...] = (),
    attempt: int = 1,
    exception: str | None = None,
) -> Failure:
    """Return a clipped failure, its exception type as stated or else read from the text."""
    kind = clip(exception) if exception else exception_type(message, longrepr)
    return Failure(phase, kind, clip(message), clip(longrepr), sections, attempt)


def is_skip_reason(longrepr: object) -> bool:
    """Return whether this is a skip's path, line and reason rather than the traceback of an expected failure."""
    return isinstance(longrepr, str) and _SKIP_REASON.match(longrepr) is not None


def text_of(value: Any) -> str:
    """Return the value when it is text, else an empty text."""
    return value if isinstance(value, str) else ""
