"""Find the reports that lie in a project's folder; nothing outside of it is reached."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath

from att.code.folder import Folder
from att.code.walking import walk
from att.errors import ATTError, PermissionDenied
from att.testing.loading.finding import FoundFile, FoundReport, find_files, named, read_reports
from att.testing.loading.grouping import read_builds
from att.testing.loading.models import RunPer

__all__ = ["python_files", "read_inside"]


def read_inside(root: Path, patterns: Sequence[str], run_per: RunPer) -> Iterator[list[FoundReport]]:
    """Return the reports of files, folders and globs that are relative to a project's folder, build by build.

    Raises NotFound where there is none, and PermissionDenied for a path that leads out of the project.
    """
    folder = Folder(root)
    files = [file for pattern in patterns for file in _files(folder, pattern)]
    return read_builds(files, run_per, partial(_read, folder))


def _files(folder: Folder, pattern: str) -> list[FoundFile]:
    given = PurePosixPath(pattern)
    if given.is_absolute() or ".." in given.parts or pattern.startswith("~"):
        raise PermissionDenied(
            f"{pattern!r} leads out of the project; p.tests.load(path) reads files where you are, and sends them.",
            path=pattern,
        )
    return [replace(file, name=named(_path(folder, file))) for file in find_files(folder.root / given)]


def _path(folder: Folder, file: FoundFile) -> PurePosixPath:
    return PurePosixPath(file.path.relative_to(folder.root))


def _read(folder: Folder, file: FoundFile) -> Iterator[FoundReport]:
    try:
        folder.resolve(str(_path(folder, file)))
    except ATTError as error:  # a link
        yield FoundReport(file.name, file.inside or file.name, b"", None, error)
        return
    yield from read_reports(file)


def python_files(root: Path) -> list[str]:
    """Return the Python files of a project, relative to its folder, without what git ignores; none without it."""
    if not root.is_dir():
        return []
    return [entry.path for entry in walk(Folder(root)) if entry.kind == "file" and entry.path.endswith(".py")]
