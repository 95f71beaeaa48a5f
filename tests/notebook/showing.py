"""What a panel shows."""

from __future__ import annotations

from typing import Any

from tests.support.waiting import eventually

__all__ = ["shows"]


def shows(markup: Any, *words: str) -> None:
    """Wait until all the words are shown."""
    eventually(lambda: all(word in markup.html for word in words), timeout=90)
