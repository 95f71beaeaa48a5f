"""Finds out whether a folder holds a NeMo Agent Toolkit app, and which of its files are workflow configurations."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

__all__ = ["NatApp", "detect", "has_package", "load_yaml"]

_CONFIG_GLOBS = ("configs/*.yml", "configs/*.yaml", "src/*/configs/*.yml", "src/*/configs/*.yaml", "*.yml", "*.yaml")
_REQUIREMENT = re.compile(r"nvidia-nat(?![a-z0-9])", re.IGNORECASE)
_MAX_CONFIG_BYTES = 1024 * 1024


@dataclass(frozen=True)
class NatApp:
    """What says that a folder is a NAT app: its workflow files, its components, its requirements."""

    configs: tuple[Path, ...]
    declares_components: bool
    requires_nat: bool

    @property
    def found(self) -> bool:
        return bool(self.configs) or self.declares_components or self.requires_nat


def detect(folder: Path) -> NatApp:
    """Look at a folder without importing anything of it. Configurations are sorted by path."""
    metadata = _pyproject(folder)
    groups = metadata.get("entry-points")
    dependencies = metadata.get("dependencies")
    return NatApp(
        configs=tuple(sorted({file for glob in _CONFIG_GLOBS for file in folder.glob(glob) if _is_workflow(file)})),
        declares_components=isinstance(groups, dict) and "nat.components" in groups,
        requires_nat=isinstance(dependencies, list) and any(_REQUIREMENT.match(str(d).strip()) for d in dependencies),
    )


def has_package(python: Path, distribution: str) -> bool:
    """Say whether the environment of an interpreter has a distribution installed, by looking at its files only."""
    name = re.sub(r"[-_.]+", "_", distribution).lower()
    folders = python.parent.parent.glob("lib/python3.*/site-packages")
    return any(entry.name.lower().startswith(f"{name}-") for folder in folders for entry in folder.glob("*.dist-info"))


def load_yaml(file: Path) -> Any:
    """Read a YAML file with plain types only. Raises yaml.YAMLError or OSError."""
    return yaml.safe_load(file.read_text("utf-8"))


def _is_workflow(file: Path) -> bool:
    try:
        if not file.is_file() or file.stat().st_size > _MAX_CONFIG_BYTES:
            return False
        content = load_yaml(file)
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return False
    workflow = content.get("workflow") if isinstance(content, dict) else None
    return isinstance(workflow, dict) and isinstance(workflow.get("_type"), str)


def _pyproject(folder: Path) -> dict[str, Any]:
    try:
        with (folder / "pyproject.toml").open("rb") as file:
            project = tomllib.load(file).get("project", {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return {}
    return project if isinstance(project, dict) else {}
