"""A session: the operations of one ATT, wherever it runs."""

from __future__ import annotations

import itertools
import threading
import weakref
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Unpack

from att.client.following import TICK_SECONDS, Following
from att.client.groups import Events, Projects
from att.client.histories import fetch_history
from att.client.loading import send_reports
from att.client.mcp import Mcp
from att.client.progress import say, ticking
from att.client.project import ProjectHandle
from att.client.remote import remote
from att.client.transports import Mode, Transport
from att.client.waiting import Address, Caller, finish, separate
from att.domains import DOMAINS
from att.errors import ATTError, Conflict, NotFound
from att.operations import REGISTRY, Operation, operation_of
from att.projects.models import ProjectChange, ProjectSettings
from att.system.operations import SystemOperations
from att.terminal import plain
from att.testing.history.operations import TestHistoryOperations

if TYPE_CHECKING:
    from att.testing.history.history import History

__all__ = ["Session", "python_address"]

assert DOMAINS  # importing the domains has completed the registry
_LOADING = operation_of(TestHistoryOperations.load)
_NUMBERS = itertools.count()


class Session:
    """What ATT can do, in a Jupyter server or in a workspace of this process; both ways give the same interface.

    Close it when done, or use it in `with`: an embedded workspace stops supervising then, and every project goes on
    running. It is closed when the last reference is gone, and at the end of the process.
    """

    def __init__(
        self,
        transport: Transport,
        why: str = "",
        *,
        address: Address | None = None,
    ) -> None:
        self.transport = transport
        self.why = why
        """Why it is this server or workspace, in a few words."""
        self.resources = ExitStack()
        """What was opened beside the transport, and is closed with it."""
        self.caller = Caller(_asking(transport), address or python_address)
        self.number = next(_NUMBERS)
        """Counts the sessions of this process."""
        self._finalizer = weakref.finalize(self, _close_forgotten, transport, self.resources)

    health = remote(SystemOperations.health)
    operations = remote(SystemOperations.operations)

    @property
    def _session(self) -> Session:
        # Not an attribute: a session in a cycle would be closed late, by the collector.
        return self

    @property
    def _project(self) -> None:
        return None

    @property
    def mode(self) -> Mode:
        """`server` or `embedded`."""
        return self.transport.mode

    @property
    def projects(self) -> Projects:
        return Projects(self)

    @property
    def events(self) -> Events:
        return Events(self)

    @property
    def mcp(self) -> Mcp:
        return Mcp(self)

    def project(self, id: str, **settings: Unpack[ProjectSettings]) -> ProjectHandle:  # noqa: A002
        """Return the handle of a project, after making it what `settings` say.

        Without settings the project has to exist; NotFound offers close names. With settings it is created when it is
        new, else exactly these settings are changed, and one line on stderr says which, and whether a restart is
        needed.
        """
        given = {"project": id}
        if not settings:
            self.caller.ask("project.status", given)
            return self.handle(id)
        try:
            change: ProjectChange = self.caller.ask("project.update", {**given, **settings})
        except NotFound:
            return self._created(id, settings)
        if change.changed:
            later = "; restart to apply" if change.restart_to_apply else ""
            say(f"{id}: changed {', '.join(change.changed)}{later}")
        return self.handle(id)

    def _created(self, project: str, settings: ProjectSettings) -> ProjectHandle:
        try:
            self.caller.ask("project.create", {"id": project, **settings})
        except Conflict:
            # Somebody else may have created it in between.
            self.caller.ask("project.update", {"project": project, **settings})
        return self.handle(project)

    def handle(self, project: str) -> ProjectHandle:
        """Return the handle of a project without looking whether it exists."""
        return ProjectHandle(self, project)

    def history(
        self,
        since: str | datetime | None = "90d",
        branch: str | None = None,
        until: str | datetime | None = None,
        suite: str | None = None,
    ) -> History:
        """Fetch the test history of all projects: `p.tests.history()` explains the arguments."""
        return fetch_history(self, None, since, until, branch, suite)

    def call(self, operation: Operation | str, given: Mapping[str, Any]) -> Any:
        """Run an operation, and wait as its caller-side arguments say.

        Raises what the operation declares, and Unavailable when ATT cannot be reached.
        """
        declared = REGISTRY[operation] if isinstance(operation, str) else operation
        try:
            wire, patience = separate(declared, given)
            if declared is _LOADING and given.get("path") is not None:
                return send_reports(given["path"], wire, lambda batch: self.transport.call(declared, batch))
            return finish(self.caller, declared, _called(self.transport, declared, wire), patience)
        except ATTError as error:
            _show_last_lines(error)
            raise

    def follow(
        self,
        function: Callable[..., Any] | Operation,
        given: Mapping[str, Any],
        *,
        timeout: float | None = None,
        ended: Callable[[], bool] | None = None,
    ) -> Following[Any]:
        """Follow an operation that takes a cursor; arguments of None are left out."""
        operation = function if isinstance(function, Operation) else operation_of(function)
        known = {name: value for name, value in given.items() if value is not None}
        operation.validate(known)
        tick = TICK_SECONDS if timeout is not None or ended is not None else None
        return Following(self.transport.pages(operation, known, tick), timeout=timeout, ended=ended)

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return not self._finalizer.alive

    def close(self) -> None:
        """Let go of the server or the workspace; projects keep running. Closing twice does nothing more."""
        if self._finalizer.detach() is not None:
            _close(self.transport, self.resources)

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<ATT {self.mode}: {self.transport.where}{f' ({self.why})' if self.why else ''}>"

    def _repr_html_(self) -> str:
        from att.client.display import session_html

        return session_html(self)


def python_address(name: str, arguments: Mapping[str, Any]) -> str:
    """Return what a person types in Python for an operation with these arguments; `p` is the project."""
    told = ", ".join(repr(value) for key, value in arguments.items() if key != "project")
    return f"{REGISTRY[name].python}({told})"


def _asking(transport: Transport) -> Callable[[str, Mapping[str, Any]], Any]:
    return lambda name, given: _called(transport, REGISTRY[name], given)


def _called(transport: Transport, operation: Operation, given: Mapping[str, Any]) -> Any:
    """Call an operation; who watches one that may take seconds sees that it goes on."""
    if not operation.slow:
        return transport.call(operation, given)
    subject = given.get("server") or given.get("project")
    words = operation.verb.replace("_", " ")
    with ticking(f"{subject}: {words}" if subject else words):
        return transport.call(operation, given)


def _close(transport: Transport, resources: ExitStack) -> None:
    resources.close()
    transport.close()


def _close_forgotten(transport: Transport, resources: ExitStack) -> None:
    if threading.current_thread() is threading.main_thread():
        _close(transport, resources)
    else:
        # The collector may run in the workspace's own thread, which cannot wait for its own end.
        threading.Thread(target=_close, args=(transport, resources), name="att-close", daemon=True).start()


def _show_last_lines(error: ATTError) -> None:
    lines = error.details.get("last_lines")
    if lines and not hasattr(error, "__notes__"):
        texts = [line["text"] if isinstance(line, dict) else str(line) for line in lines]
        error.add_note("Its last lines:\n" + "\n".join(f"  {plain(text)}" for text in texts))
