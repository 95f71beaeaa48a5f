"""The lines that the pytest plugin writes, as the reader sees them: one model an event."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

__all__ = [
    "Boot",
    "CollectError",
    "CollectSkip",
    "Collected",
    "Crash",
    "Deselected",
    "End",
    "Enter",
    "Exit",
    "FailureDetail",
    "Finish",
    "InternalError",
    "Interrupt",
    "NewTest",
    "Phase",
    "Record",
    "Session",
    "Start",
    "Warned",
    "WorkerDown",
    "parse_record",
]


class _Record(BaseModel):
    # A plugin file of another version may add fields: a run is read by the server that adopts it.
    model_config = ConfigDict(extra="ignore", frozen=True)

    at: float = Field(description="Seconds since the epoch, immune to clocks that tests freeze.")


class Crash(BaseModel):
    """Where an exception left the test, and what it said."""

    path: str
    line: int
    message: str


class FailureDetail(BaseModel):
    """What pytest shows of a failure; long texts are clipped by the plugin."""

    longrepr: str
    crash: Crash | None = None
    sections: list[tuple[str, str]] = []
    line: int | None = Field(default=None, description="Of the test in its file, counted from 0.")


class Boot(_Record):
    """The plugin was loaded; pytest has read neither configuration nor conftest files yet."""

    event: Literal["boot"]
    pid: int
    python: str
    pytest: str


class Session(_Record):
    """A session began."""

    event: Literal["session"]
    rootdir: str
    plugins: list[str]
    workers: int
    maxfail: int


class CollectError(_Record, FailureDetail):
    """A file or class could not be collected."""

    event: Literal["collect_error"]
    nodeid: str


class CollectSkip(_Record):
    """A whole file or class was skipped."""

    event: Literal["collect_skip"]
    nodeid: str
    reason: str | None


class Deselected(_Record):
    """Tests were left out by `-m`, `-k` or a plugin."""

    event: Literal["deselected"]
    count: int


class Collected(_Record):
    """The tests that will run; `nodeids` are the ones not named before, numbered from `first_id`."""

    event: Literal["collected"]
    count: int
    first_id: int
    nodeids: list[str]


class NewTest(_Record):
    """A test that collection did not announce."""

    event: Literal["test"]
    id: int
    nodeid: str


class Start(_Record):
    """An attempt of a test began."""

    event: Literal["start"]
    id: int


class Enter(_Record):
    """An attempt reached a phase although the phase before is not reported yet."""

    event: Literal["enter"]
    id: int
    when: str


class Phase(_Record):
    """A phase of a test, or one of its subtests, ended."""

    event: Literal["phase"]
    id: int
    when: str
    outcome: str
    category: str = Field(description="What pytest's terminal counts it as; empty when it counts nothing.")
    seconds: float
    worker: str | None = None
    subtest: str | None = None
    reason: str | None = None
    failure: FailureDetail | None = None


class Finish(_Record):
    """An attempt ended without a teardown."""

    event: Literal["finish"]
    id: int


class Warned(_Record):
    """A warning; only the first thousand are written."""

    event: Literal["warning"]
    when: str
    nodeid: str
    category: str
    message: str
    path: str
    line: int


class WorkerDown(_Record):
    """A worker of pytest-xdist died."""

    event: Literal["worker_down"]
    worker: str
    error: str


class InternalError(_Record):
    """Pytest or one of its plugins failed."""

    event: Literal["internal_error"]
    longrepr: str


class Interrupt(_Record):
    """The session was stopped: `type` is KeyboardInterrupt, Exit or Interrupted."""

    event: Literal["interrupt"]
    type: str
    message: str


class End(_Record):
    """The session ended in order; `counts` are pytest's own categories."""

    event: Literal["end"]
    exitstatus: int
    counts: dict[str, int]


class Exit(_Record):
    """The interpreter ended by itself: no signal, no `os._exit`."""

    event: Literal["exit"]


Record = (
    Boot
    | Session
    | CollectError
    | CollectSkip
    | Deselected
    | Collected
    | NewTest
    | Start
    | Enter
    | Phase
    | Finish
    | Warned
    | WorkerDown
    | InternalError
    | Interrupt
    | End
    | Exit
)
_ADAPTER: TypeAdapter[Record] = TypeAdapter(Annotated[Record, Field(discriminator="event")])


def parse_record(line: bytes) -> Record:
    """Return the event in one line; raises pydantic.ValidationError."""
    return _ADAPTER.validate_json(line)
