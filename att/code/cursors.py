"""Cursors over files in the order of their paths, short enough to travel however long a path is."""

from __future__ import annotations

from dataclasses import dataclass, replace

from att.errors import Invalid

__all__ = ["Place"]

_PREFIX = 150


@dataclass(frozen=True)
class Place:
    """The last element that was given out: the `count`th path that begins with `prefix`, and a line in it.

    Paths are compared part by part, as a walk meets them, and only by their first 150 characters; those that share
    them are counted.
    """

    prefix: str = ""
    count: int = 0
    line: int = 0

    @classmethod
    def parse(cls, cursor: str | None) -> Place:
        """Read a cursor. Raises Invalid."""
        if cursor is None:
            return cls()
        count, _, rest = cursor.partition(":")
        line, colon, prefix = rest.partition(":")
        numbers = all(text.isascii() and text.isdigit() for text in (count, line))
        if not (numbers and colon and prefix) or len(prefix) > _PREFIX:
            raise Invalid(f"{cursor!r} is not a cursor of this list; use the cursor of the page before.", cursor=cursor)
        return cls(prefix, int(count), int(line))

    def __str__(self) -> str:
        return f"{self.count}:{self.line}:{self.prefix}"

    def next(self, path: str, line: int = 0) -> Place:
        """Return the place of the path that a walk has met after this one."""
        prefix = path[:_PREFIX]
        return Place(prefix, self.count + 1 if prefix == self.prefix else 1, line)

    def relation(self, path: str) -> int:
        """Return -1 for a path that comes before the place, 1 after it, and 0 for one that shares its prefix."""
        here, there = path[:_PREFIX].split("/"), self.prefix.split("/")
        return (here > there) - (here < there) if self.prefix else 1

    def at_line(self, line: int) -> Place:
        """Return the place of another line of the same path."""
        return replace(self, line=line)

    def skips_folder(self, path: str) -> bool:
        """Say whether everything in a folder comes before the place."""
        parts = path.split("/")
        return bool(self.prefix) and parts < self.prefix.split("/")[: len(parts)]
