"""Turn a parsed report into what the history keeps: a run, its results as columns, its failures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from att.errors import TooLarge
from att.testing.fingerprint import cause_of, fingerprint
from att.testing.history.records import ResultColumns, RunRecord
from att.testing.importers.models import Failure, ParsedReport, TestTable
from att.testing.importers.reading import clip
from att.testing.loading.labels import Labels
from att.testing.models import CapturedSection, Outcome, TestFailure, TestStatus
from att.testing.records import FailureDetail

__all__ = ["failures_of", "record_of", "results_of"]

MOST_ROWS = 2_000_000

_COUNTS = ("passed", "failed", "skipped", "errors", "xfailed", "xpassed", "rerun", "deselected", "warnings", "subtests")


def record_of(
    report: ParsedReport, labels: Labels, started_at: datetime, *, project: str, run_id: str, digest: str
) -> RunRecord:
    """Return the run of a report; a count that its format cannot express stays None."""
    table = report.tests.columns
    pairs = zip(table["nodeid"], table["resolved"], strict=True)
    counts: dict[str, Any] = {name: report.counts.get(name) for name in _COUNTS}
    if report.kind == "ctrf" and counts["errors"] is None and len(report.tests):
        counts |= _counted(table["outcome"])
    return RunRecord(
        run_id=run_id,
        project=project,
        started_at=started_at,
        duration_seconds=report.duration_seconds,
        status=_status(report),
        returncode=report.exitcode,
        complete=report.complete,
        **counts,
        suite=labels.suite,
        branch=labels.branch,
        commit=labels.commit,
        source=report.kind,
        python=labels.python,
        pytest=_pytest_version(report.tool),
        os=labels.os,
        host=labels.host,
        ci_url=labels.ci_url,
        digest=digest,
        unresolved=frozenset(nodeid for nodeid, resolved in pairs if not resolved),
    )


def _status(report: ParsedReport) -> TestStatus | None:
    """Return how the run ended. One that lacks its end, or a part, is not green, however its tests are."""
    green = report.status in (None, "passed", "no_tests")
    return "crashed" if green and not report.complete else report.status


def _counted(outcomes: Sequence[str]) -> dict[str, int | None]:
    """Count outcomes for a run, so that it agrees with its tests: CTRF sums up otherwise, and counts pending apart."""
    number = Counter(outcomes)
    hidden = {"errors": "error", "xfailed": "xfailed", "xpassed": "xpassed"}
    return {name: number[name] for name in ("passed", "failed", "skipped")} | {
        name: number[outcome] or None for name, outcome in hidden.items()
    }


def _pytest_version(tool: str | None) -> str | None:
    name, _, version = (tool or "").partition(" ")
    return version if name == "pytest" and version else None


def results_of(tests: TestTable) -> ResultColumns:
    """Return one row an attempt; of attempts before the last one only the outcome is known.

    Raises TooLarge for more than `MOST_ROWS`, which a short report can state.
    """
    columns = tests.columns
    attempts: list[int] = columns["attempts"]
    if max(attempts, default=1) <= 1:
        return ResultColumns(
            nodeid=columns["nodeid"],
            outcome=columns["outcome"],
            **{name: _known(columns[name]) for name in ("started_at", "worker", *_SECONDS)},
        )
    if (total := sum(attempts)) > MOST_ROWS:
        raise TooLarge(f"It states {total:,} attempts of its tests; a report may have {MOST_ROWS:,}.", rows=total)
    rows = [(row, attempt) for row, last in enumerate(attempts) for attempt in range(1, last + 1)]
    final = [attempt == attempts[row] for row, attempt in rows]
    outcome: list[Outcome] = [
        columns["outcome"][row] if last else "rerun" for (row, _), last in zip(rows, final, strict=True)
    ]

    def last_only(name: str) -> list[Any] | None:
        values = _known(columns[name])
        if values is None:
            return None
        return [values[row] if last else None for (row, _), last in zip(rows, final, strict=True)]

    return ResultColumns(
        nodeid=[columns["nodeid"][row] for row, _ in rows],
        outcome=outcome,
        attempt=[attempt for _, attempt in rows],
        **{name: last_only(name) for name in ("started_at", "worker", *_SECONDS)},
    )


_SECONDS = ("setup_seconds", "call_seconds", "teardown_seconds", "duration_seconds")


def _known(values: list[Any]) -> list[Any] | None:
    """Return the column, or None when it holds nothing."""
    return values if any(value is not None for value in values) else None


def failures_of(tests: TestTable) -> list[TestFailure]:
    """Return the failures of all tests, in the order of the tests."""
    return [failure for row in sorted(tests.failures) for failure in _failures_of_row(tests, row)]


def _failures_of_row(tests: TestTable, row: int) -> Iterator[TestFailure]:
    record = tests[row]
    for failure in record.failures:
        earlier = failure.attempt < record.attempts
        outcome = "rerun" if earlier else "error" if record.outcome == "error" else "failed"
        yield _failure(record.nodeid, record.worker, failure, outcome)


def _failure(nodeid: str, worker: str | None, failure: Failure, outcome: Any) -> TestFailure:
    # The text is read as that of ATT's own runs is, so that the same failure gets the same fingerprint.
    told = cause_of(FailureDetail(crash=None, longrepr=failure.longrepr, sections=[]))
    cause = told._replace(
        exception_type=told.exception_type or failure.exception_type, message=told.message or failure.message
    )
    return TestFailure(
        nodeid=nodeid,
        attempt=failure.attempt,
        outcome=outcome,
        phase=failure.phase or "call",
        exception_type=failure.exception_type or cause.exception_type,
        message=failure.message or clip(cause.message),
        longrepr=failure.longrepr,
        path=cause.path,
        line=cause.line,
        sections=[CapturedSection(title=title, text=text) for title, text in failure.sections],
        worker=worker,
        fingerprint=fingerprint(cause, ""),
    )
