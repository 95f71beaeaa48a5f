"""Judge output without a summary line of pytest: the results of pytest-sugar and pytest-pretty, or why it has none."""

from __future__ import annotations

import re

from att.testing.importers.console_tests import SECTION

__all__ = ["COLLECTION", "RESULTS", "results_of", "uncounted", "why_unfinished"]

RESULTS = re.compile(r"Results \((\d+(?:\.\d+)?)s\):")
"""The line above the counts of a session that pytest-sugar or pytest-pretty ends."""

COLLECTION = re.compile(r"(?:collecting \.\.\. )?collected (\d+) items?(?: / .*)?")
"""The line that tells how many tests, and beside them errors and skipped modules, a session collected."""

_SUGAR = "Test session starts (platform: "
_NOTHING_TO_RUN = re.compile(
    r"(?:collecting \.\.\. )?collected 0 items\b.*|!+ Interrupted: \d+ errors? during collection !+"
)
_COUNT = re.compile(r" +(\d{1,9} [a-z][a-z _-]*|no tests ran)")
_PERCENT = re.compile(r"[.FEsxXRu,y-]+ *\[ *\d+%\]")
_DETAIL = re.compile(r" +- .*")


def results_of(lines: list[str]) -> str | None:
    """Return the block that ends a session as pytest itself would write it (`1 failed in 0.03s`); None without one."""
    start = next((at for at in reversed(range(len(lines))) if RESULTS.fullmatch(lines[at])), None)
    if start is None or any(SECTION.fullmatch(line) for line in lines[start:]):
        return None
    counts: list[str] = []
    for line in lines[start + 1 :]:
        if match := _COUNT.fullmatch(line):
            counts.append(match[1])
        elif line and not _DETAIL.fullmatch(line):
            break
    if not counts and _is_of_sugar(lines) and any(_NOTHING_TO_RUN.fullmatch(line) for line in lines):
        counts.append("no tests ran")
    heading = RESULTS.fullmatch(lines[start])
    return f"{', '.join(counts)} in {heading[1]}s" if heading and counts else None


def uncounted(lines: list[str]) -> dict[str, int]:
    """Return what pytest-sugar leaves out of its results: the modules that were skipped or could not be collected."""
    header = next((line for line in lines if COLLECTION.fullmatch(line)), "") if _is_of_sugar(lines) else ""
    found = {
        name: re.search(rf" (\d{{1,9}}) {word}", header) for name, word in (("skipped", "skipped"), ("errors", "error"))
    }
    return {name: int(match[1]) for name, match in found.items() if match}


def _is_of_sugar(lines: list[str]) -> bool:
    return any(line.startswith(_SUGAR) for line in lines)


def why_unfinished(name: str, headers: int, lines: list[str]) -> str:
    """Say what an output with so many headers of sessions is instead of one with a summary line."""
    text = "\n".join(lines[-200:])
    if "error: unrecognized arguments" in text or re.search(r"^ERROR: usage: ", text, re.MULTILINE):
        return f"{name} shows a usage error of pytest: no test ran and there is no summary line."
    if "ImportError while loading conftest" in text:
        return f"{name} shows a conftest that fails to import: pytest stopped before its summary line."
    if headers > 1:
        return f"{name} holds {headers} pytest sessions and the last one has no summary line: it did not finish."
    if headers:
        return f"{name} has no summary line of pytest: the session was killed or crashed, or the output is cut off."
    if any(SECTION.fullmatch(line) or _PERCENT.fullmatch(line) for line in lines):
        return f"{name} has no summary line: pytest -qq prints none. Run it with -q or write a JUnit file."
    return f"{name} is not pytest's output: it has neither a session header nor a summary line."
