"""The end of what a server writes to its error output, and who it is."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from types import TracebackType
from typing import Self, TextIO

__all__ = ["ErrorTail"]

_KEPT_BYTES = 16 * 1024
_KEPT_LINES = 20
_BLOCK = 64 * 1024


class ErrorTail:
    """A pipe that is read as fast as it is written, of which the end is kept. Belongs to one event loop."""

    def __init__(self) -> None:
        self._kept = b""
        self.pid: int | None = None
        """The process that leads the program's group, once it has said so."""

    def __enter__(self) -> Self:
        self._read_end, write_end = os.pipe()
        os.set_blocking(self._read_end, False)
        self.file: TextIO = os.fdopen(write_end, "w")
        """What the server's error output is connected to."""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._read_end, self._read)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.file.close()
        self._loop.remove_reader(self._read_end)
        with suppress(BlockingIOError):
            while block := os.read(self._read_end, _BLOCK):
                self._keep(block)
        os.close(self._read_end)

    @property
    def lines(self) -> list[str]:
        """The last lines, without colours being interpreted."""
        return self._kept.decode(errors="replace").splitlines()[-_KEPT_LINES:]

    def _read(self) -> None:
        with suppress(BlockingIOError):
            block = os.read(self._read_end, _BLOCK)
            self._keep(block)
            if not block:
                self._loop.remove_reader(self._read_end)

    def _keep(self, block: bytes) -> None:
        if self.pid is None and block.startswith(b"\0"):
            pid, _, block = block[1:].partition(b"\n")
            self.pid = int(pid)
        self._kept = (self._kept + block)[-_KEPT_BYTES:]
