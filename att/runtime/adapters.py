"""What knows how to start a kind of project: the protocol, and the adapter for plain commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from att.projects.models import Project
from att.runtime.models import Diagnosis, ExitRecord, Probe

__all__ = ["Adapter", "LaunchPlan"]


@dataclass(frozen=True)
class LaunchPlan:
    """Everything that starting a project needs, with placeholders filled in."""

    command: Sequence[str]
    cwd: Path
    env: Mapping[str, str] = field(default_factory=dict)
    port: int | None = None
    url: str | None = None
    probes: Sequence[Probe] = ()
    private_tmp: bool = False


class Adapter(Protocol):
    """Knows one kind of project. It reads the project's folder and never imports the project."""

    name: str

    def detects(self, project: Project) -> bool:
        """Say whether this adapter is responsible for the project."""
        ...

    def plan(self, project: Project, port: int) -> LaunchPlan:
        """Say how to start it; `port` is the fixed or a free one.

        Raises StartFailed, NotSupported or Invalid with what to do when it cannot be started.
        """
        ...

    def diagnose(self, project: Project, exit_record: ExitRecord | None, stderr: Sequence[str]) -> Diagnosis | None:
        """Explain an end from its last lines of stderr, or return None when nothing is recognised."""
        ...
