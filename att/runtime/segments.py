"""Write a run's output to bounded segment files; imported by the shim, so it uses built-in modules only.

A log is a row of segments named after the offset of their first byte. `<start>.seg` holds the raw bytes of both streams
in arrival order, `<start>.idx` one record of 24 bytes for each block: offset (8), wall clock in ns (8), length (4),
stream (1), three bytes reserved; little endian. A record is written after its bytes, so bytes without a record are not
yet part of the log. Dropped bytes still count as offset: a hole between two segments is a loss, exactly
as long as the hole.
"""

import posix
from time import time_ns

__all__ = ["RECORD_BYTES", "SegmentWriter"]

RECORD_BYTES = 24


class SegmentWriter:
    """Appends blocks, rotates at a newline, keeps at most `limit_bytes` in closed segments, and survives a full disk.

    Segments end at `segment_bytes` (records included), or up to 1/32 later to end at a newline.
    """

    def __init__(self, folder: bytes, limit_bytes: int, segment_bytes: int) -> None:
        self.folder = folder
        self.limit_bytes = limit_bytes
        self.segment_bytes = segment_bytes
        self.slack_bytes = segment_bytes // 32
        self.offset = 0
        self.dropped_bytes = 0
        self.closed: list[tuple[int, int, int]] = []
        self.closed_bytes = 0
        self.start = 0
        self.size = 0
        self.length = 0
        self.seg = -1
        self.idx = -1

    def append(self, stream: int, buffer: bytearray, view: memoryview, length: int) -> None:
        """Write `length` bytes of `buffer` (`view` is a view on it) as output of `stream`."""
        at = time_ns()
        if self.size + length + RECORD_BYTES <= self.segment_bytes:
            self._write(stream, at, view[:length])
            return
        position = 0
        while position < length:
            end = self._cut(buffer, position, length)
            if end > position:
                self._write(stream, at, view[position:end])
            if end < length:
                self._rotate()
            position = end

    def close(self) -> None:
        """Close the files of the active segment."""
        if self.seg >= 0:
            posix.close(self.seg)
            posix.close(self.idx)
        self.seg = self.idx = -1

    def _cut(self, buffer: bytearray, position: int, length: int) -> int:
        """Return where the part that still goes into the active segment ends: at a newline, if one is near."""
        full = position + max(0, self.segment_bytes - self.size - RECORD_BYTES)
        if full >= length:
            return length
        newline = buffer.rfind(b"\n", position, full)
        if newline < 0:
            newline = buffer.find(b"\n", full, min(length, full + self.slack_bytes))
        return newline + 1 if newline >= 0 else full

    def _write(self, stream: int, at: int, data: memoryview) -> None:
        """Write one block with its record; what finds no space is dropped and leaves a hole."""
        wanted = len(data)
        written = 0
        if self.seg >= 0 or self._open():
            written = self._write_all(self.seg, data)
            offset = self.offset
            if written:
                record = (offset | at << 64 | written << 128 | stream << 160).to_bytes(RECORD_BYTES, "little")
                if self._write_all(self.idx, record) == RECORD_BYTES:
                    self.size += written + RECORD_BYTES
                    self.length += written
                else:
                    written = 0
        self.offset += wanted
        if written < wanted:
            self.dropped_bytes += wanted - written
            self._leave_hole()

    def _write_all(self, fd: int, data: "memoryview | bytes") -> int:
        """Write as much as the disk takes, giving up the oldest segments for it; return how much that was."""
        done = 0
        while done < len(data):
            try:
                done += posix.write(fd, data[done:] if done else data)
            except OSError:
                if not self._give_up_oldest():
                    break
        return done

    def _open(self) -> bool:
        while True:
            try:
                self.seg = self._create(b".seg")
                self.idx = self._create(b".idx")
            except OSError:
                if self.seg >= 0:
                    posix.close(self.seg)
                    posix.unlink(self._path(self.offset, b".seg"))
                    self.seg = -1
                if not self._give_up_oldest():
                    return False
            else:
                self.start, self.size, self.length = self.offset, 0, 0
                return True

    def _create(self, suffix: bytes) -> int:
        flags = posix.O_WRONLY | posix.O_CREAT | posix.O_TRUNC | posix.O_CLOEXEC
        return posix.open(self._path(self.offset, suffix), flags, 0o600)

    def _path(self, start: int, suffix: bytes) -> bytes:
        return b"%s/%020d%s" % (self.folder, start, suffix)

    def _rotate(self) -> None:
        """Close the active segment; the next block opens a new one. Forget the oldest beyond the limit."""
        if self.seg < 0:
            return
        self.close()
        self.closed.append((self.start, self.size, self.length))
        self.closed_bytes += self.size
        self.size = 0
        while self.closed_bytes > self.limit_bytes and self._drop_oldest():
            pass

    def _leave_hole(self) -> None:
        """Make the next block open a new segment behind the bytes that were dropped."""
        if self.seg >= 0:
            posix.ftruncate(self.idx, self.size - self.length)
            posix.ftruncate(self.seg, self.length)
            self._rotate()

    def _give_up_oldest(self) -> bool:
        """Make room on a full disk; what that costs is counted as dropped."""
        if self.closed:
            self.dropped_bytes += self.closed[0][2]
        return self._drop_oldest()

    def _drop_oldest(self) -> bool:
        if not self.closed:
            return False
        start, size, _length = self.closed.pop(0)
        self.closed_bytes -= size
        for suffix in (b".seg", b".idx"):
            try:
                posix.unlink(self._path(start, suffix))
            except OSError:
                continue
        return True
