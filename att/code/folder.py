"""A project's folder as the only place that its files are reached through: no path and no link leads out of it.

A path is resolved first, and what it resolves to is then opened part by part without following links, so that a link
put there in between is refused instead of followed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path, PurePosixPath

from att.errors import Invalid, NotFound, PermissionDenied

__all__ = ["Folder"]


class Folder:
    """Opens files and folders below `root`. Paths are relative, with forward slashes.

    What belongs to git (`.git`) is out of reach: its configuration can run programs and hold passwords.
    """

    def __init__(self, root: Path | str) -> None:
        """Take an existing folder. Raises NotFound."""
        self.root = Path(root).resolve()
        if not self.root.is_dir():
            raise NotFound(f"The project's folder {root} does not exist; create it or change the project's path.")

    def resolve(self, path: str) -> PurePosixPath:
        """Return where the path really leads, relative to the root. Raises PermissionDenied and Invalid."""
        given = PurePosixPath(path)
        if "\0" in path:
            raise Invalid("A path holds no NUL.", path=path)
        if given.is_absolute() or ".." in given.parts:
            raise PermissionDenied(f"{path!r} leads out of the project; give a path below its folder.", path=path)
        try:
            end = (self.root / given).resolve()
        except (OSError, RuntimeError) as error:
            raise Invalid(f"{path!r} cannot be followed: {error}.", path=path) from None
        if not end.is_relative_to(self.root):
            raise PermissionDenied(f"{path!r} is a link that leads out of the project.", path=path)
        inside = PurePosixPath(end.relative_to(self.root))
        if any(part.lower() == ".git" for part in (*given.parts, *inside.parts)):
            raise PermissionDenied(f"{path!r} belongs to git; it is not reached as a file.", path=path)
        return inside

    def open_folder(self, path: str = ".", *, make: bool = False) -> int:
        """Return a descriptor of a folder; `make` makes what is missing. Raises NotFound and PermissionDenied."""
        return self._walk(self.resolve(path), path, make)

    def open(self, path: str, flags: int = os.O_RDONLY) -> int:
        """Return a descriptor of a regular file. Raises NotFound, Invalid for what is no file, PermissionDenied."""
        inside = self.resolve(path)
        parent = self._walk(inside.parent, path, make=False)
        try:
            fd = os.open(inside.name or ".", flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=parent)
        except OSError as error:
            raise _refused(path, error) from None
        finally:
            os.close(parent)
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise Invalid(f"{path!r} is not a file.", path=path)
        return fd

    def link_target(self, path: str) -> str | None:
        """Return the text of a symbolic link, or None when the path is no link. Raises NotFound."""
        parent, name = os.path.split(path)
        fd = self.open_folder(parent or ".")
        try:
            return os.readlink(name, dir_fd=fd)
        except OSError:
            return None
        finally:
            os.close(fd)

    def open_root(self) -> int:
        """Return a descriptor of the project's folder. Raises NotFound when it was deleted, PermissionDenied."""
        try:
            return os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise _refused(".", error) from None

    def _walk(self, inside: PurePosixPath, path: str, make: bool) -> int:
        fd = self.open_root()
        for part in inside.parts:
            try:
                if make:
                    _make_folder(part, fd)
                deeper = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fd)
            except OSError as error:
                raise _refused(path, error) from None
            finally:
                os.close(fd)
            fd = deeper
        return fd


def _make_folder(name: str, parent: int) -> None:
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, dir_fd=parent)


def _refused(path: str, error: OSError) -> NotFound | PermissionDenied | Invalid:
    if error.errno == errno.ENOENT:
        return NotFound(f"There is no file {path!r} in the project.", path=path)
    if error.errno == errno.ELOOP:
        return PermissionDenied(f"{path!r} became a link while it was being opened; it is not followed.", path=path)
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return PermissionDenied(f"{path!r}: {error.strerror}.", path=path)
    if error.errno == errno.ENOTDIR:
        return NotFound(f"There is no file {path!r} in the project: a part of its path is not a folder.", path=path)
    return Invalid(f"{path!r} cannot be opened: {error.strerror}.", path=path)
