"""Read pytest-json-report: the phases of each test and the collectors, counted as pytest's session counts them."""

from __future__ import annotations

import re
from typing import Any

from att.errors import Invalid
from att.testing.importers.building import (
    Row,
    Session,
    is_skip_reason,
    make_failure,
    session_status,
    text_of,
)
from att.testing.importers.json_summary import CATEGORY_OF, agrees, counts_stated, stated_by
from att.testing.importers.models import ParsedReport, Phase
from att.testing.importers.reading import Source, clean, clip, load_json, parse_time, seconds, source_name, stamp

__all__ = ["is_json_report", "parse_json_report", "parse_pytest_json_report"]

_PHASES: tuple[Phase, ...] = ("setup", "call", "teardown")
_SUBTESTS = re.compile(r"(?:\[gw\d+\].*\s+)?contains (\d{1,6}) failed subtests?")
_CAPTURES = (("stdout", "Captured stdout"), ("stderr", "Captured stderr"))


def parse_pytest_json_report(source: Source) -> ParsedReport:
    """Parse a file of pytest-json-report. Raises Invalid when it is not one or its totals cannot be known."""
    return parse_json_report(load_json(source), source_name(source))


def is_json_report(document: object) -> bool:
    """Return whether a JSON document looks like pytest-json-report's."""
    if not isinstance(document, dict) or "summary" not in document:
        return False
    tests = document.get("tests")
    first = tests[0] if isinstance(tests, list) and tests else None
    return "exitcode" in document or "collectors" in document or (isinstance(first, dict) and "nodeid" in first)


def parse_json_report(document: Any, name: str) -> ParsedReport:
    """Parse a document that is already decoded; `name` is how errors call it.

    The phases of each test are counted, or its outcome where it has none. The summary counts where it states other
    tests than are listed.
    """
    if not is_json_report(document) or not isinstance(document["summary"], dict):
        raise Invalid(f"{name} is not a report of pytest-json-report: it has no summary with an exit code.")
    session = Session()
    for collector in _dicts(document, "collectors", name):
        _collect(session, collector)
    tests = _dicts(document, "tests", name)
    for test in tests:
        _test(session, test, name)
    counts, exitcode = session.counts("warnings"), document.get("exitcode")
    _unknowns(counts, tests, exitcode)
    if "collectors" not in document:
        _without_collectors(counts, tests, exitcode)
    stated = stated_by(document["summary"], name)
    if not tests or not agrees(stated, tests):
        counts |= counts_stated(stated, exitcode, name)
    return _report(document, session, counts)


def _report(document: dict[str, Any], session: Session, counts: dict[str, int | None]) -> ParsedReport:
    summary, code = document["summary"], document.get("exitcode")
    if isinstance(deselected := summary.get("deselected"), int) and not isinstance(deselected, bool):
        counts["deselected"] = deselected
    counts["warnings"] = len(document["warnings"]) if isinstance(document.get("warnings"), list) else 0
    exitcode = code if isinstance(code, int) and not isinstance(code, bool) else None
    duration, created = seconds(document.get("duration")), stamp(document.get("created"))
    environment = document.get("environment")
    facts = environment if isinstance(environment, dict) else {}
    packages = facts.get("Packages")
    version = packages.get("pytest") if isinstance(packages, dict) else None
    return ParsedReport(
        kind="json-report",
        counts=counts,
        tests=session.table(),
        status=session_status(counts, exitcode),
        exitcode=exitcode,
        duration_seconds=duration,
        started_at=parse_time(created - duration) if created and duration is not None else None,
        tool=f"pytest {version}" if isinstance(version, str) else "pytest",
        metadata={clean(key): clean(value) for key, value in facts.items() if isinstance(value, str)},
    )


def _dicts(document: dict[str, Any], key: str, name: str) -> list[dict[str, Any]]:
    values = document.get(key, [])
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        raise Invalid(f"{name} is broken: {key!r} is not a list of objects.")
    return values


def _collect(session: Session, collector: dict[str, Any]) -> None:
    outcome = collector.get("outcome")
    if outcome not in ("failed", "skipped"):
        return
    row = session.row(text_of(collector.get("nodeid")))
    session.count("errors" if outcome == "failed" else "skipped", row)
    if outcome == "failed":
        longrepr = text_of(collector.get("longrepr"))
        row.failures.append(make_failure("collect", longrepr.strip().rpartition("\n")[2], longrepr))


def _test(session: Session, test: dict[str, Any], name: str) -> None:
    nodeid, outcome = test.get("nodeid"), test.get("outcome")
    if not isinstance(nodeid, str) or not isinstance(outcome, str):
        raise Invalid(f"{name} is broken: a test has no nodeid or no outcome.")
    row = session.row(nodeid)
    if outcome == "rerun":
        row.attempts = 2
    for phase in _PHASES:
        stage = test.get(phase)
        if isinstance(stage, dict):
            row.phase_seconds[phase] = seconds(stage.get("duration"))
            _phase(session, row, phase, stage, outcome)
    if not _outcomes(test):
        _without_phases(session, row, test, name)
    elif row.outcome is None and outcome in ("failed", "error"):
        _lost_worker(session, row, test, outcome)


def _without_phases(session: Session, row: Row, test: dict[str, Any], name: str) -> None:
    """Count a test that only tells its outcome, as other writers of the format have it."""
    outcome = test["outcome"]
    if outcome not in CATEGORY_OF:
        raise Invalid(f"{name} is broken: a test has the outcome {outcome[:50]!r} and no phases that tell more.")
    session.count(CATEGORY_OF[outcome], row)
    if outcome in ("failed", "error"):
        stage = next((test[phase] for phase in _PHASES if isinstance(test.get(phase), dict)), test)
        _fail(row, None, stage)


def _phase(session: Session, row: Row, phase: Phase, stage: dict[str, Any], final: str) -> None:
    outcome = stage.get("outcome")
    if outcome == "passed":
        if phase == "call":
            session.count("xpassed" if final == "xpassed" else "passed", row)
    elif outcome == "skipped":
        longrepr = stage.get("longrepr")
        skipped = is_skip_reason(longrepr) or (not longrepr and final == "skipped")
        session.count("skipped" if skipped else "xfailed", row)
    elif outcome == "failed":
        session.count("failed" if phase == "call" else "errors", row, 1 + _failed_subtests(stage))
        _fail(row, phase, stage)


def _failed_subtests(stage: dict[str, Any]) -> int:
    """Return how many failures of subtests pytest 9 counted besides that of their test."""
    match = _SUBTESTS.fullmatch(text_of(stage.get("longrepr")).strip())
    return int(match[1]) if match else 0


def _fail(row: Row, phase: Phase | None, stage: dict[str, Any]) -> None:
    crash, longrepr = stage.get("crash"), text_of(stage.get("longrepr"))
    message = text_of(crash.get("message")) if isinstance(crash, dict) else ""
    sections = tuple(
        (f"{title} {phase or ''}".rstrip(), clip(text)) for key, title in _CAPTURES if (text := text_of(stage.get(key)))
    )
    row.failures.append(make_failure(phase, message or longrepr.strip().rpartition("\n")[2], longrepr, sections))


def _lost_worker(session: Session, row: Row, test: dict[str, Any], outcome: str) -> None:
    """Count a test without phases: an xdist worker that died reports the phase `???`."""
    session.count("failed" if outcome == "failed" else "errors", row)
    stage = test.get("???")
    if isinstance(stage, dict):
        _fail(row, None, stage)


def _unknowns(counts: dict[str, int | None], tests: list[dict[str, Any]], exitcode: object) -> None:
    """Forget what the format loses: how often a test was rerun, and what its subtests reported."""
    outcomes = [test.get("outcome") for test in tests]
    if "rerun" in outcomes:
        counts["rerun"] = None
    if any(outcome == "failed" and _no_phase(test, "failed") for outcome, test in zip(outcomes, tests, strict=True)):
        counts |= {"failed": None, "skipped": None, "xfailed": None}
    elif any(isinstance(outcome, str) and outcome.startswith("subtests ") for outcome in outcomes):
        # the last of its subtests gave the test its outcome, and hides what the others reported
        counts |= {"skipped": None, "xfailed": None} | ({} if exitcode == 0 else {"failed": None})
    for name in ("skipped", "xfailed"):
        if any(outcome == name and _no_phase(test, "skipped") for outcome, test in zip(outcomes, tests, strict=True)):
            counts[name] = None


def _without_collectors(counts: dict[str, int | None], tests: list[dict[str, Any]], exitcode: object) -> None:
    """Forget what only collectors tell, unless the tests ran under xdist, whose controller gets none that passed."""
    if any(_is_of_worker(test) for test in tests):
        return
    if tests and exitcode not in (2, 3) and not any(_outcomes(test) for test in tests):
        return  # not pytest-json-report wrote this, but somebody who tells of tests alone
    if tests:
        counts["skipped"] = None
    if exitcode not in (0, 4, 5):
        counts["errors"] = None


def _is_of_worker(test: dict[str, Any]) -> bool:
    stages = (test.get(phase) for phase in (*_PHASES, "???"))
    return any(isinstance(stage, dict) and text_of(stage.get("longrepr")).startswith("[gw") for stage in stages)


def _no_phase(test: dict[str, Any], outcome: str) -> bool:
    outcomes = _outcomes(test)
    return bool(outcomes) and outcome not in outcomes


def _outcomes(test: dict[str, Any]) -> list[str]:
    """Return the outcomes that the phases of a test have."""
    stages = (test.get(phase) for phase in (*_PHASES, "???"))
    return [text for stage in stages if isinstance(stage, dict) and (text := text_of(stage.get("outcome")))]
