"""The line magic `%att`: the daily commands without handles."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from att.client.discovery import connect
from att.client.progress import in_notebook
from att.client.project import ProjectHandle
from att.client.session import Session
from att.errors import ATTError
from att.projects.models import ProjectPage, ProjectStatus

__all__ = ["VERBS", "AttMagic", "load", "unload"]

VERBS = {
    "status": "show every project, or one",
    "start": "start a project and wait until it is healthy",
    "stop": "stop a project",
    "restart": "stop and start a project",
    "logs": "show the log of a project, live in a notebook",
    "test": "run the tests of a project: %att test [project] [suite]",
    "dashboard": "show the cockpit of a project",
}
_USAGE = "Use %att <verb> [project]: " + "; ".join(f"{verb} - {told}" for verb, told in VERBS.items()) + "."
_TAIL = 50


class AttMagic:
    """Understands the line and calls the client. The session is the newest one of the notebook, else a new one."""

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self._own: Session | None = None

    def __call__(self, line: str) -> Any:
        """Run one line and return what it shows."""
        from IPython.core.error import UsageError

        words = shlex.split(line) or ["status"]
        verb, rest = words[0], words[1:]
        if verb not in VERBS:
            raise UsageError(_USAGE)
        try:
            return getattr(self, f"_{verb}")(*rest)
        except TypeError as error:
            raise UsageError(f"%att {verb} takes other words. {_USAGE}") from error

    @property
    def session(self) -> Session:
        """The session that is used."""
        found = [value for value in self.shell.user_ns.values() if isinstance(value, Session)]
        if found:
            return found[-1]
        if self._own is None:
            self._own = connect()
        return self._own

    def complete(self, _shell: Any, event: Any) -> list[str]:
        """Return the words that may come next: verbs, then projects."""
        words = event.line.split()
        place = len(words) - (0 if event.line.endswith(" ") else 1)
        if place <= 1:
            return list(VERBS)
        try:
            return [item.project.id for item in self._projects()] if place == 2 else []
        except ATTError:
            return []

    def close(self) -> None:
        """Let go of the session that was made here."""
        if self._own is not None:
            self._own.close()

    def _projects(self) -> list[ProjectStatus]:
        page: ProjectPage = self.session.projects.list(limit=10_000)
        return page.projects

    def _handle(self, project: str | None) -> ProjectHandle:
        from IPython.core.error import UsageError

        if project is not None:
            return self.session.project(project)
        known = self._projects()
        here = [item for item in known if item.project.path and Path.cwd().is_relative_to(item.project.path)]
        chosen = here if len(here) == 1 else known
        if len(chosen) != 1:
            names = ", ".join(item.project.id for item in known) or "there is none yet"
            raise UsageError(f"Say which project: {names}.")
        return self.session.handle(chosen[0].project.id)

    def _status(self, project: str | None = None) -> Any:
        return self.session.projects.list() if project is None else self._handle(project).status()

    def _start(self, project: str | None = None) -> Any:
        return self._handle(project).runtime.start(wait="healthy")

    def _stop(self, project: str | None = None) -> Any:
        return self._handle(project).runtime.stop()

    def _restart(self, project: str | None = None) -> Any:
        return self._handle(project).runtime.restart(wait="healthy")

    def _logs(self, project: str | None = None) -> Any:
        handle = self._handle(project)
        return handle.logs.view() if in_notebook() else handle.logs.read(tail=_TAIL)

    def _test(self, project: str | None = None, suite: str = "all") -> Any:
        return self._handle(project).tests.run(suite=suite)

    def _dashboard(self, project: str | None = None) -> Any:
        return self._handle(project).dashboard()


def load(shell: Any) -> None:
    """Register the magic with its completion."""
    from att.client.display import register_formatters

    magic = AttMagic(shell)
    magic.__doc__ = f"Run ATT's daily commands. {_USAGE}"
    shell.register_magic_function(magic, magic_kind="line", magic_name="att")
    shell.set_hook("complete_command", magic.complete, str_key="%att")
    register_formatters()


def unload(shell: Any) -> None:
    """Remove the magic and close what it has opened."""
    magic = shell.magics_manager.magics["line"].pop("att", None)
    if isinstance(magic, AttMagic):
        magic.close()
