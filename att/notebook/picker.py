"""Choose a project, or make one from a template or a folder."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

import ipywidgets
import traitlets

from att.client.project import ProjectHandle
from att.client.session import Session
from att.client.wording import health, state
from att.errors import Invalid
from att.notebook.markup import Markup, alert, as_shown, lost
from att.notebook.panel import Panel, button
from att.notebook.topics import ProjectsTopic, ProjectsValue
from att.projects.models import ProjectSetup, ProjectStatus, Template, TemplateList

__all__ = ["ProjectPicker", "setup_html"]

_STEPS = {"waiting": ("idle", "○"), "running": ("busy", "◐"), "succeeded": ("good", "✓"), "failed": ("bad", "✗")}
_CHOOSE = ("choose a project…", "")


class ProjectPicker(Panel):
    """A menu of all projects with their state, and a form for a new one. `value` is the id that is chosen."""

    value = traitlets.Unicode()

    def __init__(self, session: Session, *, value: str = "") -> None:
        self.menu = ipywidgets.Dropdown(options=[_CHOOSE], description="Project", tooltip="Which project")
        self.menu.layout.width = "min(100%, 560px)"
        self.more = button("New project", "plus", self._toggle, tip="Make a project from a template or a folder")
        self.said = Markup()
        self._make_form()
        top = ipywidgets.HBox([self.menu, self.more])
        top.add_class("att-row")
        self.setup = Markup()
        super().__init__(session, [top, self.said, self.form, self.setup], title="Projects")
        self._wanted, self._filling = value, False
        self._templates: dict[str, Template] = {}
        self.menu.observe(self._chosen, "value")
        self.observe(self._chosen, "value")
        self.watch(ProjectsTopic(), self._draw)

    @property
    def project(self) -> ProjectHandle | None:
        """The project that is chosen."""
        return self.session.handle(self.value) if self.value else None

    def static_body(self) -> str:
        """Return the projects as a list: an export has no menu."""
        body = super().static_body()
        items = "".join(f"<li>{escape(label)}</li>" for label, name in self.menu.options if name)
        return f"<ul>{items}</ul>{body}" if items else body

    def _make_form(self) -> None:
        self.name = ipywidgets.Text(
            placeholder="demo", description="Name", tooltip="Lower-case letters, digits, - and _"
        )
        self.source = ipywidgets.ToggleButtons(options=["Template", "Folder"], tooltips=["Write a new one", "Use one"])
        self.template = ipywidgets.Dropdown(options=[], description="Template", tooltip="What is written")
        self.folder = ipywidgets.Text(description="Folder", tooltip="The project's folder")
        self.create = button("Create", "check", self._create, tip="Create the project", classes="att-main")
        row = ipywidgets.HBox([self.source, self.name, self.template, self.folder, self.create])
        row.add_class("att-row")
        self.about = Markup(classes="att-faint")
        self.form = ipywidgets.VBox([row, self.about])
        self.form.add_class("att-card")
        self.form.layout.display = "none"
        for field in (self.name, self.source, self.template, self.folder):
            field.observe(lambda _: self._show_source(), "value")
        self._show_source()

    def _toggle(self) -> None:
        opening = self.form.layout.display == "none"
        self.form.layout.display = "" if opening else "none"
        if opening and not self.template.options:
            self.act(self.session.projects.templates, done=self._take_templates, busy=(self.create,))

    def _take_templates(self, found: TemplateList) -> None:
        self._templates = {item.name: item for item in found.templates}
        self.template.options = [(item.title, item.name) for item in found.templates]
        # The one that installs least; a menu that was empty has nothing chosen.
        self.template.value = min(found.templates, key=lambda item: len(item.requirements)).name
        self._show_source()

    def _show_source(self) -> None:
        from_template = self.source.value == "Template"
        self.template.layout.display = "" if from_template else "none"
        chosen = self.template.value if from_template else None
        text = "Any folder with a program; set its command afterwards."
        if from_template:
            text = f"{self._templates[chosen].description} It is written to {self._folder()}." if chosen else ""
        # What stands there while nothing is typed is what is taken then.
        self.folder.placeholder = (self.name.value.strip() or "demo") if from_template else "an existing folder"
        self.about.html = f"<span class='att-small'>{escape(text)}</span>"

    def _folder(self) -> Path:
        """Return where a template is written: what is not absolute begins in the kernel's working folder."""
        given = self.folder.value.strip() or self.name.value.strip() or "demo"
        return Path.cwd() / Path(given).expanduser()

    def _create(self) -> None:
        name, folder = self.name.value.strip(), self.folder.value.strip()
        from_template = self.source.value == "Template"
        if not name or not (folder or from_template):
            self.tell_error(Invalid("A new project needs a name" + ("." if from_template else " and its folder.")))
            return
        template = self.template.value if from_template else None

        def make() -> Any:
            return self.session.projects.create(name, template=template, path=folder or name, wait=False)

        self.act(make, done=lambda made: self._made(name, made), busy=(self.create,), touches=[ProjectsTopic()])

    def _made(self, name: str, made: Any) -> None:
        self.form.layout.display = "none"
        self._wanted = name
        if isinstance(made, ProjectSetup):
            self.setup.html = setup_html(made)

    def _chosen(self, change: Any) -> None:
        """Take a choice of the menu, or one that was set: it stands in the menu as soon as the project is listed."""
        with self._drawing:
            if not self._filling:
                self._wanted = change["new"]
                self._fill(self._wanted)

    def _fill(self, chosen: str) -> None:
        """Show what is chosen, which is no choice by itself."""
        self._filling = True
        try:
            self.menu.value = chosen if chosen in [value for _, value in self.menu.options] else ""
            self.value = chosen
        finally:
            self._filling = False

    def _draw(self, value: ProjectsValue) -> None:
        self.said.html = lost(value.error)
        if not value.projects and value.error is None:
            self.said.html = "<div class='att-faint'>No projects yet: make one with New project.</div>"
        ids = [item.project.id for item in value.projects]
        chosen = self._wanted if self._wanted in ids else ""
        options = [_CHOOSE, *((_option(item), item.project.id) for item in value.projects)]
        if tuple(options) != tuple(self.menu.options):
            self._filling = True  # the menu chooses its first option by itself
            self.menu.options = options
        self._fill(chosen)
        self._follow_setup(next((item for item in value.projects if item.project.id == chosen), None))

    def _follow_setup(self, item: ProjectStatus | None) -> None:
        setup = item.setup if item is not None else None
        if setup is None or setup.state == "succeeded":
            self.setup.html = ""
            return
        self.setup.html = setup_html(setup)


def _option(item: ProjectStatus) -> str:
    told, title = state(item.runtime.state), item.project.title
    if item.runtime.state == "running":
        told += f", {health(item.runtime.health)}"
    return f"{item.project.id} — {told}" + (f" — {title}" if title else "")


def setup_html(setup: ProjectSetup) -> str:
    items = "".join(
        f"<li><span class='att-{_STEPS[step.state][0]}'>{_STEPS[step.state][1]}</span> {escape(step.title)}</li>"
        for step in setup.steps
    )
    steps = f"<ul class='att-steps'>{items}</ul>"
    if setup.state == "running":
        return alert("busy", f"◐ Setting up {setup.project}: {setup.message}", steps)
    told = setup.diagnosis
    why = f"<p><b>{as_shown(told.summary)}</b> {escape(told.remedy)}</p>" if told else ""
    lines = f"<pre>{as_shown(chr(10).join(setup.last_lines[-15:]))}</pre>" if setup.last_lines else ""
    return alert("bad", f"✗ Setting up {setup.project} {setup.state}", why + steps + lines)
