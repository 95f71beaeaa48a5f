"""What a project's own files tell pytest and coverage. Standard library only."""

from __future__ import annotations

import configparser
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["coverage_settings", "pytest_options"]

_PYTEST_INI = (("pytest.ini", "pytest"), (".pytest.ini", "pytest"), ("tox.ini", "pytest"), ("setup.cfg", "tool:pytest"))
_PYTEST_TOML = (
    ("pytest.toml", ("pytest",)),
    (".pytest.toml", ("pytest",)),
    ("pyproject.toml", ("tool", "pytest")),
    ("pyproject.toml", ("tool", "pytest", "ini_options")),
)
_COVERAGE_INI = ((".coveragerc", ""), ("setup.cfg", "coverage:"), ("tox.ini", "coverage:"))


def pytest_options(root: Path) -> list[str]:
    """Return the options that the configuration adds to pytest's command line (`addopts`)."""
    options: list[str] = []
    for name, section in _PYTEST_INI:
        options += _words(_ini(root / name).get(section, "addopts", fallback=""))
    for name, table in _PYTEST_TOML:
        options += _words(_toml(root / name, *table).get("addopts"))
    return options


def coverage_settings(root: Path, section: str, name: str) -> Iterator[object]:
    """Yield a setting of coverage from each file that has it, such as `output` of the section `xml`."""
    for file, prefix in _COVERAGE_INI:
        yield _ini(root / file).get(prefix + section, name, fallback=None)
    yield _toml(root / "pyproject.toml", "tool", "coverage", section).get(name)


def _ini(path: Path) -> configparser.ConfigParser:
    """Return a file's sections; none when it cannot be read."""
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(path, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError):
        return configparser.ConfigParser()
    return parser


def _toml(path: Path, *names: str) -> dict[str, Any]:
    """Return a table of a file; an empty one when it has none or cannot be read."""
    try:
        table: Any = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    for name in names:
        table = table.get(name) if isinstance(table, dict) else None
    return table if isinstance(table, dict) else {}


def _words(options: object) -> list[str]:
    if isinstance(options, list):
        return [str(option) for option in options]
    try:
        return shlex.split(options) if isinstance(options, str) else []
    except ValueError:  # a quote without its end
        return []
