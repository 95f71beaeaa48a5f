"""Find the reports that a path stands for: one file, the files of a folder or a glob, the members of zips."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePath

from att.errors import ATTError, Invalid, NotFound, TooLarge
from att.testing.importers.archive import is_archive, is_report_name, unpack_archive
from att.testing.importers.reading import MAX_BYTES, parse_time

__all__ = ["FoundFile", "FoundReport", "find_files", "named", "read_reports"]


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file that may be a report or a zip of reports."""

    path: Path
    name: str
    """As a person calls it: the path as it was asked for."""
    inside: str
    """The path below the folder or the glob's fixed part; empty for a file that was named itself."""


@dataclass(frozen=True, slots=True)
class FoundReport:
    """The bytes of a report, or the error that kept them from being read."""

    name: str
    inside: str
    data: bytes
    modified: datetime | None
    error: ATTError | None = None


def find_files(path: str | os.PathLike[str]) -> list[FoundFile]:
    """Return the files that a path, a folder or a glob stands for, in the order of their names.

    In a folder these are the ones named like a report or a zip, hidden ones left out. Raises NotFound when there is
    none, and Invalid for a path that cannot be one.
    """
    text = os.fspath(path)
    if not text:
        raise Invalid("An empty path names no report. The folder where you are is '.'.", path=text)
    try:
        found = _find(text)
    except (OSError, ValueError, RuntimeError) as error:
        raise Invalid(f"{text!r} cannot be read: {str(error).rstrip('.')}.", path=text) from None
    if not found:
        what = "no report below" if Path(text).expanduser().is_dir() else "nothing at"
        raise NotFound(
            f"There is {what} {text!r}. Name a report, a folder, a glob like '**/*.xml', or a zip.", path=text
        )
    return found


def _find(text: str) -> list[FoundFile]:
    given = Path(text).expanduser()
    if given.is_file():
        return [FoundFile(given, named(Path(text)), "")]
    if given.is_dir():
        return _below(given, Path(text).as_posix(), given)
    if not glob.has_magic(text):
        return []
    root = _fixed_part(given)
    found: dict[Path, FoundFile] = {}
    for match in sorted(glob.iglob(str(given), recursive=True)):  # noqa: PTH207 - it leaves hidden files out
        path = Path(match)
        files = _below(path, path.as_posix(), root) if path.is_dir() else [_file(path, path.as_posix(), root)]
        found |= {file.path: file for file in files if file.path not in found and file.path.is_file()}
    return list(found.values())


def _below(folder: Path, name: str, root: Path) -> list[FoundFile]:
    files = []
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(folder for folder in folders if not folder.startswith("."))
        for file in names:
            path = Path(parent, file)
            wanted = is_report_name(file) or (file.lower().endswith(".zip") and not file.startswith("."))
            if wanted and (path.is_file() or path.is_symlink()):
                shown = f"{name.rstrip('/')}/{path.relative_to(folder).as_posix()}"
                files.append(_file(path, shown.removeprefix("./"), root))
    return sorted(files, key=lambda file: file.inside)


def _file(path: Path, name: str, root: Path) -> FoundFile:
    return FoundFile(path, named(Path(name)), named(path.relative_to(root)))


def named(path: PurePath) -> str:
    """Return the path as a text that travels, whatever bytes its name has."""
    return os.fsencode(path.as_posix()).decode("utf-8", "backslashreplace")


def _fixed_part(pattern: Path) -> Path:
    """Return the folders of a glob before the first one that holds a wildcard."""
    parts = pattern.parts
    fixed = next((index for index, part in enumerate(parts) if glob.has_magic(part)), len(parts))
    return Path(*parts[:fixed])


def read_reports(file: FoundFile) -> Iterator[FoundReport]:
    """Read a file, or each member of a zip; what cannot be read is a report with an error."""
    try:
        if file.path.exists() and not file.path.is_file():
            raise Invalid("It is not a file.")
        with file.path.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            modified = parse_time(os.fstat(stream.fileno()).st_mtime)
            packed = is_archive(stream.read(4))
            if not packed:
                if size > MAX_BYTES:
                    raise TooLarge(f"It has {size} bytes; a report may have {MAX_BYTES}.", size_bytes=size)
                stream.seek(0)
                yield FoundReport(file.name, file.inside or file.name, stream.read(MAX_BYTES + 1), modified)
                return
        yield from _members(file)
    except OSError as error:
        yield _refused(file, Invalid(f"It cannot be read: {error.strerror or error}."))
    except ATTError as error:
        yield _refused(file, error)


def _members(file: FoundFile) -> Iterator[FoundReport]:
    empty = True
    for member in unpack_archive(file.path):
        empty = False
        inside = f"{file.inside}/{member.name}" if file.inside else member.name
        yield FoundReport(f"{file.name}/{member.name}", inside, member.data, member.modified, member.error)
    if empty:
        yield _refused(
            file, Invalid("The zip holds no file that is named like a report (.xml, .json, .jsonl, .txt, .log).")
        )


def _refused(file: FoundFile, error: ATTError) -> FoundReport:
    return FoundReport(file.name, file.inside or file.name, b"", None, error)
