"""Read the Common Test Report Format (CTRF), which any tool may write and which knows five statuses."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from att.errors import Invalid
from att.testing.importers.building import make_failure, text_of
from att.testing.importers.ctrf_counts import STATUSES, counts_of, own_words, status_of
from att.testing.importers.models import (
    MAX_ATTEMPTS,
    Failure,
    Outcome,
    ParsedReport,
    TestRecord,
    TestTable,
)
from att.testing.importers.nodeids import NodeIds
from att.testing.importers.reading import (
    Source,
    clean,
    clip,
    load_json,
    parse_time,
    seconds,
    source_name,
    stamp,
)

__all__ = ["is_ctrf", "parse_ctrf", "parse_ctrf_document"]

_OUTCOMES: dict[str, Outcome] = {
    "passed": "passed",
    "failed": "failed",
    "skipped": "skipped",
    "pending": "skipped",
    "other": "skipped",
}
_RAW: dict[str, tuple[str, ...]] = {
    "passed": ("passed",),
    "failed": ("failed",),
    "error": ("failed",),
    "skipped": ("skipped", "pending"),
    "xfailed": ("other", "skipped"),
    "xpassed": ("other", "passed"),
}
"""The statuses for which `rawStatus` may tell more: pytest's own outcome."""
_LAST_SECOND = 1e11
"""A greater stamp is of milliseconds: as seconds it would be after the year 5000."""
_METADATA = {
    "branchName": "branch",
    "commit": "commit",
    "buildUrl": "ci_url",
    "buildNumber": "build_number",
    "buildName": "build_name",
    "repositoryName": "repository",
    "testEnvironment": "environment",
    "osPlatform": "os",
}


def parse_ctrf(source: Source, *, known: NodeIds | None = None) -> ParsedReport:
    """Parse a CTRF file. `errors`, `xfailed` and `xpassed` are None: the format cannot express them.

    Only a report that ATT exported tells them, and then all counts are those of the exported run. `counts` also hold
    `tests`, `pending` and `other`. Raises Invalid when it is not CTRF.
    """
    return parse_ctrf_document(load_json(source), source_name(source), known=known)


def is_ctrf(document: object) -> bool:
    """Return whether a JSON document looks like CTRF."""
    if not isinstance(document, dict):
        return False
    results = document.get("results")
    return isinstance(results, dict) and "summary" in results and "tests" in results


def parse_ctrf_document(document: Any, name: str, *, known: NodeIds | None = None) -> ParsedReport:
    """Parse a document that is already decoded; `name` is how errors call it."""
    if not is_ctrf(document):
        raise Invalid(f"{name} is not a CTRF report: it has no results with a summary and tests.")
    results = document["results"]
    summary, tests = results["summary"], results["tests"]
    if not isinstance(summary, dict) or not isinstance(tests, list) or not all(isinstance(t, dict) for t in tests):
        raise Invalid(f"{name} is a broken CTRF report: its summary is not an object or its tests are not objects.")
    own = own_words(document)
    counts = counts_of(summary, tests, own, name)
    start, stop = stamp(summary.get("start")), stamp(summary.get("stop"))
    started_at = _moment(start) or parse_time(document.get("timestamp"))
    tool = results.get("tool")
    return ParsedReport(
        kind="ctrf",
        counts=counts,
        tests=_table(tests, known or NodeIds(())),
        complete=own.get("complete") != "False",
        status=status_of(counts, own),
        duration_seconds=_duration(summary, start, stop),
        started_at=started_at,
        tool=_tool(tool),
        metadata=_metadata(results.get("environment")),
    )


def _duration(summary: dict[str, Any], start: float | None, stop: float | None) -> float | None:
    if (duration := _in_seconds(summary.get("duration"))) is not None:
        return duration
    return (stop - start) / 1000 if start and stop and stop >= start else None


def _in_seconds(milliseconds: object) -> float | None:
    number = stamp(milliseconds)
    return None if number is None else seconds(number / 1000)


def _moment(at: float | None) -> datetime | None:
    """Return the time of a stamp in milliseconds; Playwright's reporter writes the tests' in seconds."""
    return parse_time(at / 1000 if at > _LAST_SECOND else at) if at else None


def _tool(tool: object) -> str | None:
    if not isinstance(tool, dict):
        return None
    return f"{text_of(tool.get('name'))} {text_of(tool.get('version'))}".strip() or None


def _metadata(environment: object) -> dict[str, str]:
    facts = environment if isinstance(environment, dict) else {}
    return {ours: clean(str(facts[key])) for key, ours in _METADATA.items() if isinstance(facts.get(key), str | int)}


def _table(tests: list[dict[str, Any]], known: NodeIds) -> TestTable:
    table = TestTable()
    for test in tests:
        table.append(_record(test, known))
    return table


def _record(test: dict[str, Any], known: NodeIds) -> TestRecord:
    name, file = clean(text_of(test.get("name"))), clean(text_of(test.get("filePath"))) or None
    suite = test.get("suite")
    parts = [text_of(part) for part in suite] if isinstance(suite, list) else text_of(suite).split(" > ")
    classname = clean("::".join(part for part in parts if part))
    nodeid, resolved = (name, True) if "::" in name else known.resolve(classname, name, file)
    duration, start = _in_seconds(test.get("duration")), stamp(test.get("start"))
    earlier = _earlier(test)
    attempts = _attempts(test, earlier)
    return TestRecord(
        nodeid=nodeid,
        outcome=_outcome(test),
        classname=classname or None,
        name=name,
        file=file,
        resolved=resolved,
        attempts=attempts,
        duration_seconds=duration,
        started_at=_moment(start),
        worker=text_of(test.get("threadId")) or None,
        failures=(*_failures_before(earlier, attempts), *_failures(test, attempts)),
    )


def _outcome(test: dict[str, Any]) -> Outcome:
    """Return the outcome: that which pytest had, where the tool kept it beside a status that can mean it."""
    status, raw = text_of(test.get("status")), text_of(test.get("rawStatus"))
    status = status if status in STATUSES else "other"
    return cast(Outcome, raw) if status in _RAW.get(raw, ()) else _OUTCOMES[status]


def _earlier(test: dict[str, Any]) -> list[tuple[int, dict[str, Any]]]:
    """Return the attempts that a test lists, each with its number; the last one may be among them."""
    listed = test.get("retryAttempts")
    attempts = [attempt for attempt in listed if isinstance(attempt, dict)] if isinstance(listed, list) else []
    numbers = [attempt.get("attempt") for attempt in attempts]
    return [
        (number if isinstance(number, int) and 0 < number <= MAX_ATTEMPTS else place, attempt)
        for place, (number, attempt) in enumerate(zip(numbers, attempts, strict=True), start=1)
    ]


def _attempts(test: dict[str, Any], earlier: list[tuple[int, dict[str, Any]]]) -> int:
    retries = test.get("retries")
    stated = 1 + retries if isinstance(retries, int) and 0 < retries < MAX_ATTEMPTS else 1
    return max(stated, *(number for number, _ in earlier)) if earlier else stated


def _failures_before(earlier: list[tuple[int, dict[str, Any]]], attempts: int) -> list[Failure]:
    return [
        make_failure(None, text_of(attempt.get("message")), text_of(attempt.get("trace")), attempt=number)
        for number, attempt in earlier
        if number < attempts and attempt.get("status") == "failed"
    ]


def _failures(test: dict[str, Any], attempts: int) -> tuple[Failure, ...]:
    message, trace = text_of(test.get("message")), text_of(test.get("trace"))
    if test.get("status") != "failed":
        return ()
    sections = tuple(
        (key, clip("\n".join(text_of(line) for line in lines)))
        for key in ("stdout", "stderr")
        if isinstance(lines := test.get(key), list) and lines
    )
    return (make_failure(None, message, trace, sections, attempts),)
