"""Operations on the files of a project."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from att.code.models import CodeDiff, FileContent, FilePage, FileWritten, SearchPage
from att.errors import Conflict, NotSupported, PermissionDenied, TimedOut, TooLarge
from att.models import allowing
from att.operations import Cursor, Limit, Operations, ProjectId, operation

if TYPE_CHECKING:
    from att.code.manager import CodeManager

__all__ = ["CodeOperations"]

RelativePath = Annotated[str, Field(min_length=1, max_length=4096, description="Path inside the project.")]
Folder = Annotated[str, Field(max_length=4096, description="Folder inside the project; '.' is its root.")]


class CodeOperations(Operations):
    """List, read, write, search and compare a project's files; nothing outside its folder is reached."""

    def __init__(self, code: CodeManager) -> None:
        self.code = code

    @operation(
        "code.list",
        get="/projects/{project}/files",
        resource="att://project/{project}/files",
        errors=(PermissionDenied,),
    )
    def list(
        self,
        project: ProjectId,
        folder: Folder = ".",
        pattern: Annotated[str | None, Field(max_length=500, description="Glob on the path, e.g. '**/*.py'.")] = None,
        ignored: Annotated[bool, Field(description="Include what .gitignore excludes.")] = False,
        cursor: Cursor = None,
        limit: Limit = 500,
    ) -> FilePage:
        """List the files below a folder by path, without what .gitignore excludes."""
        return self.code.list(project, folder, pattern, ignored=ignored, cursor=cursor, limit=limit)

    @operation("code.read", get="/projects/{project}/file", errors=(PermissionDenied, TooLarge))
    def read(self, project: ProjectId, path: RelativePath) -> FileContent:
        """Read a file: text as UTF-8, anything else as base64."""
        return self.code.read(project, path)

    @operation(
        "code.write",
        put="/projects/{project}/file",
        query=("path",),
        destructive=True,
        errors=(PermissionDenied, Conflict, TooLarge),
    )
    def write(
        self,
        project: ProjectId,
        path: RelativePath,
        content: Annotated[str, Field(description="Text, or base64 with encoding='base64'.")],
        encoding: Literal["utf-8", "base64"] = "utf-8",
        expected_hash: Annotated[
            str | None,
            Field(
                pattern=allowing("a SHA-256 hash is 64 of 0-9 and a-f", "^[0-9a-f]{64}$"),
                description="Hash the file must have now; null when it must not exist.",
            ),
        ] = None,
    ) -> FileWritten:
        """Write a file in one step; refused with Conflict when it is not what the caller has read."""
        return self.code.write(project, path, content, encoding=encoding, expected_hash=expected_hash)

    @operation("code.search", post="/projects/{project}/search", action="read", errors=(PermissionDenied,))
    def search(
        self,
        project: ProjectId,
        query: Annotated[str, Field(min_length=1, max_length=1000, description="Text, or a regular expression.")],
        regex: bool = False,
        case_sensitive: bool = False,
        folder: Folder = ".",
        pattern: Annotated[str | None, Field(max_length=500, description="Glob on the path.")] = None,
        cursor: Cursor = None,
        limit: Limit = 200,
    ) -> SearchPage:
        """Search the project's text files line by line."""
        return self.code.search(
            project,
            query,
            regex=regex,
            case_sensitive=case_sensitive,
            folder=folder,
            pattern=pattern,
            cursor=cursor,
            limit=limit,
        )

    @operation("code.diff", get="/projects/{project}/diff", errors=(NotSupported, PermissionDenied, TimedOut))
    def diff(
        self,
        project: ProjectId,
        base: Annotated[
            str,
            Field(
                pattern=allowing(
                    "a commit or branch is letters, digits and . / ~ ^ @ - _, and begins with a letter or digit",
                    r"^[A-Za-z0-9][\w./~^@-]{0,199}$",
                ),
                description="Commit or branch.",
            ),
        ] = "HEAD",
        path: Annotated[str | None, Field(max_length=4096, description="Only this file or folder.")] = None,
    ) -> CodeDiff:
        """Compare the work tree with a commit."""
        return self.code.diff(project, base, path)
