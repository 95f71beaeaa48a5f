"""The coverage that a test run measured, read from the report that it wrote. Standard library only."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from att.testing.configuration import coverage_settings, pytest_options

__all__ = ["fail_under", "measured_percent"]

_REPORTS = ("coverage.json", "coverage.xml")
_KINDS = ("json", "xml")


def measured_percent(root: Path, arguments: Sequence[str], since: float) -> float | None:
    """Return the percent of the newest report that was written after `since` (seconds since the epoch), or None.

    Looks for coverage.json and coverage.xml in the project's folder, where pytest-cov was told to put them, and
    inside the project where its configuration puts them.
    """
    found = [(path.stat().st_mtime, path) for path in _candidates(root, arguments) if path.is_file()]
    for _, path in sorted((pair for pair in found if pair[0] >= since), reverse=True):
        percent = _percent(path)
        if percent is not None:
            return round(percent, 2)
    return None


def fail_under(root: Path, arguments: Sequence[str]) -> float | None:
    """Return the percent that the project asks of its coverage, or None when it asks none."""
    asked = [*_values("--cov-fail-under", pytest_options(root)), *_values("--cov-fail-under", arguments)]
    numbers = (_number(value) for value in (*reversed(asked), *coverage_settings(root, "report", "fail_under")))
    return next((number for number in numbers if number), None)


def _candidates(root: Path, arguments: Sequence[str]) -> Iterator[Path]:
    yield from (root / name for name in _REPORTS)
    yield from (root / place for place in _places(arguments))
    top = root.resolve()
    for place in _configured_places(root):
        path = (root / place).resolve()
        if path.is_relative_to(top):
            yield path


def _configured_places(root: Path) -> Iterator[str]:
    yield from _places(pytest_options(root))
    for kind in _KINDS:
        yield from (str(place) for place in coverage_settings(root, kind, "output") if place)


def _places(options: Sequence[str]) -> Iterator[str]:
    """Yield where options of pytest-cov put a report."""
    for value in _values("--cov-report", options):
        kind, _, place = value.partition(":")
        if kind in _KINDS and place:
            yield place


def _values(option: str, arguments: Sequence[str]) -> Iterator[str]:
    for index, argument in enumerate(arguments):
        if argument == option and index + 1 < len(arguments):
            yield arguments[index + 1]
        elif argument.startswith(f"{option}="):
            yield argument.partition("=")[2]


def _percent(path: Path) -> float | None:
    try:
        with path.open("rb") as file:
            if file.peek(64).lstrip().startswith(b"{"):
                return float(json.load(file)["totals"]["percent_covered"])
            # The first element is the root: nothing that a hostile file declares is ever expanded.
            _, root = next(iter(ET.iterparse(file, events=("start",))))  # noqa: S314
            return _xml_percent(root.attrib) if root.tag == "coverage" else None
    except (OSError, ValueError, KeyError, TypeError, StopIteration, ET.ParseError):
        return None


def _xml_percent(told: Mapping[str, str]) -> float:
    """Return coverage's own percent, in which branches count as lines do; else the rate of lines."""
    if not {"lines-covered", "lines-valid"} <= told.keys():
        return 100 * float(told["line-rate"])
    covered = int(told["lines-covered"]) + int(told.get("branches-covered", 0))
    valid = int(told["lines-valid"]) + int(told.get("branches-valid", 0))
    return 100 * covered / valid if valid else 100 * float(told["line-rate"])


def _number(value: object) -> float | None:
    try:
        return None if value is None else float(str(value))
    except ValueError:
        return None
