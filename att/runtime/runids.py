"""Ids of runs: ULIDs, 26 characters that sort by the time of creation."""

from __future__ import annotations

import re
import secrets
import time
from datetime import UTC, datetime

__all__ = ["is_run_id", "new_run_id", "run_created_at"]

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_RUN_ID = re.compile(f"[0-7][{ALPHABET}]{{25}}")
_RANDOM_BITS = 80


def new_run_id(after: str | None = None) -> str:
    """Return a new id that sorts behind `after`, even if the clock went backwards."""
    milliseconds = time.time_ns() // 1_000_000
    if after is not None:
        milliseconds = max(milliseconds, _milliseconds(after) + 1)
    number = milliseconds << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
    return "".join(ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))


def is_run_id(text: str) -> bool:
    """Say whether the text has the form of a run id."""
    return _RUN_ID.fullmatch(text) is not None


def run_created_at(run_id: str) -> datetime:
    """Return the time that the id carries."""
    return datetime.fromtimestamp(_milliseconds(run_id) / 1000, UTC)


def _milliseconds(run_id: str) -> int:
    number = 0
    for character in run_id:
        number = number << 5 | ALPHABET.index(character)
    return number >> _RANDOM_BITS
