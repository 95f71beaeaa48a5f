"""Starts plain commands: any program that is given as an argument list."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from att.errors import Invalid
from att.projects.models import Project
from att.runtime.adapters import LaunchPlan
from att.runtime.models import Diagnosis, ExitRecord, Probe
from att.runtime.ports import LOOPBACK

__all__ = ["CommandAdapter", "fill_placeholders", "project_python", "virtual_env_variables"]

VENVS = (".venv", "venv")


def project_python(project: Project) -> Path | None:
    """Return the project's own Python: the setting, else that of `.venv` or `venv` in its folder, else None."""
    folder = Path(project.path or ".")
    if project.python is not None:
        return folder / Path(project.python).expanduser()
    found = (folder / name / "bin" / "python" for name in VENVS)
    return next((python for python in found if os.access(python, os.X_OK)), None)


def fill_placeholders(text: str, *, port: int, python: str) -> str:
    """Replace `{port}` and `{python}`; other braces stay."""
    return text.replace("{port}", str(port)).replace("{python}", python)


class CommandAdapter:
    """Knows nothing of the program but its command line: the last adapter to be asked."""

    name = "command"

    def detects(self, project: Project) -> bool:
        """Say whether the project has a command."""
        return project.command is not None

    def plan(self, project: Project, port: int) -> LaunchPlan:
        """Say how to start it: the command in the project's folder, with the port in `PORT`.

        A virtual environment of the project comes first in PATH. Raises Invalid without command or folder.
        """
        if project.command is None:
            raise Invalid(f"Project {project.id!r} has no command; set one, for example ['{{python}}', 'app.py'].")
        if project.path is None:
            raise Invalid(f"Project {project.id!r} has no folder; set its path.")
        own = project_python(project)
        python = str(own or sys.executable)
        command = [fill_placeholders(argument, port=port, python=python) for argument in project.command]
        used = project.port is not None or _names_port(project.command) or any(map(_uses_port, project.probes))
        return LaunchPlan(
            command=command,
            cwd=Path(project.path),
            env={"PORT": str(port), **virtual_env_variables(own), **project.env},
            port=port,
            url=f"http://{LOOPBACK}:{port}" if used else None,
            probes=project.probes,
        )

    def diagnose(self, project: Project, exit_record: ExitRecord | None, stderr: Sequence[str]) -> Diagnosis | None:
        """Leave the explanation to the general diagnosis: nothing is known of this program."""
        del project, exit_record, stderr
        return None


def _names_port(command: Sequence[str]) -> bool:
    """Say whether an argument holds the port's placeholder."""
    return any("{port}" in argument for argument in command)


def _uses_port(probe: Probe) -> bool:
    if probe.kind == "http":
        return probe.url is not None and (probe.url.startswith("/") or "{port}" in probe.url)
    if probe.kind == "tcp":
        return probe.port is None
    return probe.command is not None and _names_port(probe.command)


def virtual_env_variables(python: Path | None) -> dict[str, str]:
    """Return what activating the environment of a Python sets; nothing when it is not in one."""
    if python is None or not (python.parent.parent / "pyvenv.cfg").is_file():
        return {}
    folder = python.parent.parent
    path = os.pathsep.join([str(python.parent), os.environ.get("PATH", os.defpath)])
    return {"VIRTUAL_ENV": str(folder), "PATH": path}
