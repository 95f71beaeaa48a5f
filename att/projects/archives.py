"""Unpack archives that nobody trusts: every name, link, count and size is checked before it reaches the disk.

Used by the setup runner in a bare interpreter: standard library and `att.errors` only.
"""

from __future__ import annotations

import bz2
import contextlib
import errno
import gzip
import io
import lzma
import os
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath, PurePosixPath
from typing import IO, Literal, cast

from att.errors import Invalid, PermissionDenied, TooLarge

__all__ = ["MAX_FILES", "MAX_RATIO", "Unpacked", "unpack"]

MAX_FILES = 100_000
MAX_RATIO = 200
_RATIO_FROM_BYTES = 16 * 1024 * 1024
"""Smaller contents may be packed as tightly as they like."""
_BLOCK = 256 * 1024
_DAMAGED = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    ValueError,
    OverflowError,
    NotImplementedError,
)
"""What the standard library raises for archives that break their own rules."""


@dataclass(frozen=True)
class Unpacked:
    """What came out of an archive."""

    files: int
    size_bytes: int


@dataclass(frozen=True)
class _Entry:
    """An element of a zip or tar archive; `target` is that of a link, `content` that of a file."""

    name: str
    kind: Literal["file", "folder", "symlink", "hardlink"]
    mode: int = 0o644
    target: str = ""
    content: IO[bytes] | None = None


@dataclass
class _Budget:
    """Counts what is unpacked. Raises TooLarge."""

    limit_bytes: int
    packed_bytes: int
    files: int = 0
    size_bytes: int = 0

    def entry(self) -> None:
        self.files += 1
        if self.files > MAX_FILES:
            raise TooLarge(f"The archive holds more than {MAX_FILES} files.", limit=MAX_FILES)

    def grow(self, amount: int) -> None:
        self.size_bytes += amount
        if self.size_bytes > self.limit_bytes:
            raise TooLarge(
                f"The archive unpacks to more than {self.limit_bytes} bytes; raise download_limit_bytes if it is meant "
                "to.",
                limit_bytes=self.limit_bytes,
            )
        if self.size_bytes > max(_RATIO_FROM_BYTES, MAX_RATIO * self.packed_bytes):
            raise TooLarge(
                f"The archive unpacks to more than {MAX_RATIO} times its size, as archives made to fill a disk do.",
                ratio=MAX_RATIO,
            )


def unpack(archive: Path, target: Path, limit_bytes: int) -> Unpacked:
    """Unpack a zip or tar (plain, gz, bz2, xz) archive into a folder, which must be empty or absent.

    When all lies in one folder, as in the archives that code hosts make, what is in that is unpacked without it.
    Raises PermissionDenied for names and links that lead out of the folder and for devices, TooLarge for more than
    `limit_bytes`, MAX_FILES or MAX_RATIO, Invalid for what is no archive, damaged, truncated or encrypted. What was
    written before stays.
    """
    budget = _Budget(limit_bytes, archive.stat().st_size)
    try:
        with _entries(archive, target, limit_bytes) as entries:
            target.mkdir(parents=True, exist_ok=True)
            _Writer(target.resolve(), budget).write(entries)
    except _DAMAGED as error:
        raise _damaged(error) from None
    except OSError as error:
        if error.errno not in (None, errno.EINVAL):
            raise
        raise _damaged(error) from None  # bz2 and gzip say it so, and zip by seeking where nothing can be
    return Unpacked(budget.files, budget.size_bytes)


def _damaged(error: Exception) -> Invalid:
    return Invalid(f"The archive is damaged or truncated: {error or type(error).__name__}.")


@contextlib.contextmanager
def _entries(archive: Path, target: Path, limit_bytes: int) -> Iterator[Iterator[_Entry]]:
    """Open the archive by what its first bytes say, not by its name."""
    with archive.open("rb") as file:
        head = file.read(512)
        file.seek(0)
        if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
            with zipfile.ZipFile(file) as opened:
                yield _zip_entries(opened)
        else:
            plain = _decompressed(file, head)
            stream = io.BufferedReader(_Bounded(plain, limit_bytes + 16 * _BLOCK), _BLOCK)
            with tarfile.open(fileobj=stream, mode="r|", errorlevel=2) as tar:
                yield _tar_entries(tar, target)


def _decompressed(file: IO[bytes], head: bytes) -> IO[bytes]:
    if head.startswith(b"\x1f\x8b"):
        return cast(IO[bytes], gzip.GzipFile(fileobj=file))
    if head.startswith(b"BZh"):
        return cast(IO[bytes], bz2.BZ2File(file))
    if head.startswith(b"\xfd7zXZ\x00"):
        return cast(IO[bytes], lzma.LZMAFile(file))
    if head[257:262] == b"ustar":
        return file
    raise Invalid("This is no archive that can be unpacked: neither zip, nor tar (plain, gz, bz2 or xz).")


class _Bounded(io.RawIOBase):
    """A stream that ends with TooLarge: tar headers, too, can hold gigabytes."""

    def __init__(self, inner: IO[bytes], limit_bytes: int) -> None:
        self._inner = inner
        self._left = limit_bytes
        self._limit = limit_bytes

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(cast(bytearray, buffer))
        data = self._inner.read(len(view))
        self._left -= len(data)
        if self._left < 0:
            raise TooLarge(f"The archive unpacks to more than {self._limit} bytes.", limit_bytes=self._limit)
        view[: len(data)] = data
        return len(data)


def _zip_entries(opened: zipfile.ZipFile) -> Iterator[_Entry]:
    for info in opened.infolist():
        mode = info.external_attr >> 16
        if info.flag_bits & 0x1:
            raise Invalid(f"{info.filename!r} in the archive is encrypted; fetch an archive without a password.")
        if stat.S_ISLNK(mode):
            if info.file_size > 4096:
                raise PermissionDenied(f"{info.filename!r} in the archive is a link with an impossible target.")
            yield _Entry(info.filename, "symlink", target=os.fsdecode(opened.read(info)))
        elif info.is_dir():
            yield _Entry(info.filename, "folder")
        elif stat.S_IFMT(mode) in (0, stat.S_IFREG):
            try:
                with opened.open(info) as content:
                    yield _Entry(info.filename, "file", mode or 0o644, content=content)
            except NotImplementedError as error:
                raise Invalid(f"{info.filename!r} cannot be unpacked: {error}.") from None
        else:
            raise _special(info.filename)


def _tar_entries(tar: tarfile.TarFile, target: Path) -> Iterator[_Entry]:
    for member in tar:
        _apply_data_filter(member, target)
        if member.issym():
            yield _Entry(member.name, "symlink", target=member.linkname)
        elif member.islnk():
            yield _Entry(member.name, "hardlink", target=member.linkname)
        elif member.isdir():
            yield _Entry(member.name, "folder")
        elif member.isreg():
            yield _Entry(member.name, "file", member.mode, content=tar.extractfile(member))
        else:
            raise _special(member.name)


def _apply_data_filter(member: tarfile.TarInfo, target: Path) -> None:
    """Let the standard library object as well, where it can (from 3.11.4 on). Raises PermissionDenied."""
    check = getattr(tarfile, "data_filter", None)
    if check is not None:
        try:
            check(member, str(target))
        except tarfile.FilterError as error:
            raise PermissionDenied(f"{member.name!r} in the archive is refused: {error}.") from None


def _special(name: str) -> PermissionDenied:
    return PermissionDenied(f"{name!r} in the archive is a device, a pipe or the like; only files are unpacked.")


@dataclass
class _Writer:
    """Writes entries below `root`. Links come last, so that no file is ever written through one."""

    root: Path
    budget: _Budget
    links: list[tuple[PurePosixPath, str]] = field(default_factory=list)

    def write(self, entries: Iterator[_Entry]) -> None:
        for entry in entries:
            self.budget.entry()
            name = _inside(entry.name)
            try:
                self._entry(name, entry)
            except OSError as error:
                if error.errno is None:
                    raise
                raise Invalid(f"{entry.name!r} in the archive cannot be written: {error.strerror}.") from None
        self._leave_out_top()
        self._make_links()

    def _entry(self, name: PurePosixPath, entry: _Entry) -> None:
        path = self.root / name
        (path if entry.kind == "folder" else path.parent).mkdir(parents=True, exist_ok=True)
        if entry.kind == "symlink":
            self.links.append((name, entry.target))
        elif entry.kind == "hardlink":
            with (self.root / _inside(entry.target)).open("rb") as content:
                self._file(path, 0o644, content)
        elif entry.content is not None:
            self._file(path, entry.mode, entry.content)

    def _file(self, path: Path, mode: int, content: IO[bytes]) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        allowed = 0o755 if mode & 0o111 else 0o644
        with os.fdopen(os.open(path, flags, allowed), "wb") as file:
            while block := content.read(_BLOCK):
                self.budget.grow(len(block))
                file.write(block)

    def _leave_out_top(self) -> None:
        """Move everything up when all lies in one folder; the links, which are checked then, are not made yet."""
        tops = {path.name for path in self.root.iterdir()} | {name.parts[0] for name, _ in self.links if name.parts}
        if len(tops) != 1 or not (self.root / (top := tops.pop())).is_dir():
            return
        if any(len(name.parts) < 2 for name, _ in self.links):
            return
        emptied = (self.root / top).rename(self.root / f".att-{os.urandom(8).hex()}")
        for path in emptied.iterdir():
            path.rename(self.root / path.name)
        emptied.rmdir()
        self.links = [(name.relative_to(top), target) for name, target in self.links]

    def _make_links(self) -> None:
        """Make the symbolic links, then see where they lead: one can bend the way of another."""
        made: list[Path] = []
        try:
            for name, target in self.links:
                made.append(self._link(name, target))
            self._check_links(made)
        except BaseException:
            for path in made:
                path.unlink(missing_ok=True)
            raise

    def _link(self, name: PurePosixPath, target: str) -> Path:
        if not target or PurePosixPath(target).is_absolute():
            raise _leads_out(name)
        path = self.root / name
        try:
            path.symlink_to(target)
        except OSError as error:
            raise Invalid(f"The link {str(name)!r} in the archive cannot be made: {error.strerror}.") from None
        return path

    def _check_links(self, made: list[Path]) -> None:
        for path in made:
            if not _ends_inside(self.root, path):
                raise _leads_out(path.relative_to(self.root))


def _ends_inside(root: Path, path: Path) -> bool:
    try:
        return path.resolve().is_relative_to(root)
    except (OSError, RuntimeError):  # a loop of links
        return False


def _leads_out(name: PurePath) -> PermissionDenied:
    return PermissionDenied(f"The link {str(name)!r} in the archive leads out of the folder.")


def _inside(name: str) -> PurePosixPath:
    """Return the name as a path below the root. Raises PermissionDenied for one that could lead out."""
    path = PurePosixPath(name)
    if not name or "\0" in name or path.is_absolute() or ".." in path.parts or "\\" in name:
        raise PermissionDenied(f"The name {name!r} in the archive leads out of the folder.")
    return path
