"""What a caller with the token of one project sees of ATT: that project, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from att.errors import PermissionDenied
from att.operations import REGISTRY, Operation
from att.projects.models import ProjectPage
from att.surfaces.mcp_tools import Call

__all__ = ["ProjectScope"]

_IN_PATH = "{project}"
_WITHHELD = frozenset({"project.update", "project.delete"})
"""A program must not change its own command, or whether it is granted a token."""
_HARMLESS = frozenset({"project.templates", "system.health", "system.operations"})
"""What tells nothing of any project."""
_NARROWED = frozenset({"project.list", "event.list"})
"""What tells of all projects, and is answered from the one."""


class ProjectScope:
    """The one way of such a caller to the workspace, in place of `call`: tools, resources, prompts and subscriptions.

    `check` is called before each call and raises when the token does not hold any more, so that neither a session nor
    a stream outlives a grant that is taken back.
    """

    def __init__(self, project: str, call: Call, check: Callable[[], object]) -> None:
        self.project = project
        self._call = call
        self._check = check

    def operations(self, known: Iterable[Operation]) -> list[Operation]:
        """Return those that may be asked; resources of no project are left out."""
        return [o if _IN_PATH in (o.resource or _IN_PATH) else replace(o, resource=None) for o in known if _may_ask(o)]

    def __call__(self, operation: Operation, given: Mapping[str, Any]) -> Any:
        """Run an operation on the project, which need not be named. Raises PermissionDenied for everything else."""
        self._check()
        if not _may_ask(operation):
            raise PermissionDenied(f"The token of a project does not reach {operation.name}.", project=self.project)
        if given.get("project", self.project) != self.project:
            raise PermissionDenied(
                f"This token is of the project {self.project!r}; it reaches no other.", project=self.project
            )
        if operation.name == "project.list":
            return self._listed(operation, given)
        if operation.name == "event.list":
            return self._call(REGISTRY["project.events"], {**given, "project": self.project})
        if operation.name in _HARMLESS:
            return self._call(operation, given)
        return self._call(operation, {**given, "project": self.project})

    def _listed(self, operation: Operation, given: Mapping[str, Any]) -> ProjectPage:
        cursor = operation.validate(given).model_dump()["cursor"]
        seen = cursor is not None and cursor >= self.project
        status = None if seen else self._call(REGISTRY["project.status"], {"project": self.project})
        return ProjectPage(
            projects=[] if status is None else [status], cursor=cursor if seen else self.project, has_more=False
        )


def _may_ask(operation: Operation) -> bool:
    if operation.name in _WITHHELD:
        return False
    return _IN_PATH in operation.path or operation.name in _HARMLESS | _NARROWED
