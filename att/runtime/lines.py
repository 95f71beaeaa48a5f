"""Make lines out of the blocks of two interleaved streams, resumable at any line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from att.runtime.runlog import Block, RunLog

__all__ = ["Line", "LineReader", "Position"]

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


@dataclass(frozen=True, slots=True)
class Line:
    """A line or a piece of one, without its newline. `lost_bytes` are missing before it; then `data` may be None."""

    data: bytes | None
    stream: int
    at_ns: int
    partial: bool
    lost_bytes: int = 0


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
    """Reads the lines of one run from a position on; after each line, `position` is where to go on behind it.

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

    def __iter__(self) -> Iterator[Line]:
        for block in self._log.blocks(self._offset, self._over):
            if block.offset > self._offset:
                yield from self._lose(block)
            yield from self._split(block)
            other = self._tails[1 - block.stream]
            if other.start is not None and block.end - other.start > SPAN_BYTES:
                yield self._line(other.take(), 1 - block.stream, other.at_ns, partial=True)
        yield from self._flush()

    def _restore(self, stream: int, start: int) -> None:
        for block in self._log.blocks(start, self._over):
            if block.offset >= self._offset:
                return
            if block.stream == stream:
                self._tails[stream].add(block.offset, block.data[: self._offset - block.offset], block.at_ns)

    def _line(self, data: bytes, stream: int, at_ns: int, partial: bool) -> Line:
        self._delivered = self._offset
        return Line(data, stream, at_ns, partial)

    def _lose(self, block: Block) -> Iterator[Line]:
        """Give out what was pending, then say how much is missing."""
        for stream, tail in enumerate(self._tails):
            if tail.parts:
                yield self._line(tail.take(), stream, tail.at_ns, partial=True)
        lost = block.offset - self._offset
        self._offset = self._delivered = block.offset
        yield Line(None, block.stream, block.at_ns, partial=False, lost_bytes=lost)

    def _split(self, block: Block) -> Iterator[Line]:
        data, stream, at_ns = block.data, block.stream, block.at_ns
        tail = self._tails[stream]
        done = 0
        while done < len(data):
            room = PIECE_BYTES - tail.size
            newline = data.find(b"\n", done, done + room + 1)
            if newline >= 0:
                if newline > done or not tail.parts:
                    tail.add(block.offset + done, data[done:newline], at_ns)
                done = newline + 1
            else:
                tail.add(block.offset + done, data[done : done + room], at_ns)
                done = min(len(data), done + room)
            self._offset = block.offset + done
            if newline >= 0:
                yield self._line(tail.take(), stream, at_ns, partial=False)
            elif done < len(data):
                yield self._line(tail.take(whole=False), stream, at_ns, partial=True)

    def _flush(self) -> Iterator[Line]:
        tails = [(tail.start or 0, stream) for stream, tail in enumerate(self._tails) if tail.parts]
        for _, stream in sorted(tails):
            tail = self._tails[stream]
            if self._over or self._now_ns - tail.at_ns >= WITHHOLD_NS:
                data = tail.take(whole=self._over)
                if data:
                    yield self._line(data, stream, tail.at_ns, partial=not self._over)


def _cut_code_point(data: bytes) -> int:
    """Return how many bytes at the end begin a UTF-8 code point that is not complete."""
    for back in range(1, min(3, len(data)) + 1):
        byte = data[-back]
        if byte >= 0xC0:
            return back if back < (2 if byte < 0xE0 else 3 if byte < 0xF0 else 4) else 0
        if byte < 0x80:
            break
    return 0
