"""Clean the lines of a log: colours, carriage returns, and the prefixes that CI systems put before each line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from att.testing.importers.reading import parse_time

__all__ = ["clean_lines"]

_ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]"  # CSI: colours and cursor
    r"|\][^\x07\x1b]*(?:\x07|\x1b\\)"  # OSC: titles and links
    r"|_[^\x07\x1b]*(?:\x07|\x1b\\)"  # APC: Buildkite's timestamps
    r"|[@-Z\\-_])|[\x00\x08]"
)
_SUMMARY = re.compile(
    r"(?P<prefix>.*?)(?:Results \(\d+\.\d+s\):|(?:=+ )?"
    r"(?:no tests|\d+ (?:passed|failed|skipped|deselected|xfailed|xpassed|errors?|warnings?|tests? ))"
    r".* in \d+\.\d+ ?s.*)"
)
_PROGRESS = ".FEsxXRu,y-"
_STAMP = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?"
_PREFIXES = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?:[^\t\n]*\t[^\t\n]*\t)?\ufeff?\[?(?P<time>{_STAMP})\]?(?: ?\d\d[OE][+ ]?|:)? ?",  # GitHub, Azure, GitLab
        r"\[?\d\d:\d\d:\d\d(?:[.,]\d+)?\]?:? ?",  # Jenkins, TeamCity
        r"[\w.-]+ +\| ?",  # docker compose
        r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?: |$)",  # ts
    )
)
_STAMPED = re.compile(_STAMP)
_SAMPLE = 2_000
_MAX_SUMMARY = 500
_MAX_PREFIXES = 4
"""A log may have been through several hands: a logger in a container in a CI job."""


def clean_lines(text: str) -> tuple[list[str], datetime | None]:
    """Return the log's lines without escapes, prefixes and trailing blanks, and the time of its first stamp."""
    text = _ESCAPES.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    lines = [line.rstrip() for line in text.split("\n")]
    started_at = None
    for _ in range(_MAX_PREFIXES):
        prefix = _prefix_of(lines)
        if prefix is None:
            break
        started_at = started_at or _first_stamp(lines)
        lines = [line[match.end() :] if (match := prefix.match(line)) else line for line in lines]
    return lines, started_at


def _first_stamp(lines: list[str]) -> datetime | None:
    stamp = next((match for line in lines[:_SAMPLE] if (match := _STAMPED.search(line))), None)
    return parse_time(stamp[0].replace(",", ".")) if stamp else None


def _prefix_of(lines: list[str]) -> re.Pattern[str] | None:
    """Return the pattern of what stands before every line: most lines must have it, or a session's header."""
    sample = [line for line in lines[:_SAMPLE] if line]
    for pattern in _PREFIXES:
        if _is_common(pattern, sample):
            return pattern
    if (prefix := _before_header(lines)) is not None:
        return _before_session(prefix, sample)
    for prefix in _before_summaries(lines):
        if _is_common(pattern := _shape(prefix), sample):
            return pattern if prefix else None
    return None


def _before_session(prefix: str, sample: list[str]) -> re.Pattern[str] | None:
    """Return the pattern of what stands before a header; with -s that may be progress of a session around it."""
    bare = prefix.rstrip(_PROGRESS)
    shapes = [_shape(text) for text in (prefix, bare) if text]
    return next((shape for shape in shapes if _is_common(shape, sample)), _shape(prefix) if bare else None)


def _before_header(lines: list[str]) -> str | None:
    """Return what stands before the first header of a session, None without one."""
    for line in lines:
        prefix, found, rest = line.partition(" test session starts =")
        if found and not rest.strip("=") and (bare := prefix.rstrip("=")) != prefix:
            return bare
    return None


def _before_summaries(lines: list[str]) -> Iterator[str]:
    """Yield what stands before each line that looks like the end of a session, the last one first."""
    for line in reversed(lines[-_SAMPLE:]):
        if len(line) <= _MAX_SUMMARY and (" in " in line or "Results" in line) and (match := _SUMMARY.fullmatch(line)):
            yield match["prefix"]


def _is_common(pattern: re.Pattern[str], sample: list[str]) -> bool:
    return sum(pattern.match(line) is not None for line in sample) * 5 >= len(sample) * 4 > 0


def _shape(prefix: str) -> re.Pattern[str]:
    """Return a pattern of the prefix with any numbers, and without the blanks that a line without text has lost."""
    bare = prefix.rstrip(" ")
    shape = re.sub(r"\d+", r"\\d+", re.escape(bare))
    blanks = len(prefix) - len(bare)
    return re.compile(f"{shape}(?: {{1,{blanks}}}|$)" if blanks else shape)
