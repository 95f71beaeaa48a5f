"""The files of projects: list, read, write, search and compare."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from att.code.content import read_file, write_file
from att.code.cursors import Place
from att.code.folder import Folder
from att.code.ignoring import glob
from att.code.models import CodeDiff, FileContent, FileEntry, FilePage, FileWritten, SearchPage
from att.code.walking import Entry, after, walk
from att.errors import NotFound

if TYPE_CHECKING:
    from att.events.manager import EventLog
    from att.projects.registry import ProjectRegistry
    from att.settings import ATT

__all__ = ["CodeManager"]

_DIFF_BYTES = 2 * 1024 * 1024


class CodeManager:
    """Works on the folders of registered projects. Holds no state; any number of threads may use it."""

    def __init__(self, registry: ProjectRegistry, events: EventLog, *, settings: ATT) -> None:
        self._registry = registry
        self._events = events
        self._settings = settings

    def list(
        self,
        project: str,
        folder: str = ".",
        pattern: str | None = None,
        *,
        ignored: bool = False,
        cursor: str | None = None,
        limit: int = 500,
    ) -> FilePage:
        """Return the files, folders and links below a folder, each folder before its content.

        Raises NotFound, PermissionDenied for a folder outside, Invalid for a bad cursor or pattern.
        """
        place = Place.parse(cursor)
        wanted = glob(pattern) if pattern else None
        entries = after(walk(self._folder(project), folder, ignored=ignored, place=place), place)
        # The place counts what a walk meets, so the pattern comes after it.
        found: list[FileEntry] = []
        has_more = False
        for entry in entries:
            if wanted is None or wanted.match_file(f"{entry.path}/" if entry.kind == "folder" else entry.path):
                if len(found) == limit:
                    has_more = True
                    break
                found.append(_shown(entry))
            place = place.next(entry.path)
        return FilePage(files=found, cursor=str(place) if place.prefix else None, has_more=has_more)

    def read(self, project: str, path: str) -> FileContent:
        """Return a file: text as UTF-8, anything else as base64. Raises NotFound, PermissionDenied, TooLarge."""
        return read_file(self._folder(project), path, self._settings.file_limit_bytes)

    def write(
        self,
        project: str,
        path: str,
        content: str,
        *,
        encoding: Literal["utf-8", "base64"] = "utf-8",
        expected_hash: str | None = None,
    ) -> FileWritten:
        """Write a file in one step over the version with `expected_hash`; None means that it must not exist.

        Raises Conflict when it is another, PermissionDenied, TooLarge, Invalid.
        """
        folder = self._folder(project)
        written = write_file(folder, path, content, encoding, expected_hash, self._settings.file_limit_bytes)
        self._events.append("code.written", project=project, path=written.path, created=written.created)
        return written

    def search(
        self,
        project: str,
        query: str,
        *,
        regex: bool = False,
        case_sensitive: bool = False,
        folder: str = ".",
        pattern: str | None = None,
        cursor: str | None = None,
        limit: int = 200,
    ) -> SearchPage:
        """Return the lines that contain a text or match an expression; a page takes a few seconds at most.

        Raises Invalid for a bad expression and for one that does not come to an end.
        """
        from att.code.searching import Query, search

        asked = Query(query, regex, case_sensitive, folder, pattern, self._settings.file_limit_bytes)
        return search(self._folder(project), asked, cursor, limit)

    def diff(self, project: str, base: str = "HEAD", path: str | None = None) -> CodeDiff:
        """Compare the work tree with a commit. Raises NotFound, NotSupported, PermissionDenied."""
        from att.code.diffing import compare

        return compare(self._folder(project), base, path, _DIFF_BYTES)

    def _folder(self, project: str) -> Folder:
        path = self._registry.get(project).path
        if path is None:
            raise NotFound(f"The project {project!r} has no folder; set its path first.", project=project)
        return Folder(path)


def _shown(entry: Entry) -> FileEntry:
    return FileEntry(
        path=entry.path,
        kind=entry.kind,
        size_bytes=entry.size_bytes if entry.kind == "file" else None,
        modified_at=datetime.fromtimestamp(entry.modified, UTC),
    )
