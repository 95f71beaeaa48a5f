"""Read the reports in a zip file, each on its own, within limits that a bomb cannot pass."""

from __future__ import annotations

import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO

from att.errors import ATTError, Invalid, TooLarge
from att.testing.importers.models import ParsedReport
from att.testing.importers.reading import MAX_BYTES, MAX_DOCUMENT_BYTES, Source, clean, open_source, source_name

__all__ = ["ArchiveMember", "is_archive", "read_archive"]

MAX_MEMBERS = 10_000
MAX_RATIO = 1_000
_SUFFIXES = (".xml", ".json", ".jsonl", ".ndjson", ".txt", ".log", ".out")
_BROKEN = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
)


@dataclass(frozen=True, slots=True)
class ArchiveMember:
    """One file of an archive: its report, or the error that refused it."""

    name: str
    report: ParsedReport | None
    error: ATTError | None
    data: bytes = b""
    """The member as it lies in the archive, for a digest; empty when it could not be read."""


def is_archive(head: bytes) -> bool:
    """Return whether a file that begins so is a zip."""
    return head.startswith((b"PK\x03\x04", b"PK\x05\x06"))


def read_archive(source: Source, parse: Callable[[bytes], ParsedReport]) -> Iterator[ArchiveMember]:
    """Yield the reports of a zip in the order of their names, each parsed by `parse`.

    Files that are not named like a report are left out; a member that is refused does not stop the others. Raises
    Invalid when the zip is broken, TooLarge when it holds too many files or unpacks to more than the limit.
    """
    name = source_name(source)
    with open_source(source) as stream:
        try:
            archive = zipfile.ZipFile(stream)
        except _BROKEN as error:
            raise Invalid(f"{name} is not a zip file that can be read: {error}.") from None
        with archive:
            members = sorted((info for info in archive.infolist() if _is_report(info)), key=lambda info: info.filename)
            _check(members, name)
            for info in members:
                yield _member(archive, info, parse)


def _is_report(info: zipfile.ZipInfo) -> bool:
    path = info.filename
    hidden = path.startswith("__MACOSX/") or path.rpartition("/")[2].startswith(".")
    return not info.is_dir() and not hidden and path.lower().endswith(_SUFFIXES)


def _check(members: list[zipfile.ZipInfo], name: str) -> None:
    if len(members) > MAX_MEMBERS:
        raise TooLarge(f"{name} holds {len(members)} files; {MAX_MEMBERS} can be imported at once.")
    total = sum(info.file_size for info in members)
    if total > MAX_BYTES:
        raise TooLarge(f"{name} unpacks to {total} bytes; {MAX_BYTES} can be imported at once.", size_bytes=total)


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, parse: Callable[[bytes], ParsedReport]) -> ArchiveMember:
    name, data = clean(info.filename), b""
    try:
        data = _unpack(archive, info, name)
        return ArchiveMember(name, parse(data), None, data)
    except ATTError as error:
        return ArchiveMember(name, None, error, data)


def _unpack(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> bytes:
    """Return the bytes of a member; what its header says of its size is not believed."""
    if info.file_size > MAX_RATIO * max(info.compress_size, 1) + (1 << 20):
        raise TooLarge(f"{name!r} is packed more than {MAX_RATIO} : 1, like a zip bomb.")
    try:
        with archive.open(info) as member:
            return _bounded(member, name)
    except _BROKEN as error:
        raise Invalid(f"{name!r} cannot be unpacked: {error}.") from None


def _bounded(member: IO[bytes], name: str) -> bytes:
    data = member.read(MAX_DOCUMENT_BYTES + 1)
    if len(data) > MAX_DOCUMENT_BYTES:
        raise TooLarge(f"{name!r} unpacks to more than {MAX_DOCUMENT_BYTES} bytes.")
    return data
