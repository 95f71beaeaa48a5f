"""Rows of a log as they travel to a page: numbered, packed into one compressed buffer."""

from __future__ import annotations

import zlib
from array import array
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from att.runtime.models import LogLine

__all__ = ["MOST_ROWS", "Batch", "Kept", "Row", "gap_row", "line_row", "mark_row", "pack", "unpack"]

_STDERR, _PARTIAL = 1, 2
_KINDS = {"line": 0, "run": 4, "gap": 8, "note": 12}
_FAST = 1
MOST_ROWS = 5000
"""In one batch."""
_MERGED_MS = 24 * 3600 * 1000
"""Batches that began further apart stay apart: delays are 32 bits."""
_MERGED_BYTES = 512 * 1024
"""Larger ones would hold up what comes behind them on their way to a page."""
_KEPT_BYTES = 64 * 1024 * 1024


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


class Kept:
    """The end of a log: at least the last `rows` rows once there are so many, unless they are very long, and few
    batches however slowly they came.

    Two neighbours become one when the later one is as large as the one before, so that a line is packed again a few
    times at most, and a page that asks for everything gets some messages instead of one for each line.
    """

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._most = min(MOST_ROWS, rows // 4)
        self._batches: deque[Batch] = deque()
        self._bytes = 0

    def append(self, batch: Batch) -> None:
        """Keep a batch that follows the last one, and let go of those that are too old."""
        batches = self._batches
        batches.append(batch)
        self._bytes += len(batch.data)
        while len(batches) > 1 and self._belong(batches[-2], batches[-1]):
            after, before = batches.pop(), batches.pop()
            batches.append(pack(unpack(before) + unpack(after), before.first))
            self._bytes += len(batches[-1].data) - len(before.data) - len(after.data)
        end = batch.first + batch.count
        while len(batches) > 1 and self._is_too_much(end):
            self._bytes -= len(batches.popleft().data)

    def since(self, number: int) -> list[Batch]:
        """Return the batches with rows from that number on."""
        return [batch for batch in self._batches if batch.first + batch.count > number]

    def tail(self, lines: int) -> list[Row]:
        """Return the last rows."""
        rows: list[Row] = []
        for batch in reversed(self._batches):
            rows = unpack(batch) + rows
            if len(rows) >= lines:
                break
        return rows[-lines:]

    def _is_too_much(self, end: int) -> bool:
        oldest = self._batches[0]
        return end - oldest.first - oldest.count >= self._rows or self._bytes > _KEPT_BYTES

    def _belong(self, before: Batch, after: Batch) -> bool:
        few = len(before.data) + len(after.data) <= _MERGED_BYTES
        small = few and before.count <= after.count and before.count + after.count <= self._most
        return small and after.base_ms - before.base_ms < _MERGED_MS
