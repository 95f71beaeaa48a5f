"""The templates that come with ATT, and what their descriptions say."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pydantic import Field

from att.errors import NotFound
from att.models import Model
from att.projects.models import ProjectSettings, Template

__all__ = ["TemplateFolder", "find_template", "list_templates"]

_TEMPLATES = Path(__file__).parent / "templates"


class _Description(Model):
    """The content of `template.toml`; templates/README.md says what it means."""

    title: str
    description: str
    requirements: list[str] = Field(default_factory=list)
    install: bool = False
    heavy: bool = False
    settings: dict[str, Any] = Field(default_factory=dict)


class TemplateFolder:
    """A template on disk."""

    def __init__(self, folder: Path) -> None:
        self.name = folder.name
        self.files = folder / "files"
        self._told = _Description.model_validate(tomllib.loads((folder / "template.toml").read_text("utf-8")))

    @property
    def requirements(self) -> list[str]:
        return self._told.requirements

    @property
    def install(self) -> bool:
        """Whether the project itself is installed into its environment."""
        return self._told.install

    @property
    def instant(self) -> bool:
        """Whether copying the files is all there is to do."""
        return not self.requirements and not self.install

    def settings(self, given: ProjectSettings) -> ProjectSettings:
        """Return the template's settings with the given ones over them."""
        return ProjectSettings(**{**self._told.settings, **given})  # type: ignore[typeddict-item]

    def describe(self) -> Template:
        """Return what a person chooses by."""
        told = self._told
        return Template(
            name=self.name,
            title=told.title,
            description=told.description,
            requirements=told.requirements,
            heavy=told.heavy,
        )


def list_templates() -> list[TemplateFolder]:
    """Return every template by name."""
    return [TemplateFolder(file.parent) for file in sorted(_TEMPLATES.glob("*/template.toml"))]


def find_template(name: str) -> TemplateFolder:
    """Return one template. Raises NotFound, offering close names."""
    found = {template.name: template for template in list_templates()}
    if name not in found:
        raise NotFound.named("template", name, found)
    return found[name]
