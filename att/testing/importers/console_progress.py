"""Read the letters of a session's progress, which tell whether a summary line that follows can be its own."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

__all__ = ["Progress"]

_LINE = re.compile(
    r"(?P<file>\S.*\.\w+ )?(?P<letters>[^\s/:]+) *\[ *(?:(?P<percent>\d+)%|(?P<done>\d+)/(?P<all>\d+))\]"
)
_LETTERS = frozenset(".FEsxXRu,y-")
_CATEGORIES = {".": "passed", "F": "failed", "E": "errors", "s": "skipped", "x": "xfailed", "X": "xpassed"}
_ONLY_IN_TESTS = ("passed", "failed")
"""Modules that are skipped or not collected have no letter, and subtests have the letter `u` whatever they did."""


class Progress:
    """The results that a session has shown so far."""

    def __init__(self) -> None:
        self.names_files = False
        self._letters: Counter[str] = Counter()
        self._ended = False
        self._broken = False
        """Text of a test, or a letter of a plugin, stands among the letters: there may be more than were seen."""

    def feed(self, line: str) -> None:
        """Take one line; letters after the end of a progress are those of another one."""
        if match := _LINE.fullmatch(line):
            if self._ended:
                self._letters.clear()
                self._broken = False
            self.names_files = self.names_files or match["file"] is not None
            self._broken = self._broken or not _LETTERS.issuperset(match["letters"])
            self._letters.update(match["letters"])
            self._ended = match["percent"] == "100" or (match["done"] or "0") == match["all"]
        elif not self._ended and line[:1] in _LETTERS:
            self._broken = True

    def contradicts(self, counts: Mapping[str, int | None]) -> bool:
        """Return whether no session with these letters can have these counts."""
        return any(self._differs(letter, counts.get(name) or 0) for letter, name in _CATEGORIES.items())

    def _differs(self, letter: str, stated: int) -> bool:
        seen = self._letters[letter]
        if self._broken:
            return False
        is_all = self._ended and not self._letters["u"] and _CATEGORIES[letter] in _ONLY_IN_TESTS
        return stated != seen if is_all else stated < seen
