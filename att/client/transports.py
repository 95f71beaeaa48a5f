"""How a session reaches ATT: the protocol, and the in-process way over a workspace."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, closing
from typing import TYPE_CHECKING, Any, Literal, Protocol

from att.client.stopping import Stop
from att.models import Page
from att.operations import Operation
from att.surfaces.following import Follower

if TYPE_CHECKING:
    from att.runtime.logs import RawPage
    from att.surfaces.handwritten import HistoryArguments, RawLogArguments
    from att.workspace import Workspace

__all__ = ["InProcessTransport", "Mode", "Transport"]

Mode = Literal["server", "embedded"]


class Transport(Protocol):
    """Carries operations to ATT. Arguments are validated by the operation before they travel, in every transport."""

    mode: Mode
    where: str
    """The server's address, or the data directory."""

    def call(self, operation: Operation, given: Mapping[str, Any]) -> Any:
        """Run an operation with its wire arguments and return its result as the declared model."""
        ...

    def pages(
        self, operation: Operation, given: Mapping[str, Any], tick_seconds: float | None, stop: Stop | None = None
    ) -> Iterator[Page | None]:
        """Follow an operation: yield each page that tells something new.

        Ends when the sequence is complete. With `tick_seconds`, None is yielded at about that interval while there is
        nothing new. A caller that gives `stop` ends it at once from another thread; it hears of a lost connection at
        once as well (Unavailable), and takes it up again from its cursor when it wants.
        """
        ...

    def raw_log(self, arguments: RawLogArguments) -> RawPage:
        """Read exact bytes of a project's log."""
        ...

    def archive(self, project: str) -> AbstractContextManager[Iterator[bytes]]:
        """Read a project's folder as the blocks of a zip archive."""
        ...

    def history(self, arguments: HistoryArguments) -> AbstractContextManager[Iterator[bytes]]:
        """Read a part of a test history as the blocks of an Arrow stream."""
        ...

    def close(self) -> None:
        """Let go of the connection or the workspace; what runs goes on."""
        ...


class InProcessTransport:
    """Calls a workspace in this process, directly: a debugger steps from the cell into the manager."""

    mode: Mode = "embedded"

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.where = str(workspace.place.data_dir)

    def call(self, operation: Operation, given: Mapping[str, Any]) -> Any:
        return self.workspace.call(operation, given)

    def pages(
        self, operation: Operation, given: Mapping[str, Any], tick_seconds: float | None, stop: Stop | None = None
    ) -> Iterator[Page | None]:
        operation.validate(given)
        stop = stop or Stop()
        interval = self.workspace.settings.follow_seconds
        follower = Follower(self.workspace.call, operation, given, interval_seconds=interval)
        quiet_since = time.monotonic()
        while not (follower.ended or stop.is_set):
            page = follower.step()
            if page is None and (tick_seconds is None or time.monotonic() - quiet_since < tick_seconds):
                stop.wait(follower.pause_seconds)
                continue
            yield page
            quiet_since = time.monotonic()

    def raw_log(self, arguments: RawLogArguments) -> RawPage:
        given = arguments.model_dump(exclude={"project"})
        return self.workspace.runtime.raw_logs(arguments.project, **given)

    def archive(self, project: str) -> AbstractContextManager[Iterator[bytes]]:
        return closing(self.workspace.projects.archive(project))

    def history(self, arguments: HistoryArguments) -> AbstractContextManager[Iterator[bytes]]:
        return closing(self.workspace.test_history.read(**arguments.model_dump()))

    def close(self) -> None:
        self.workspace.close()
