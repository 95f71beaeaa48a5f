"""Make lines out of the blocks of two interleaved streams, resumable at any line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from att.runtime.runlog import Block, RunLog

__all__ = ["LineReader", "Lines", "Position"]

PIECE_BYTES = 64 * 1024
"""A longer line comes in pieces."""
SPAN_BYTES = 256 * 1024
"""So far the other stream may run ahead of an unterminated line before what is there of it is given out."""
WITHHOLD_NS = 200_000_000


@dataclass(frozen=True, slots=True)
class Position:
    """A place to go on from: everything before `offset` is delivered, except the unterminated lines that start at
    `pending` (stdout's, stderr's)."""

    offset: int
    pending: tuple[int | None, int | None] = (None, None)

    @property
    def first(self) -> int:
        """Offset of the first byte that is not delivered."""
        return min(self.offset, *(start for start in self.pending if start is not None), self.offset)


class Lines(NamedTuple):
    """Lines of one stream that arrived together, without their newlines: handled at once, since there are many.

    There are several, or one that is a piece (`partial`), or none and `lost_bytes` are missing here.
    """

    data: list[bytes]
    stream: int
    at_ns: int
    behind: Position
    """Where to go on behind all of them."""
    partial: bool = False
    lost_bytes: int = 0

    def after(self, count: int) -> Position:
        """Return where to go on behind the first `count` (at least 1) of them."""
        left = self.data[count:]
        return Position(self.behind.offset - sum(map(len, left)) - len(left), self.behind.pending)


class _Tail:
    """The unterminated end of a stream, with the offset of each of its parts."""

    def __init__(self) -> None:
        self.parts: list[tuple[int, bytes]] = []
        self.size = 0
        self.at_ns = 0

    @property
    def start(self) -> int | None:
        return self.parts[0][0] if self.parts else None

    def add(self, offset: int, data: bytes, at_ns: int) -> None:
        self.parts.append((offset, data))
        self.size += len(data)
        self.at_ns = at_ns

    def take(self, whole: bool = True) -> bytes:
        """Remove and return what is there; unless `whole`, a code point that is cut at the end stays."""
        data = b"".join(part for _, part in self.parts)
        keep = 0 if whole else _cut_code_point(data)
        kept: list[tuple[int, bytes]] = []
        for offset, part in reversed(self.parts if keep else []):
            size = min(len(part), keep - sum(len(piece) for _, piece in kept))
            if size:
                kept.insert(0, (offset + len(part) - size, part[-size:]))
        self.parts, self.size = kept, keep
        return data[: len(data) - keep]


class LineReader:
    """Reads the lines of one run from a position on; at the end, `position` is where to go on.

    A line is never made of two streams: each stream's unterminated end waits while the other goes on. It is given out,
    as a partial line, after 200 ms, 64 KiB, or when the other stream is 256 KiB ahead; when the run is `over`, at once.
    """

    def __init__(self, log: RunLog, position: Position, *, over: bool, now_ns: int) -> None:
        self._log = log
        self._over = over
        self._now_ns = now_ns
        self._offset = self._delivered = position.offset
        self._tails = (_Tail(), _Tail())
        for stream, start in enumerate(position.pending):
            if start is not None:
                self._restore(stream, start)

    @property
    def position(self) -> Position:
        """Where to go on, as short as it can be told."""
        first = Position(self._offset, (self._tails[0].start, self._tails[1].start))
        return Position(first.first) if self._delivered <= first.first else first

    def __iter__(self) -> Iterator[Lines]:
        for block in self._log.blocks(self._offset, self._over):
            if block.offset > self._offset:
                yield from self._lose(block)
            yield from self._split(block)
            other = self._tails[1 - block.stream]
            if other.start is not None and block.end - other.start > SPAN_BYTES:
                yield self._piece(other.take(), 1 - block.stream, other.at_ns)
        yield from self._flush()

    def _restore(self, stream: int, start: int) -> None:
        for block in self._log.blocks(start, self._over):
            if block.offset >= self._offset:
                return
            if block.stream == stream:
                self._tails[stream].add(block.offset, block.data[: self._offset - block.offset], block.at_ns)

    def _lines(self, data: list[bytes], stream: int, at_ns: int, partial: bool = False) -> Lines:
        self._delivered = self._offset
        return Lines(data, stream, at_ns, self.position, partial)

    def _piece(self, data: bytes, stream: int, at_ns: int) -> Lines:
        return self._lines([data], stream, at_ns, partial=True)

    def _lose(self, block: Block) -> Iterator[Lines]:
        """Give out what was pending, then say how much is missing."""
        for stream, tail in enumerate(self._tails):
            if tail.parts:
                yield self._piece(tail.take(), stream, tail.at_ns)
        lost = block.offset - self._offset
        self._offset = self._delivered = block.offset
        yield Lines([], block.stream, block.at_ns, self.position, lost_bytes=lost)

    def _split(self, block: Block) -> Iterator[Lines]:
        data, stream, at_ns = block.data, block.stream, block.at_ns
        tail = self._tails[stream]
        done = 0
        while done < len(data):
            room = PIECE_BYTES - tail.size
            first = tail.parts  # its line is given out by itself: only of whole lines the offsets are known
            newline = (data.find if first else data.rfind)(b"\n", done, done + room + 1)
            if newline < 0:
                tail.add(block.offset + done, data[done : done + room], at_ns)
                done = min(len(data), done + room)
                self._offset = block.offset + done
                if done < len(data):
                    yield self._piece(tail.take(whole=False), stream, at_ns)
                continue
            lines = [tail.take() + data[done:newline]] if first else data[done:newline].split(b"\n")
            done = newline + 1
            self._offset = block.offset + done
            yield self._lines(lines, stream, at_ns)

    def _flush(self) -> Iterator[Lines]:
        tails = [(tail.start or 0, stream) for stream, tail in enumerate(self._tails) if tail.parts]
        for _, stream in sorted(tails):
            tail = self._tails[stream]
            if self._over or self._now_ns - tail.at_ns >= WITHHOLD_NS:
                data = tail.take(whole=self._over)
                if data:
                    yield self._lines([data], stream, tail.at_ns, partial=not self._over)


def _cut_code_point(data: bytes) -> int:
    """Return how many bytes at the end begin a UTF-8 code point that is not complete."""
    for back in range(1, min(3, len(data)) + 1):
        byte = data[-back]
        if byte >= 0xC0:
            return back if back < (2 if byte < 0xE0 else 3 if byte < 0xF0 else 4) else 0
        if byte < 0x80:
            break
    return 0
