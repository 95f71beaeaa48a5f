"""Values of the project registry: settings, projects, setups and templates."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypedDict

from pydantic import BeforeValidator, Field

from att.models import Model, Page, Run, Timestamp, allowing
from att.operations import ProjectId
from att.runtime.models import Diagnosis, Probe, RestartPolicy, RuntimeStatus

__all__ = [
    "FolderPath",
    "Project",
    "ProjectChange",
    "ProjectPage",
    "ProjectRemoval",
    "ProjectSettings",
    "ProjectSetup",
    "ProjectStatus",
    "SetupStep",
    "Template",
    "TemplateList",
]


def _absolute(value: Any) -> Any:
    """Make a path absolute in the process that was given it, before it travels."""
    if isinstance(value, str | os.PathLike) and os.fspath(value):
        return str(Path(os.path.abspath(Path(value).expanduser())))  # noqa: PTH100 - resolve() would follow links
    return value


def _fspath(value: Any) -> Any:
    return os.fspath(value) if isinstance(value, os.PathLike) else value


FolderPath = Annotated[
    str, BeforeValidator(_absolute), Field(min_length=1, max_length=4096, description="The project's folder.")
]
Title = Annotated[str | None, Field(max_length=200, description="Name for people; default the id.")]
Command = Annotated[
    list[Annotated[str, BeforeValidator(_fspath)]] | None,
    Field(
        min_length=1,
        max_length=1000,
        description="Argument list; '{port}' becomes the project's port and '{python}' its Python. Never a shell line.",
        examples=[["{python}", "app.py", "--port", "{port}"]],
    ),
]
NatConfig = Annotated[
    str | None,
    Field(description="NeMo Agent Toolkit workflow file, relative to the folder; found when only one exists."),
]
PythonPath = Annotated[
    str | None,
    BeforeValidator(_fspath),
    Field(description="The project's Python; default .venv or venv in the folder, else ATT's own for plain commands."),
]
Environment = Annotated[
    dict[
        Annotated[
            str,
            Field(
                pattern=allowing(
                    "a variable's name is letters, digits and '_', and begins with no digit", "^[A-Za-z_][A-Za-z0-9_]*$"
                )
            ),
        ],
        str,
    ],
    Field(
        max_length=1000, description="Variables added to the process' environment. Values of secret names are masked."
    ),
]
Port = Annotated[int | None, Field(ge=1, le=65535, description="Fixed port; default a free one for each run.")]
Probes = Annotated[list[Probe], Field(max_length=20, description="How health is measured; default from the template.")]
Restart = Annotated[RestartPolicy, Field(description="What happens when the process ends by itself.")]
Grace = Annotated[float, Field(ge=0, le=3600, description="Seconds between TERM and KILL when stopping.")]
GrantToken = Annotated[
    bool,
    Field(
        description="Give the process ATT_PROJECT_TOKEN and ATT_MCP_URL: with them it may use this project over MCP, "
        "and nothing else."
    ),
]

if TYPE_CHECKING:  # a caller may give more than the types that it is validated into
    GivenPath = str | os.PathLike[str]
    GivenFolder = GivenPath | None
    GivenPython = GivenPath | None
    GivenProbes = Sequence[Probe | Mapping[str, Any]]
else:
    GivenFolder, GivenPython, GivenProbes = FolderPath | None, PythonPath, Probes


class ProjectSettings(TypedDict, total=False):
    """What can be set on a project: leaving a key out leaves the setting alone."""

    title: Title
    path: GivenFolder
    command: Command
    nat_config: NatConfig
    python: GivenPython
    env: Environment
    port: Port
    probes: GivenProbes
    restart: Restart
    grace_seconds: Grace
    grant_token: GrantToken


class Project(Model):
    """A registered project with its settings."""

    id: ProjectId
    title: Title = None
    path: FolderPath | None = None
    command: Command = None
    nat_config: NatConfig = None
    python: PythonPath = None
    env: Environment = Field(default_factory=dict)
    port: Port = None
    probes: Probes = Field(default_factory=list)
    restart: Restart = "never"
    grace_seconds: Grace = 10.0
    grant_token: GrantToken = False
    granted_at: Timestamp | None = Field(default=None, description="Tokens from before this do not hold.")
    template: str | None = None
    source: str | None = Field(default=None, description="Git or archive URL that it was fetched from.")
    created_at: Timestamp
    updated_at: Timestamp


class SetupStep(Model):
    """One step of making a project ready."""

    title: str
    state: str = Field(pattern="^(waiting|running|succeeded|failed)$")
    seconds: float | None = None


class ProjectSetup(Run):
    """Fetching, copying and installing a project; its log is an ordinary run log."""

    status_operation: ClassVar[str] = "project.setup"
    cancel_operation: ClassVar[str] = "project.cancel_setup"

    steps: list[SetupStep] = Field(default_factory=list)
    diagnosis: Diagnosis | None = None
    last_lines: list[str] = Field(default_factory=list)


class ProjectStatus(Model):
    """A project with what it does now."""

    project: Project
    runtime: RuntimeStatus
    setup: ProjectSetup | None = Field(default=None, description="The latest setup; null when none was needed.")
    adapter: str = Field(description="Who knows how to start it: 'command', 'nat' or 'none'.")


class ProjectPage(Page):
    """Projects by id."""

    items_field: ClassVar[str] = "projects"

    projects: list[ProjectStatus]


class ProjectChange(Model):
    """Result of an update."""

    project: Project
    changed: list[str] = Field(description="Names of the settings that have another value now.")
    restart_to_apply: bool = Field(description="The running process still has the old ones.")


class ProjectRemoval(Model):
    """Result of a deletion."""

    project: str
    files_deleted: bool


class Template(Model):
    """A project that ATT can write."""

    name: str
    title: str
    description: str
    requirements: list[str] = Field(description="Installed into the project's own environment.")
    heavy: bool = False


class TemplateList(Model):
    """All templates."""

    templates: list[Template]
