"""Operations on the registry of projects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Unpack

from pydantic import Field

from att.errors import Busy, Conflict, NotFound, NotSupported, PermissionDenied
from att.models import allowing
from att.operations import CallerSide, Cursor, Limit, Operations, ProjectId, Seconds, operation
from att.projects.models import (
    Project,
    ProjectChange,
    ProjectPage,
    ProjectRemoval,
    ProjectSettings,
    ProjectSetup,
    ProjectStatus,
    TemplateList,
)

if TYPE_CHECKING:
    from att.projects.manager import ProjectManager

__all__ = ["ProjectOperations"]

TemplateName = Annotated[
    str | None,
    Field(
        pattern=allowing("a template's name is a-z, 0-9 and '-', at most 40", r"^[a-z0-9-]{1,40}$"),
        description="Template to write.",
    ),
]
Url = Annotated[str, Field(min_length=8, max_length=2000)]
Wait = Annotated[bool, CallerSide()]
Patience = Annotated[Seconds | None, CallerSide()]


class ProjectOperations(Operations):
    """Register, make, look up, change and remove projects."""

    def __init__(self, projects: ProjectManager) -> None:
        self.projects = projects

    @operation(
        "project.create",
        post="/projects",
        python="s.projects.create",
        action="execute",
        errors=(Conflict, NotFound, NotSupported, PermissionDenied),
        created=True,
    )
    def create(
        self,
        id: ProjectId,
        template: TemplateName = None,
        git_url: Annotated[Url | None, Field(description="Repository to clone into the folder.")] = None,
        wait: Wait = True,
        timeout: Patience = None,
        **settings: Unpack[ProjectSettings],
    ) -> Project | ProjectSetup:
        """Register a folder, write a template, or clone a repository, as a new project.

        Registering is done at once. Writing a template and cloning fetch and install: that goes on as a setup run,
        which the caller waits for unless `wait=False`.
        """
        return self.projects.create(id, settings, template=template, git_url=git_url)

    @operation(
        "project.download",
        post="/downloads",
        python="s.projects.download",
        action="execute",
        errors=(Conflict, NotSupported, PermissionDenied),
    )
    def download(
        self,
        id: ProjectId,
        url: Annotated[Url, Field(description="http(s) address of a .zip, .tar.gz, .tar.bz2 or .tar.xz archive.")],
        sha256: Annotated[
            str | None,
            Field(
                pattern=allowing("a SHA-256 hash is 64 of 0-9 and a-f", "^[0-9a-f]{64}$"),
                description="What the archive must hash to.",
            ),
        ] = None,
        wait: Wait = True,
        timeout: Patience = None,
        **settings: Unpack[ProjectSettings],
    ) -> ProjectSetup:
        """Fetch an archive, unpack it safely into the folder, and register it as a new project.

        When all of it lies in one folder, as in the archives of code hosts, that folder is left out.
        """
        return self.projects.download(id, url, settings, sha256=sha256)

    @operation("project.list", get="/projects", resource="att://projects", python="s.projects.list")
    def list(self, cursor: Cursor = None, limit: Limit = 500) -> ProjectPage:
        """List the projects with their state and health, by id."""
        return self.projects.list(cursor, limit)

    @operation("project.templates", get="/templates", python="s.projects.templates")
    def templates(self) -> TemplateList:
        """List the templates that a project can be made from."""
        return self.projects.templates()

    @operation("project.status", get="/projects/{project}", python="p.status")
    def status(self, project: ProjectId) -> ProjectStatus:
        """Read a project's settings, state, health and latest setup."""
        return self.projects.status(project)

    @operation("project.update", patch="/projects/{project}", python="p.update", errors=(NotFound, Busy))
    def update(self, project: ProjectId, **settings: Unpack[ProjectSettings]) -> ProjectChange:
        """Change exactly the settings that are given; a running process keeps the old ones until it is restarted."""
        return self.projects.update(project, settings)

    @operation(
        "project.delete",
        delete="/projects/{project}",
        python="p.delete",
        destructive=True,
        slow=True,
        errors=(PermissionDenied,),
    )
    def delete(
        self,
        project: ProjectId,
        files: Annotated[bool, Field(description="Delete the project's folder as well.")] = False,
    ) -> ProjectRemoval:
        """Stop a project and forget it with its runs; its folder stays unless `files` is true."""
        return self.projects.delete(project, files=files)

    @operation("project.setup", get="/projects/{project}/setup", python="p.setup")
    def setup(self, project: ProjectId) -> ProjectSetup:
        """Read how far fetching and installing the project has come."""
        return self.projects.setup(project)

    @operation("project.cancel_setup", post="/projects/{project}/setup/cancel", python="p.cancel_setup", slow=True)
    def cancel_setup(self, project: ProjectId) -> ProjectSetup:
        """Stop fetching and installing; what was made is left to look at."""
        return self.projects.cancel_setup(project)
