"""Read the reports in a zip file, each on its own, within limits that a bomb cannot pass."""

from __future__ import annotations

import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import IO

from att.errors import ATTError, Invalid, TooLarge
from att.testing.importers.models import ParsedReport
from att.testing.importers.reading import MAX_BYTES, MAX_DOCUMENT_BYTES, Source, clean, open_source, source_name

__all__ = ["ArchiveFile", "ArchiveMember", "is_archive", "is_report_name", "read_archive", "unpack_archive"]

MAX_MEMBERS = 10_000
MAX_RATIO = 1_000
_NO_TIME = (1980, 1, 1, 0, 0, 0)
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
class ArchiveFile:
    """One file of an archive: its bytes, or the error that refused to unpack it."""

    name: str
    data: bytes
    error: ATTError | None
    modified: datetime | None
    """As the archive tells it, in a zone that it does not tell."""


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
    for file in unpack_archive(source):
        yield _parsed(file, parse)


def unpack_archive(source: Source) -> Iterator[ArchiveFile]:
    """Yield the files of a zip that are named like a report, in the order of their names. Raises as `read_archive`."""
    name = source_name(source)
    with open_source(source) as stream:
        try:
            archive = zipfile.ZipFile(stream)
        except _BROKEN as error:
            raise Invalid(f"{name} is not a zip file that can be read: {error}.") from None
        with archive:
            members = [info for info in archive.infolist() if not info.is_dir() and is_report_name(info.filename)]
            _check(members, name)
            for info in sorted(members, key=lambda info: info.filename):
                yield _file(archive, info)


def is_report_name(path: str) -> bool:
    """Return whether a file in an archive or a folder is named like a report."""
    hidden = path.startswith("__MACOSX/") or path.rpartition("/")[2].startswith(".")
    return not hidden and path.lower().endswith(_SUFFIXES)


def _check(members: list[zipfile.ZipInfo], name: str) -> None:
    if len(members) > MAX_MEMBERS:
        raise TooLarge(f"{name} holds {len(members)} files; {MAX_MEMBERS} can be imported at once.")
    total = sum(info.file_size for info in members)
    if total > MAX_BYTES:
        raise TooLarge(f"{name} unpacks to {total} bytes; {MAX_BYTES} can be imported at once.", size_bytes=total)


def _parsed(file: ArchiveFile, parse: Callable[[bytes], ParsedReport]) -> ArchiveMember:
    if file.error is not None:
        return ArchiveMember(file.name, None, file.error)
    try:
        return ArchiveMember(file.name, parse(file.data), None, file.data)
    except ATTError as error:
        return ArchiveMember(file.name, None, error, file.data)


def _file(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> ArchiveFile:
    name, modified = clean(info.filename), _modified(info)
    try:
        return ArchiveFile(name, _unpack(archive, info, name), None, modified)
    except ATTError as error:
        return ArchiveFile(name, b"", error, modified)


def _modified(info: zipfile.ZipInfo) -> datetime | None:
    try:
        return datetime(*info.date_time) if info.date_time > _NO_TIME else None
    except ValueError:
        return None


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
