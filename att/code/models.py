"""Values of a project's files."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from att.models import Model, Page, Timestamp

__all__ = ["CodeDiff", "FileContent", "FileEntry", "FilePage", "FileWritten", "SearchHit", "SearchPage"]


class FileEntry(Model):
    """A file or folder of the project; `path` is relative with forward slashes."""

    path: str
    kind: Literal["file", "folder", "link"]
    size_bytes: int | None = None
    modified_at: Timestamp | None = None


class FilePage(Page):
    """Entries by path."""

    items_field: ClassVar[str] = "files"

    files: list[FileEntry]


class FileContent(Model):
    """A file's content. Binary content is base64; `hash` is the SHA-256 to give back when writing."""

    path: str
    content: str
    encoding: Literal["utf-8", "base64"]
    size_bytes: int
    hash: str
    modified_at: Timestamp


class FileWritten(Model):
    """Result of a write."""

    path: str
    hash: str
    size_bytes: int
    created: bool


class SearchHit(Model):
    """A line that matched; `line` counts from 1, `column` from 0 in characters."""

    path: str
    line: int
    column: int
    text: str = Field(description="The line, clipped at 500 characters.")


class SearchPage(Page):
    """Hits by path and line."""

    items_field: ClassVar[str] = "hits"

    hits: list[SearchHit]
    files_searched: int
    files_skipped: int = Field(description="Binary or too large.")


class CodeDiff(Model):
    """Difference of the work tree to a commit, as a unified diff."""

    base: str
    diff: str
    files: list[str]
    truncated: bool = False
