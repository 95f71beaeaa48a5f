"""Rows of a log as they travel to a page: numbered, packed into one compressed buffer."""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from att.runtime.models import LogLine

__all__ = ["Batch", "Row", "gap_row", "line_row", "mark_row", "pack", "unpack"]

_STDERR, _PARTIAL = 1, 2
_KINDS = {"line": 0, "run": 4, "gap": 8, "note": 12}
_FAST = 1


class Row(NamedTuple):
    """A line, or a mark between lines."""

    text: str
    at_ms: int
    flags: int

    @property
    def kind(self) -> str:
        return next(name for name, bits in _KINDS.items() if bits == self.flags & 12)

    @property
    def stderr(self) -> bool:
        return bool(self.flags & _STDERR)


@dataclass(frozen=True)
class Batch:
    """Consecutive rows from number `first` on. `data` is deflated: delays in ms after `base_ms` as little-endian
    uint32, one byte of flags each, and the texts as UTF-8 with newlines between them."""

    first: int
    count: int
    base_ms: int
    data: bytes


def line_row(line: LogLine) -> Row:
    """Return the row of a line."""
    flags = (_STDERR if line.stream == "stderr" else 0) | (_PARTIAL if line.partial else 0)
    return Row(line.text.replace("\n", " "), int(line.at.timestamp() * 1000), flags)


def mark_row(kind: Literal["run", "note"], text: str, at_ms: int) -> Row:
    """Return a row that separates runs or tells something."""
    return Row(text.replace("\n", " "), at_ms, _KINDS[kind])


def gap_row(lost_bytes: int | None, at_ms: int) -> Row:
    """Return the row that stands for output that is gone."""
    from att.client.wording import brief

    lost = "an unknown amount of output is" if lost_bytes is None else f"{brief(lost_bytes, '_bytes')} of output are"
    return Row(f"{lost} gone from here", at_ms, _KINDS["gap"])


def pack(rows: Sequence[Row], first: int) -> Batch:
    """Pack rows, the first of which has the number `first`."""
    base = min(row.at_ms for row in rows)
    delays = array("I", (min(row.at_ms - base, 0xFFFFFFFF) for row in rows))
    flags = bytes(row.flags for row in rows)
    texts = "\n".join(row.text for row in rows).encode("utf-8", "replace")
    return Batch(first, len(rows), base, zlib.compress(delays.tobytes() + flags + texts, _FAST))


def unpack(batch: Batch) -> list[Row]:
    """Return the rows of a batch."""
    data, count = zlib.decompress(batch.data), batch.count
    delays = array("I", data[: count * 4])
    texts = data[count * 5 :].decode().split("\n")
    return [
        Row(text, batch.base_ms + delay, flags)
        for text, delay, flags in zip(texts, delays, data[count * 4 : count * 5], strict=True)
    ]
