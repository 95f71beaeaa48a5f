"""Count a CTRF report: its tests by their status, or what its summary states, or what ATT itself wrote beside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from att.errors import Invalid
from att.testing.importers.models import CATEGORIES, ReportStatus
from att.testing.importers.reading import is_count

__all__ = ["STATUSES", "counts_of", "own_words", "status_of"]

STATUSES = ("passed", "failed", "skipped", "pending", "other")
_OURS = "jupyter-att"
_OWN_COUNTS = (*CATEGORIES, "rerun")


def own_words(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what ATT adds to its exports, since CTRF has no place for it; nothing in a report of others."""
    extra = document["results"].get("extra")
    return extra if document.get("generatedBy") == _OURS and isinstance(extra, dict) else {}


def counts_of(
    summary: Mapping[str, Any], tests: Sequence[Mapping[str, Any]], own: Mapping[str, Any], name: str
) -> dict[str, int | None]:
    """Count the tests; a report that lists none is taken at its summary's word. Raises Invalid where that cannot be."""
    unknown: dict[str, int | None] = dict.fromkeys(CATEGORIES)
    statuses = Counter(_status(test, name) for test in tests) if tests else _stated(summary, name)
    counts = unknown | {"tests": statuses.total()} | {status: statuses[status] for status in STATUSES}
    exported = own.get("counts")
    if not isinstance(exported, dict):
        return counts
    known = {key: exported[key] for key in _OWN_COUNTS if is_count(exported.get(key))}
    return counts | unknown | known if known or not tests else counts


def _status(test: Mapping[str, Any], name: str) -> str:
    status = test.get("status")
    if not isinstance(status, str):
        raise Invalid(f"{name} is a broken CTRF report: a test has no status.")
    return status if status in STATUSES else "other"


def _stated(summary: Mapping[str, Any], name: str) -> Counter[str]:
    stated = {key: summary.get(key, 0) for key in STATUSES}
    total = summary.get("tests")
    wrong = next((key for key, value in (stated | {"tests": total}).items() if not is_count(value)), None)
    if wrong:
        raise Invalid(f"{name} lists no tests, and {wrong!r} in its summary is no number that a run can have.")
    if sum(stated.values()) != total:
        raise Invalid(f"{name} lists no tests, and the numbers in its summary do not add up to that of its tests.")
    return Counter(stated)


def status_of(counts: Mapping[str, int | None], own: Mapping[str, Any]) -> ReportStatus | None:
    """Return how the session ended."""
    status: Any = own.get("status")
    if status in get_args(ReportStatus):
        told: ReportStatus = status
        return told
    if counts["failed"] or counts["errors"]:
        return "failed"
    if counts["tests"]:
        return "passed"
    return None if counts["passed"] is None else "no_tests"
