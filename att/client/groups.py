"""Groups of operations: `s.projects`, `s.events` and `p.events`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Unpack, overload

from att.client.following import Following
from att.client.live import LiveSetup
from att.client.remote import Group, Remote, caller_signature, project_remote, remote, stands_for
from att.events.models import Event, EventPage
from att.events.operations import EventOperations
from att.models import Run
from att.operations import Operation, operation_of
from att.projects.models import ProjectSettings
from att.projects.operations import ProjectOperations

if TYPE_CHECKING:
    from att.client.project import ProjectHandle

__all__ = ["Events", "ProjectEvents", "Projects"]


class Projects(Group):
    """All projects: `s.projects`."""

    list = remote(ProjectOperations.list)
    templates = remote(ProjectOperations.templates)

    @overload
    def create(
        self,
        id: str,
        template: str | None = None,
        git_url: str | None = None,
        wait: Literal[True] = True,
        timeout: float | None = None,
        **settings: Unpack[ProjectSettings],
    ) -> ProjectHandle: ...
    @overload
    def create(
        self,
        id: str,
        template: str | None = None,
        git_url: str | None = None,
        *,
        wait: Literal[False],
        timeout: float | None = None,
        **settings: Unpack[ProjectSettings],
    ) -> ProjectHandle | LiveSetup: ...

    @stands_for(ProjectOperations.create)
    def create(self, *args: Any, **kwargs: Any) -> ProjectHandle | LiveSetup:
        return self._made(operation_of(ProjectOperations.create), *args, **kwargs)

    @overload
    def download(
        self,
        id: str,
        url: str,
        sha256: str | None = None,
        wait: Literal[True] = True,
        timeout: float | None = None,
        **settings: Unpack[ProjectSettings],
    ) -> ProjectHandle: ...
    @overload
    def download(
        self,
        id: str,
        url: str,
        sha256: str | None = None,
        *,
        wait: Literal[False],
        timeout: float | None = None,
        **settings: Unpack[ProjectSettings],
    ) -> LiveSetup: ...

    @stands_for(ProjectOperations.download)
    def download(self, *args: Any, **kwargs: Any) -> ProjectHandle | LiveSetup:
        return self._made(operation_of(ProjectOperations.download), *args, **kwargs)

    def _made(self, operation: Operation, *args: Any, **kwargs: Any) -> ProjectHandle | LiveSetup:
        given = caller_signature(operation, on_project=False).bind(*args, **kwargs).arguments
        result = self._session.call(operation, given)
        if isinstance(result, Run) and result.state == "running":
            return LiveSetup.of(self._session, result)
        return self._session.handle(given["id"])


class EventGroup(Group):
    """Events that are listed by an operation, `list`, and can be followed with it."""

    list: ClassVar[Remote[..., EventPage]]

    def follow(
        self,
        cursor: str | None = None,
        kinds: Sequence[str] | None = None,
        tail: int | None = None,
        timeout: float | None = None,
    ) -> Following[Event]:
        """Iterate over the events from a cursor on, and those to come, for `timeout` seconds or until it is closed."""
        given = {"project": self._project, "cursor": cursor, "kinds": kinds, "tail": tail}
        return self._session.follow(type(self).list.operation, given, timeout=timeout)


class Events(EventGroup):
    """What happened in all projects: `s.events`."""

    list = remote(EventOperations.list)


class ProjectEvents(EventGroup):
    """What happened in the project: `p.events`."""

    list = project_remote(EventOperations.of_project)
