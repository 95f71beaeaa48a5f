"""Knows how a NeMo Agent Toolkit app is started and probed; NAT itself runs only in the project's own Python."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from att.errors import Invalid
from att.nat.detection import detect, has_package, load_yaml
from att.nat.diagnosis import SERVING_PACKAGES, diagnose
from att.projects.models import Project
from att.runtime.adapters import LaunchPlan
from att.runtime.models import Diagnosis, ExitRecord, Probe

__all__ = ["NatAdapter"]

_MCP_CLIENTS = "/mcp/client/tool/list"
_LOST_SESSION = r'"session_healthy":\s*false'


class NatAdapter:
    """Adapter for projects that have a workflow file and no command of their own."""

    name = "nat"

    def detects(self, project: Project) -> bool:
        """Say whether the project leaves the command to ATT and looks like a NAT app."""
        if project.command is not None or project.path is None:
            return False
        return project.nat_config is not None or detect(Path(project.path)).found

    def plan(self, project: Project, port: int) -> LaunchPlan:
        """Say how `nat serve` is run on the workflow file, in the project's own Python.

        Raises Invalid with the question to answer when the file or the interpreter is not clear.
        """
        folder = Path(project.path or ".")
        config, python = _config(project, folder), _python(project, folder)
        serve = [
            "-m",
            "nat.cli.main",
            "serve",
            "--config_file",
            str(config),
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
        ]
        return LaunchPlan(
            command=[str(python), *serve],
            cwd=folder,
            env={"NAT_TELEMETRY_ENABLED": "false", **project.env},
            port=port,
            url=f"http://127.0.0.1:{port}",
            probes=project.probes or _default_probes(config, python),
            # `nat serve` leaves the expanded configuration, API keys included, in its temporary folder.
            private_tmp=True,
        )

    def diagnose(self, project: Project, exit_record: ExitRecord | None, stderr: Sequence[str]) -> Diagnosis | None:
        """Explain a failed start from all of stderr; a stop that was asked for is never a failure."""
        if exit_record is not None and exit_record.requested:
            return None
        folder = Path(project.path or ".")
        python = project.python or next((str(p) for p in _environments(folder)), "python")
        return diagnose(stderr, python)


def _config(project: Project, folder: Path) -> Path:
    if project.nat_config is not None:
        config = (folder / project.nat_config).resolve()
        if not config.is_relative_to(folder.resolve()) or not config.is_file():
            raise Invalid(f"There is no workflow file {project.nat_config!r} in {folder}. Correct nat_config.")
        return config
    found = [str(file.relative_to(folder)) for file in detect(folder).configs]
    if len(found) == 1:
        return (folder / found[0]).resolve()
    if not found:
        raise Invalid(
            f"No workflow file (YAML with workflow: _type:) was found in {folder}. Set nat_config or command."
        )
    choices = ", ".join(repr(name) for name in found)
    raise Invalid(f"Which workflow file is meant? Set nat_config to one of {choices}.", choices=found)


def _environments(folder: Path) -> list[Path]:
    candidates = (folder / ".venv" / "bin" / "python", folder / "venv" / "bin" / "python")
    return [python for python in candidates if python.is_file()]


def _python(project: Project, folder: Path) -> Path:
    if project.python is not None:
        return Path(project.python)
    for python in _environments(folder):
        return python
    raise Invalid(
        f"{folder} has no .venv or venv. Which Python has NeMo Agent Toolkit? Set python=..., or make one: "
        f"python3 -m venv {folder}/.venv && {folder}/.venv/bin/python -m pip install {' '.join(SERVING_PACKAGES)}"
    )


def _default_probes(config: Path, python: Path) -> list[Probe]:
    probes = [
        # Importing NAT takes seconds, with langchain tens of them: refused connections are normal for a minute.
        Probe(kind="http", role="startup", url="/health", period_seconds=1, failure_threshold=60),
        Probe(kind="http", role="readiness", url="/health"),
    ]
    if _uses_mcp(config) and has_package(python, "nvidia-nat-mcp"):
        probes.append(
            Probe(kind="http", role="readiness", url=_MCP_CLIENTS, body_without=_LOST_SESSION, period_seconds=15)
        )
    return probes


def _uses_mcp(config: Path) -> bool:
    try:
        content: Any = load_yaml(config)
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return False  # NAT itself will say what is wrong with the file
    groups = content.get("function_groups") if isinstance(content, dict) else None
    return isinstance(groups, dict) and any(
        isinstance(group, dict) and group.get("_type") == "mcp_client" for group in groups.values()
    )
