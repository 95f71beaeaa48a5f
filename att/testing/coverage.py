"""The coverage that a test run measured, read from the report that it wrote. Standard library only."""

from __future__ import annotations

import configparser
import json
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence
from pathlib import Path

__all__ = ["fail_under", "measured_percent"]

_REPORTS = ("coverage.json", "coverage.xml")
_CONFIGURATIONS = (
    (".coveragerc", "report"),
    ("setup.cfg", "coverage:report"),
    ("tox.ini", "coverage:report"),
)


def measured_percent(root: Path, arguments: Sequence[str], since: float) -> float | None:
    """Return the percent of the newest report that was written after `since` (seconds since the epoch), or None.

    Looks for coverage.json and coverage.xml in the project's folder, and where pytest-cov was told to put them.
    """
    found = [(path.stat().st_mtime, path) for path in _candidates(root, arguments) if path.is_file()]
    for _, path in sorted((pair for pair in found if pair[0] >= since), reverse=True):
        percent = _percent(path)
        if percent is not None:
            return round(percent, 2)
    return None


def fail_under(root: Path, arguments: Sequence[str]) -> float | None:
    """Return the percent that the project asks of its coverage, or None when it asks none."""
    asked = [_number(value) for value in _values("--cov-fail-under", arguments)]
    return next((value for value in (*reversed(asked), *_configured(root)) if value), None)


def _candidates(root: Path, arguments: Sequence[str]) -> Iterable[Path]:
    yield from (root / name for name in _REPORTS)
    for value in _values("--cov-report", arguments):
        kind, _, place = value.partition(":")
        if kind in ("json", "xml") and place:
            yield root / place


def _values(option: str, arguments: Sequence[str]) -> Iterable[str]:
    for index, argument in enumerate(arguments):
        if argument == option and index + 1 < len(arguments):
            yield arguments[index + 1]
        elif argument.startswith(f"{option}="):
            yield argument.partition("=")[2]


def _percent(path: Path) -> float | None:
    try:
        if path.suffix == ".json":
            return float(json.loads(path.read_bytes())["totals"]["percent_covered"])
        # The first element is the root: nothing that a hostile file declares is ever expanded.
        _, root = next(iter(ET.iterparse(path, events=("start",))))  # noqa: S314
        return 100 * float(root.attrib["line-rate"]) if root.tag == "coverage" else None
    except (OSError, ValueError, KeyError, TypeError, StopIteration, ET.ParseError):
        return None


def _configured(root: Path) -> Iterable[float | None]:
    for name, section in _CONFIGURATIONS:
        parser = configparser.ConfigParser(interpolation=None)
        try:
            parser.read(root / name, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            continue
        yield _number(parser.get(section, "fail_under", fallback=None))
    try:
        tool = tomllib.loads((root / "pyproject.toml").read_text("utf-8")).get("tool", {})
        yield _number(tool.get("coverage", {}).get("report", {}).get("fail_under"))
    except (OSError, ValueError, AttributeError):
        return


def _number(value: object) -> float | None:
    try:
        return None if value is None else float(str(value))
    except ValueError:
        return None
