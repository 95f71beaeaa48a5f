"""Stream a folder as a zip archive, block by block, without a temporary file."""

from __future__ import annotations

import os
import stat
import time
import zipfile
from collections.abc import Generator, Iterable, Iterator
from typing import TYPE_CHECKING

from att.errors import Invalid, NotFound, PermissionDenied

if TYPE_CHECKING:
    from att.code.folder import Folder

__all__ = ["zip_blocks"]

_BLOCK = 256 * 1024
_ZIP64_FROM = 1 << 31


class _Sink:
    """Where the zip is written to, and taken from; it cannot seek, so sizes follow the content."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.size = 0

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Nothing is held open."""

    def take(self) -> bytes:
        """Return what has been written since the last time."""
        data = b"".join(self._parts)
        self._parts.clear()
        self.size = 0
        return data


def zip_blocks(folder: Folder, paths: Iterable[str]) -> Generator[bytes, None, None]:
    """Yield a zip archive of the given files of a folder in blocks of about 256 KiB.

    Relative links that stay inside the folder are kept as links, others are left out, and so is a file that is gone by
    its turn or that may not be read.
    """
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for path in paths:
            for _ in _entry(archive, folder, path):
                if sink.size >= _BLOCK:
                    yield sink.take()
    yield sink.take()


def _entry(archive: zipfile.ZipFile, folder: Folder, path: str) -> Iterator[None]:
    """Add one file, pausing after each block."""
    try:
        link = folder.link_target(path)
        if link is not None:
            folder.resolve(path)
            if not link.startswith("/"):
                archive.writestr(_info(path, stat.S_IFLNK | 0o777, time.time()), link)
            return
        fd = folder.open(path)
    except (NotFound, PermissionDenied, Invalid):
        return
    with os.fdopen(fd, "rb") as file:
        facts = os.fstat(fd)
        left = facts.st_size
        info = _info(path, stat.S_IFREG | stat.S_IMODE(facts.st_mode), facts.st_mtime)
        with archive.open(info, "w", force_zip64=left >= _ZIP64_FROM) as entry:
            while left > 0 and (block := file.read(min(_BLOCK, left))):  # a file that grows is cut where it was
                entry.write(block)
                left -= len(block)
                yield


def _info(path: str, mode: int, modified: float) -> zipfile.ZipInfo:
    date = time.localtime(max(modified, 315619200))[:6]  # zip knows no time before 1980
    info = zipfile.ZipInfo(path, date)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = mode << 16
    return info
