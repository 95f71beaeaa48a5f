"""Judge the summary of pytest-json-report: whether it agrees with the tests, and what it tells by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from att.errors import Invalid
from att.testing.importers.reading import is_count

__all__ = ["CATEGORY_OF", "agrees", "counts_stated", "stated_by"]

CATEGORY_OF: Mapping[str, str] = {
    "passed": "passed",
    "failed": "failed",
    "skipped": "skipped",
    "error": "errors",
    "xfailed": "xfailed",
    "xpassed": "xpassed",
}
"""The category that the outcome of a test is counted in."""
_NOT_OUTCOMES = ("total", "collected", "deselected")
_COLLECTED_ALL = (0, 4, 5)
_STOPPED = (2, 3)


def stated_by(summary: Mapping[str, Any], name: str) -> dict[str, int]:
    """Return the total and the number of tests of each outcome. Raises Invalid where one is not a number of tests."""
    stated = {key: value for key, value in summary.items() if is_count(value) and key not in _NOT_OUTCOMES[1:]}
    wrong = next((key for key in (*CATEGORY_OF, "rerun", "total") if key in summary and key not in stated), None)
    if wrong is not None:
        raise Invalid(f"{name} is broken: {wrong!r} in its summary is not a number of tests that a run can have.")
    return stated


def agrees(stated: Mapping[str, int], tests: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether a summary states what the outcomes of the tests are; one that states nothing does."""
    outcomes = Counter(test.get("outcome") for test in tests)
    known = {key: number for key, number in stated.items() if key in CATEGORY_OF or key in outcomes}
    return stated.get("total", len(tests)) == len(tests) and all(outcomes[key] == known[key] for key in known)


def counts_stated(stated: Mapping[str, int], exitcode: object, name: str) -> dict[str, int | None]:
    """Return the counts that a summary tells without the tests: nothing, when it is of collection alone.

    An outcome it leaves out did not occur, since all add up to its total. It does not tell of modules that were
    skipped or not collected, and takes the test during which pytest was stopped for one that passed. Raises Invalid
    where it has no total, or another one, and where tests with errors or reruns hide what became of them.
    """
    total = stated.get("total")
    if total is None:
        raise Invalid(f"{name} is broken: it lists no tests, and its summary states no total.")
    if sum(stated.values()) != 2 * total:
        raise Invalid(f"{name} is broken: the numbers in its summary do not add up to its total.")
    if total == 0:
        return {}
    if stated.get("error") or stated.get("rerun"):
        raise Invalid(f"{name} holds only a summary, from which the totals cannot be known. Export it with its tests.")
    counts: dict[str, int | None] = {CATEGORY_OF[key]: stated.get(key, 0) for key in CATEGORY_OF}
    counts |= {"skipped": stated.get("skipped"), "errors": 0 if exitcode in _COLLECTED_ALL else None}
    return counts | ({"passed": None} if exitcode in _STOPPED else {})
