"""Clean the lines of a log: colours, carriage returns, and the prefixes that CI systems put before each line."""

from __future__ import annotations

import re
from datetime import datetime

from att.testing.importers.reading import parse_time

__all__ = ["clean_lines"]

_ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]"  # CSI: colours and cursor
    r"|\][^\x07\x1b]*(?:\x07|\x1b\\)"  # OSC: titles and links
    r"|_[^\x07\x1b]*(?:\x07|\x1b\\)"  # APC: Buildkite's timestamps
    r"|[@-Z\\-_])|[\x00\x08]"
)
_HEADER = re.compile(r"(?P<prefix>.*[^=])=+ test session starts =+")
_STAMP = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?"
_PREFIXES = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?:[^\t\n]*\t[^\t\n]*\t)?\ufeff?\[?(?P<time>{_STAMP})\]?(?: ?\d\d[OE][+ ]?|:)? ?",  # GitHub, Azure, GitLab
        r"\[?\d\d:\d\d:\d\d(?:[.,]\d+)?\]?:? ?",  # Jenkins, TeamCity
        r"[\w.-]+ +\| ?",  # docker compose
        r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d ",  # ts
    )
)
_STAMPED = re.compile(_STAMP)
_SAMPLE = 2_000


def clean_lines(text: str) -> tuple[list[str], datetime | None]:
    """Return the log's lines without escapes, prefixes and trailing blanks, and the time of its first stamp."""
    text = _ESCAPES.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    lines = [line.rstrip() for line in text.split("\n")]
    prefix = _prefix_of(lines)
    if prefix is None:
        return lines, None
    stamp = next((match for line in lines[:_SAMPLE] if (match := _STAMPED.search(line))), None)
    cleaned = [line[match.end() :] if (match := prefix.match(line)) else line for line in lines]
    return cleaned, parse_time(stamp[0].replace(",", ".")) if stamp else None


def _prefix_of(lines: list[str]) -> re.Pattern[str] | None:
    """Return the pattern of what stands before every line: most lines must have it, or a session's header."""
    sample = [line for line in lines[:_SAMPLE] if line]
    for pattern in _PREFIXES:
        if sum(pattern.match(line) is not None for line in sample) * 5 >= len(sample) * 4 > 0:
            return pattern
    header = next((match for line in lines if (match := _HEADER.match(line))), None)
    if header is None:
        return None
    shape = re.sub(r"\d+", r"\\d+", re.escape(header["prefix"]))
    return re.compile(re.sub(r"(?:\\ )+$", r" *", shape))
