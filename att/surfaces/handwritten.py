"""The few routes that are not derived from an operation, listed in one place: bytes, sockets and descriptions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from att.operations import Action, ProjectId, RunId
from att.runtime.models import Stream
from att.testing.history.operations import Branch, Since, TestSuite, Until
from att.testing.history.records import Part

__all__ = [
    "HAND_WRITTEN",
    "ArchiveArguments",
    "EventSocketArguments",
    "HandWritten",
    "HistoryArguments",
    "NoArguments",
    "ProjectHistoryArguments",
    "RawLogArguments",
    "SocketArguments",
]

_Cursor = Annotated[str | None, Field(max_length=200, description="Where to go on; null starts at the oldest kept.")]
_Tail = Annotated[int | None, Field(ge=1, le=10_000, description="Start at the last N, when there is no cursor.")]


class _Arguments(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NoArguments(_Arguments):
    """Nothing can be given."""


class ArchiveArguments(_Arguments):
    """Arguments of the archive."""

    project: ProjectId


class RawLogArguments(_Arguments):
    """Arguments of the raw log."""

    project: ProjectId
    cursor: _Cursor = None
    max_bytes: Annotated[int, Field(ge=1, le=16 * 1024 * 1024, description="Most bytes in one answer.")] = 1024 * 1024
    run: Annotated[RunId | None, Field(description="A past run; default the latest.")] = None
    stream: Annotated[Stream | None, Field(description="Only this stream.")] = None


class HistoryArguments(_Arguments):
    """Arguments of the test history."""

    part: Annotated[Part, Field(description="Read runs, results and failures in this order, then tests.")] = "results"
    since: Since
    until: Until
    branch: Branch
    suite: TestSuite


class ProjectHistoryArguments(HistoryArguments):
    """Arguments of the test history of a project."""

    project: ProjectId


class SocketArguments(_Arguments):
    """Arguments of the project's WebSocket."""

    project: ProjectId
    events: Annotated[bool, Field(description="Send pages of project.events.")] = True
    logs: Annotated[bool, Field(description="Send pages of runtime.logs.")] = False
    cursor: Annotated[_Cursor, Field(description="Cursor of the events.")] = None
    tail: Annotated[_Tail, Field(description="Begin at the last N events.")] = None
    log_cursor: Annotated[_Cursor, Field(description="Cursor of the log.")] = None
    log_tail: Annotated[_Tail, Field(description="Begin at the last N lines.")] = None


class EventSocketArguments(_Arguments):
    """Arguments of the WebSocket of all projects' events."""

    kinds: Annotated[
        list[str] | None, Field(max_length=50, description="Only these kinds; 'runtime' stands for all 'runtime.*'.")
    ] = None
    cursor: Annotated[_Cursor, Field(description="Cursor of the events.")] = None
    tail: Annotated[_Tail, Field(description="Begin at the last N events.")] = None


@dataclass(frozen=True)
class HandWritten:
    """A route written by hand, described as an operation describes itself."""

    name: str
    path: str
    action: Action
    domain: str
    media_type: str
    summary: str
    arguments: type[BaseModel] = NoArguments
    status: Literal[101, 200] = 200
    headers: tuple[tuple[str, str], ...] = ()


HAND_WRITTEN: tuple[HandWritten, ...] = (
    HandWritten(
        "openapi",
        "/openapi.json",
        "read",
        "system",
        "application/json",
        "Describe this API as an OpenAPI 3.1 document.",
    ),
    HandWritten(
        "archive",
        "/projects/{project}/archive",
        "read",
        "project",
        "application/zip",
        "Download the project's folder as a zip archive.",
        ArchiveArguments,
    ),
    HandWritten(
        "raw_log",
        "/projects/{project}/runtime/logs/raw",
        "read",
        "runtime",
        "application/octet-stream",
        "Read the exact bytes of the project's output from a cursor on.",
        RawLogArguments,
        headers=(
            ("ATT-Cursor", "Where to go on reading."),
            ("ATT-Has-More", "'true' when more can be read right now."),
            ("ATT-Truncated", "'true' when bytes before these are gone."),
            ("ATT-Lost-Bytes", "How many bytes are gone; left out when nobody knows."),
            ("ATT-Run-Changed", "'true' when the cursor belonged to an older run."),
            ("ATT-Run-Id", "Run that the bytes are from."),
        ),
    ),
    HandWritten(
        "test_history",
        "/projects/{project}/test/history",
        "read",
        "test",
        "application/vnd.apache.arrow.stream",
        "Read a part of the project's test history as an Arrow stream: the blocks as they are stored. Numbers of runs "
        "and tests in `results` and `failures` are those of `runs` and `tests`.",
        ProjectHistoryArguments,
    ),
    HandWritten(
        "all_test_history",
        "/test/history",
        "read",
        "test",
        "application/vnd.apache.arrow.stream",
        "Read a part of the test history of all projects as an Arrow stream: the blocks as they are stored.",
        HistoryArguments,
    ),
    HandWritten(
        "socket",
        "/projects/{project}/ws",
        "read",
        "project",
        "application/json",
        "Follow the project's events, and its log when asked, over a WebSocket. Each message is an object: "
        "`type` is page, problem or end, `operation` names what is followed, and `page` or `problem` holds the value.",
        SocketArguments,
        status=101,
    ),
    HandWritten(
        "event_socket",
        "/ws",
        "read",
        "event",
        "application/json",
        "Follow the events of all projects over a WebSocket, with messages as on a project's own.",
        EventSocketArguments,
        status=101,
    ),
)
