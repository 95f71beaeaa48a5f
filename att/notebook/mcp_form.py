"""A form for one more MCP server, and for the file in which an editor keeps its servers."""

from __future__ import annotations

import shlex
from html import escape
from typing import Any

import ipywidgets

from att.client.session import Session
from att.errors import Invalid
from att.mcp_hub.models import McpImport
from att.notebook.hub_topic import McpTopic
from att.notebook.markup import Markup
from att.notebook.panel import Panel, button

__all__ = ["McpForm"]

_SECRETS = (
    "Secrets are given by reference, whole or inside a text: <code>${env:NAME}</code> is a variable where ATT runs,"
    " <code>${file:PATH}</code> a file there. They are read when a connection is made, and never kept or shown."
)
_ABOUT = {
    "Command": f"A program that speaks MCP over its pipes. Variables are NAME=value, one in a line. {_SECRETS}",
    "Address": f"An MCP server over Streamable HTTP. Headers are NAME=value, one in a line. {_SECRETS}",
    "File": "The mcpServers file of an editor or a chat program, where ATT runs. Its secrets stay in it.",
}
_RESULTS = {"added": ("good", "✓"), "replaced": ("busy", "✎"), "unchanged": ("idle", "○"), "refused": ("bad", "✗")}


class McpForm(Panel):
    """Adds a command or an address, or imports a file; what became of that stands below."""

    def __init__(self, session: Session, project: str | None = None) -> None:
        self.project, self.topic = project, McpTopic(project)
        self.source = ipywidgets.ToggleButtons(
            options=list(_ABOUT), tooltips=["Start a program", "Use an address", "Import an mcpServers file"]
        )
        self.name = _text("git", "Name", "Letters, digits, '.', - and _", "190px")
        self.command = _text("uvx mcp-server-git", "Command", "The program with its arguments", "360px")
        self.address = _text("https://example.org/mcp", "Address", "The URL", "360px")
        self.file = _text("~/.cursor/mcp.json", "File", "Path of the file where ATT runs", "360px")
        self.values = ipywidgets.Textarea(placeholder="TOKEN=${env:MY_TOKEN}", description="Variables", rows=2)
        self.values.layout.width = "560px"
        self.replace = ipywidgets.Checkbox(description="Replace servers of the same name", indent=False)
        self.replace.layout.width = "auto"
        self.add = button("Add", "plus", self._submit, tip="Add the MCP server", classes="att-main")
        row = ipywidgets.HBox([self.source, self.name, self.command, self.address, self.file])
        under = ipywidgets.HBox([self.values, self.replace, self.add])
        for box in (row, under):
            box.add_class("att-row")
        self.about, self.result = Markup(classes="att-faint"), Markup()
        super().__init__(session, [row, under, self.about, self.result], title="Add MCP servers")
        self.add_class("att-card")
        self.source.observe(lambda _: self._show_source(), "value")
        self._show_source()

    def _show_source(self) -> None:
        kind = str(self.source.value)
        shown = {"Command": {self.name, self.command, self.values}, "Address": {self.name, self.address, self.values}}
        for field in (self.name, self.command, self.address, self.file, self.values):
            field.layout.display = "" if field in shown.get(kind, {self.file}) else "none"
        self.values.description = "Variables" if kind == "Command" else "Headers"
        self.values.placeholder = "TOKEN=${env:NAME}" if kind == "Command" else "Authorization=Bearer ${env:NAME}"
        self.add.description = "Import" if kind == "File" else "Add"
        self.add.tooltip = "Import the servers of the file" if kind == "File" else "Add the MCP server"
        self.about.html = f"<span class='att-small'>{_ABOUT[kind]}</span>"

    def _submit(self) -> None:
        self.result.html = ""
        try:
            work = self._imported() if self.source.value == "File" else self._added()
        except Invalid as error:
            self.tell_error(error)
            return
        self.act(work, done=self._done, busy=(self.add,), touches=[self.topic])

    def _imported(self) -> Any:
        path, replace = self.file.value.strip(), self.replace.value
        if not path:
            raise Invalid("An import needs the path of the file.")
        return lambda: self.session.mcp.load(path=path, project=self.project, replace=replace)

    def _added(self) -> Any:
        name, replace, is_command = self.name.value.strip(), self.replace.value, self.source.value == "Command"
        values, given = _values(self.values.value), (self.command if is_command else self.address).value.strip()
        if not name or not given:
            raise Invalid(f"An MCP server needs a name and {'a command' if is_command else 'an address'}.")
        mcp, project = self.session.mcp, self.project
        if not is_command:
            return lambda: mcp.add(name, project, address=given, headers=values, replace=replace)
        program, *args = _split(given)
        return lambda: mcp.add(name, project, command=program, args=args, env=values, replace=replace)

    def _done(self, result: Any) -> None:
        if isinstance(result, McpImport):
            self.result.html = _imports(result)
            return
        self.result.html = (
            f"<div role='status'><span class='att-good'>✓</span> {escape(result.server.name)} added</div>"
        )
        for field in (self.name, self.command, self.address, self.values):
            field.value = ""

    def static_body(self) -> str:
        """Return nothing: an export has no forms."""
        return ""


def _text(placeholder: str, description: str, tooltip: str, width: str) -> ipywidgets.Text:
    made = ipywidgets.Text(placeholder=placeholder, description=description, tooltip=tooltip)
    made.layout.width = width
    return made


def _split(command: str) -> list[str]:
    try:
        parts = shlex.split(command)
    except ValueError as error:
        raise Invalid(f"The command cannot be read: {error}. Quote it as in a shell.") from None
    if not parts or not parts[0]:
        raise Invalid("The command names no program.")
    return parts


def _values(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            name, equals, value = line.partition("=")
            if not equals or not name.strip():
                # The line itself may hold a secret.
                raise Invalid(f"Line {number} of the variables or headers is not NAME=value.")
            found[name.strip()] = value.strip()
    return found


def _imports(result: McpImport) -> str:
    rows = []
    for item in result.servers:
        tone, sign = _RESULTS[item.result]
        why = f" <span class='att-faint'>{escape(item.reason)}</span>" if item.reason else ""
        rows.append(f"<li><span class='att-{tone}'>{sign} {item.result}</span> <b>{escape(item.name)}</b>{why}</li>")
    return f"<ul class='att-steps' role='status' aria-label='Imported servers'>{''.join(rows)}</ul>"
