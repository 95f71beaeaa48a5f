"""Read the plugin's file while it grows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from att.testing.records import Record, parse_record

__all__ = ["StreamReader"]

_CHUNK_BYTES = 1 << 20


class StreamReader:
    """Follow one stream file: every call goes on where the last one stopped.

    A last line without its newline is being written, or was torn by a crash: it waits for its end. Lines that cannot
    be read (a full disk) are counted in `damaged`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rest = b""
        self.offset = 0
        self.damaged = 0

    def read(self) -> Iterator[Record]:
        """Yield the events that were written since the last call; none when there is no file yet."""
        try:
            file = self._path.open("rb")
        except FileNotFoundError:
            return
        with file:
            file.seek(self.offset)
            while chunk := file.read(_CHUNK_BYTES):
                self.offset += len(chunk)
                *lines, self._rest = (self._rest + chunk).split(b"\n")
                yield from self._parse(lines)

    def _parse(self, lines: list[bytes]) -> Iterator[Record]:
        for line in lines:
            try:
                if line:
                    yield parse_record(line)
            except ValidationError:
                self.damaged += 1
