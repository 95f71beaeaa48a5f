"""The external MCP servers with their health: connect, disconnect, add and remove them by click."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import ipywidgets

from att.client.session import Session
from att.notebook.hub_topic import McpTopic, McpValue, is_new
from att.notebook.markup import Markup, lost
from att.notebook.mcp_cards import servers_html, summary, tools_html
from att.notebook.mcp_form import McpForm
from att.notebook.panel import Panel, button

__all__ = ["McpPanel"]

_READING = "<div class='att-faint' role='status'>Reading…</div>"


class McpPanel(Panel):
    """Every external MCP server of the workspace, and of `project` when one is given.

    Each with its state, tools and resources, latency, the latest error with a remedy, the next attempt and the end of
    its error output; below them all tools, and a form for more servers. It follows the events of the hub.
    """

    names_itself = True

    def __init__(self, session: Session, *, project: str | None = None) -> None:
        self.project, self.topic = project, McpTopic(project)
        self.value: McpValue | None = None
        self._busy: set[str] = set()
        self._removing = ""
        self.lost, self.head = Markup(), Markup(_READING, classes="att-grow")
        self.servers, self.tools = Markup(), Markup()
        self.more = button("Add server", "plus", self._toggle, tip="Add or import MCP servers")
        self.form = McpForm(session, project)
        self.form.layout.display = "none"
        top = ipywidgets.HBox([self.head, self.more])
        top.add_class("att-row")
        title = f"MCP servers of {project}" if project else "MCP servers"
        super().__init__(session, [top, self.form, self.lost, self.servers, self.tools], title=title)
        self.servers.on_act(self._clicked)
        self.watch(self.topic, self._draw)

    def _toggle(self) -> None:
        opening = self.form.layout.display == "none"
        self.form.layout.display = "" if opening else "none"
        self.more.description = "Close the form" if opening else "Add server"
        self.more.icon = "minus" if opening else "plus"

    def _clicked(self, act: str, key: str) -> None:
        project, _, name = key.partition("/")
        mcp, scope = self.session.mcp, project or None
        works: dict[str, Callable[[], Any]] = {
            "connect": lambda: mcp.connect(name, scope),
            "disconnect": lambda: mcp.disconnect(name, scope),
            "forget": lambda: mcp.remove(name, scope),
        }
        with self._drawing:
            self._removing = key if act == "remove" else ""
            work = works.get(act)
            if work is not None and key not in self._busy:
                self._busy.add(key)
                self.act(lambda: self._worked(key, work), touches=[self.topic])
            self._show()

    def _worked(self, key: str, work: Callable[[], Any]) -> Any:
        try:
            return work()
        finally:
            with self._drawing:
                self._busy.discard(key)
                if not self._closed:
                    self._show()

    def _draw(self, value: McpValue) -> None:
        self.value = value
        self._show()

    def _show(self) -> None:
        value = self.value
        if value is None:
            return
        self.lost.html = _lost(value)
        self.head.html = summary(value.servers or ())
        self.servers.html = self._servers(buttons=True)
        self.tools.html = _tools(value)

    def _servers(self, *, buttons: bool) -> str:
        if self.value is None or self.value.servers is None:
            return ""
        return servers_html(self.value.servers, buttons=buttons, busy=self._busy, removing=self._removing)

    def static_body(self) -> str:
        """Return the servers and tools as they are now, without buttons and forms."""
        self.wait_drawn()
        value = self.value
        if value is None:
            return _READING
        return "".join([_lost(value), summary(value.servers or ()), self._servers(buttons=False), _tools(value)])


def _lost(value: McpValue) -> str:
    return lost(value.error, "What stands below is how it was before." if value.servers is not None else "")


def _tools(value: McpValue) -> str:
    waiting = [item.server.name for item in value.servers or () if is_new(item)]
    if waiting and not value.tools:
        names = escape(", ".join(waiting))
        return f"<div class='att-faint att-small'>The tools follow: {names} is asked for the first time.</div>"
    return tools_html(value.tools)
