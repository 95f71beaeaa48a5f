"""Read the segment files of one run: blocks of bytes from an offset on (the format is told in `segments.py`)."""

from __future__ import annotations

import bisect
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

__all__ = ["Block", "RunLog"]

_RECORD = struct.Struct("<QQIBBH")
RECORD_BYTES = _RECORD.size
_RECORDS_AT_ONCE = 1024
_BYTES_AT_ONCE = 1 << 20
_FIRST_SHARE = 16
"""Most reads want one page: the first piece is so many times smaller, and each is twice the one before."""


class Block(NamedTuple):
    """Bytes of one stream (0 stdout, 1 stderr) that arrived together, with the wall clock in nanoseconds."""

    offset: int
    at_ns: int
    stream: int
    data: bytes

    @property
    def end(self) -> int:
        """Offset behind the last byte."""
        return self.offset + len(self.data)


class _Record(NamedTuple):
    offset: int
    at_ns: int
    length: int
    stream: int

    @property
    def end(self) -> int:
        return self.offset + self.length


class RunLog:
    """The log of one run, while it is written and afterwards. `over` says that nobody writes any more."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def starts(self) -> list[int]:
        """Return the offsets at which the kept segments start."""
        try:
            names = [entry.name for entry in self.folder.iterdir()]
        except FileNotFoundError:
            return []
        return sorted(int(name[:-4]) for name in names if name.endswith(".seg"))

    def oldest(self) -> int:
        """Return the offset of the oldest kept byte; 0 for an empty log."""
        return next(iter(self.starts()), 0)

    def end(self, over: bool = False) -> int:
        """Return the offset behind the newest byte."""
        for start in reversed(self.starts()):
            try:
                with _Segment(self.folder, start) as segment:
                    return segment.end(over)
            except FileNotFoundError:
                continue
        return 0

    def offset_at(self, at_ns: int) -> int:
        """Return the offset of the first block that arrived at this time or later."""
        for start in self.starts():
            try:
                with _Segment(self.folder, start) as segment:
                    place = segment.first(lambda record: record.at_ns >= at_ns)
                    if place < segment.count:
                        return segment.record(place).offset
            except FileNotFoundError:
                continue
        return self.end()

    def blocks(self, offset: int, over: bool = False) -> Iterator[Block]:
        """Yield what is kept from `offset` on; a block that starts later than the last one ended is behind a loss.

        Goes on until nothing new is found. Segments that were closed when they were listed are complete; the last one
        is read again from where it ended, in case that it grew before it was closed.
        """
        progress = True
        while progress:
            progress = False
            starts = self.starts()
            for start in starts[max(0, bisect.bisect_right(starts, offset) - 1) :]:
                try:
                    segment = _Segment(self.folder, start)
                except FileNotFoundError:
                    continue
                with segment:
                    for block in segment.blocks(offset, over):
                        yield block
                        offset = block.end
                        progress = True


class _Segment:
    """An open segment: stays readable when the writer deletes it meanwhile."""

    def __init__(self, folder: Path, start: int) -> None:
        self.start = start
        with ExitStack() as stack:
            self._idx = os.open(folder / f"{start:020}.idx", os.O_RDONLY | os.O_CLOEXEC)
            stack.callback(os.close, self._idx)
            self._seg = os.open(folder / f"{start:020}.seg", os.O_RDONLY | os.O_CLOEXEC)
            stack.callback(os.close, self._seg)
            self.count = os.fstat(self._idx).st_size // RECORD_BYTES
            self._stack = stack.pop_all()

    def __enter__(self) -> _Segment:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def record(self, place: int) -> _Record:
        return self.records(place, 1)[0]

    def records(self, place: int, count: int) -> list[_Record]:
        data = os.pread(self._idx, min(count, self.count - place) * RECORD_BYTES, place * RECORD_BYTES)
        return [_Record(*fields[:4]) for fields in _RECORD.iter_unpack(data)]

    def first(self, condition: Callable[[_Record], bool]) -> int:
        """Return the place of the first record for which the (monotonic) condition holds."""
        return bisect.bisect_left(range(self.count), True, key=lambda place: condition(self.record(place)))

    def end(self, over: bool) -> int:
        covered = self.record(self.count - 1).end if self.count else self.start
        return max(covered, self.start + os.fstat(self._seg).st_size) if over else covered

    def blocks(self, offset: int, over: bool) -> Iterator[Block]:
        place = self.first(lambda record: record.end > offset)
        share = _FIRST_SHARE
        while place < self.count:
            records = _bounded(self.records(place, _RECORDS_AT_ONCE // share), _BYTES_AT_ONCE // share)
            share = max(1, share // 2)
            base = records[0].offset
            data = os.pread(self._seg, records[-1].end - base, base - self.start)
            for record in records:
                skip = max(0, offset - record.offset)
                piece = data[record.offset - base + skip : record.end - base]
                if piece:  # a power failure may have kept the record and not the bytes
                    yield Block(record.offset + skip, record.at_ns, record.stream, piece)
            place += len(records)
        if over:
            yield from self._uncovered(offset)

    def _uncovered(self, offset: int) -> Iterator[Block]:
        """Yield the bytes that a killed shim had written but not yet recorded."""
        begin = max(offset, self.end(False))
        data = os.pread(self._seg, _BYTES_AT_ONCE, begin - self.start)
        if data:
            yield Block(begin, os.fstat(self._seg).st_mtime_ns, 0, data)


def _bounded(records: list[_Record], size: int) -> list[_Record]:
    """Return as many of the records as `size` bytes hold, at least one."""
    last = records[0].offset + size
    return [records[0], *(record for record in records[1:] if record.end <= last)]
