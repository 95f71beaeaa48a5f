"""Read and write whole files: text or base64, one step, and only over what the writer has read."""

from __future__ import annotations

import base64
import binascii
import contextlib
import errno
import hashlib
import os
import secrets
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Literal

from att.code.folder import Folder
from att.code.models import FileContent, FileWritten
from att.errors import Conflict, Invalid, NotFound, PermissionDenied, TooLarge
from att.locking import LOCK_EX, flock

__all__ = ["read_bytes", "read_file", "write_file"]

Encoding = Literal["utf-8", "base64"]


def read_file(folder: Folder, path: str, limit_bytes: int) -> FileContent:
    """Return a file's content. Raises TooLarge, and what opening raises."""
    fd = folder.open(path)
    with os.fdopen(fd, "rb", closefd=True) as file:
        facts = os.fstat(fd)
        data = read_bytes(file.fileno(), path, limit_bytes)
    content, encoding = _encoded(data)
    return FileContent(
        path=PurePosixPath(path).as_posix(),
        content=content,
        encoding=encoding,
        size_bytes=len(data),
        hash=hashlib.sha256(data).hexdigest(),
        modified_at=datetime.fromtimestamp(facts.st_mtime, UTC),
    )


def read_bytes(fd: int, path: str, limit_bytes: int) -> bytes:
    """Return what is in an open file. Raises TooLarge."""
    with os.fdopen(os.dup(fd), "rb") as file:
        data = file.read(limit_bytes + 1)
    if len(data) > limit_bytes:
        raise TooLarge(
            f"{path!r} is larger than {limit_bytes} bytes; raise file_limit_bytes, or read it by other means.",
            path=path,
            limit_bytes=limit_bytes,
        )
    return data


def write_file(
    folder: Folder, path: str, content: str, encoding: Encoding, expected_hash: str | None, limit_bytes: int
) -> FileWritten:
    """Write a file in one step, over the version with `expected_hash`, or as a new one when that is None.

    A reader sees the old or the new content, never a part. Writers of the same project wait for each other. Raises
    Conflict when the file is another than expected, TooLarge, Invalid for content that is not base64 and for a path
    that is a folder, PermissionDenied.
    """
    data = _decoded(content, encoding)
    if len(data) > limit_bytes:
        raise TooLarge(f"The content is larger than {limit_bytes} bytes; raise file_limit_bytes.", path=path)
    inside = folder.resolve(path)
    if not inside.name:
        raise Invalid(f"{path!r} is a folder.", path=path)
    with _one_writer(folder):
        before = _current_hash(folder, path)
        if before != expected_hash:
            raise _conflict(path, before, expected_hash)
        parent = folder.open_folder(inside.parent.as_posix(), make=True)
        try:
            _replace(parent, inside.name, data, new=before is None)
        except FileExistsError:
            raise _conflict(path, "unknown", None) from None
        except OSError as error:
            raise _unwritable(path, error) from None
        finally:
            os.close(parent)
    return FileWritten(
        path=PurePosixPath(path).as_posix(),
        hash=hashlib.sha256(data).hexdigest(),
        size_bytes=len(data),
        created=before is None,
    )


def _encoded(data: bytes) -> tuple[str, Encoding]:
    try:
        return data.decode(), "utf-8"
    except UnicodeDecodeError:
        return base64.b64encode(data).decode(), "base64"


def _decoded(content: str, encoding: Encoding) -> bytes:
    try:
        return content.encode() if encoding == "utf-8" else base64.b64decode(content, validate=True)
    except (UnicodeEncodeError, binascii.Error, ValueError) as error:
        raise Invalid(f"The content is not {encoding}: {error}.") from None


def _current_hash(folder: Folder, path: str) -> str | None:
    try:
        fd = folder.open(path)
    except NotFound:
        return None
    with os.fdopen(fd, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _conflict(path: str, before: str | None, expected: str | None) -> Conflict:
    if before is None:
        return Conflict(f"{path!r} is gone; write it without expected_hash to make it anew.", path=path, hash=None)
    if expected is None:
        return Conflict(f"{path!r} exists; read it and give its hash as expected_hash.", path=path, hash=before)
    return Conflict(f"{path!r} has changed since it was read; read it again.", path=path, hash=before)


def _unwritable(path: str, error: OSError) -> Invalid | PermissionDenied:
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return PermissionDenied(f"{path!r} cannot be written: {error.strerror}.", path=path)
    return Invalid(f"{path!r} cannot be written: {error.strerror}.", path=path)


@contextlib.contextmanager
def _one_writer(folder: Folder) -> Iterator[None]:
    """Hold the lock of the project's folder, where its file system has locks."""
    fd = folder.open_root()
    try:
        with contextlib.suppress(OSError):
            flock(fd, LOCK_EX)
        yield
    finally:
        os.close(fd)


def _replace(parent: int, name: str, data: bytes, *, new: bool) -> None:
    """Write beside the file and put it in place; a new one fails with FileExistsError if another came first."""
    temporary = f".att-{secrets.token_hex(8)}"
    mode = 0o666 if new else stat.S_IMODE(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(temporary, flags, mode, dir_fd=parent)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            if not new:
                os.fchmod(fd, mode)
            os.fsync(fd)
        if new:
            _put_new(parent, temporary, name)
        else:
            os.rename(temporary, name, src_dir_fd=parent, dst_dir_fd=parent)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=parent)
        raise


def _put_new(parent: int, temporary: str, name: str) -> None:
    try:
        os.link(temporary, name, src_dir_fd=parent, dst_dir_fd=parent, follow_symlinks=False)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK):
            raise
        os.rename(temporary, name, src_dir_fd=parent, dst_dir_fd=parent)  # a file system without hard links
    else:
        os.unlink(temporary, dir_fd=parent)
