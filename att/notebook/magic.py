"""The line magic `%att`: the daily commands without handles."""

from __future__ import annotations

import inspect
import re
import shlex
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from IPython.core.completer import CompletionContext, SimpleCompletion, SimpleMatcherResult, context_matcher
from IPython.core.error import UsageError

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
_SUITES = ("all", "unit", "integration", "e2e", "property")
_LINE = re.compile(r"(?:^\s*|=\s*)%att\s+(?P<before>.*\s)?(?P<word>\S*)$")
_TAIL = 50


class _NothingElse(tuple[SimpleCompletion, ...]):
    """No completion, where IPython counts one: Python's keywords make no sense there."""

    def __len__(self) -> int:
        return 1


class AttMagic:
    """Understands the line and calls the client. The session is the newest open one of the notebook, else a new one."""

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self._own: Session | None = None

    def __call__(self, line: str) -> Any:
        """Run one line and return what it shows."""
        try:
            words = shlex.split(line) or ["status"]
        except ValueError as error:
            raise UsageError(f"%att cannot read {line!r}: {error}.") from None
        verb, rest = words[0], words[1:]
        if verb not in VERBS:
            raise UsageError(f"There is no %att {verb}. {_USAGE}")
        method = getattr(self, f"_{verb}")
        signature = inspect.signature(method)
        try:
            signature.bind(*rest)
        except TypeError:
            takes = " ".join(f"[{name}]" for name in signature.parameters)
            raise UsageError(f"These are too many words: use %att {verb} {takes}.") from None
        return method(*rest)

    @property
    def session(self) -> Session:
        """The session that is used."""
        known = self._known()
        if known is None:
            known = self._own = connect()
        return known

    def _known(self) -> Session | None:
        found = [value for value in self.shell.user_ns.values() if isinstance(value, Session) and not value.closed]
        return max(found, key=lambda session: session.number) if found else self._own

    @context_matcher(priority=1)  # type: ignore[untyped-decorator]
    def complete(self, context: CompletionContext) -> SimpleMatcherResult:
        """Return the words that may come next, and nothing of Python: verbs, then projects, then suites.

        Nothing is opened for it: without a session no project is known.
        """
        found = _LINE.search(context.text_until_cursor)
        if found is None:
            return SimpleMatcherResult(completions=[])
        word, before = found["word"], (found["before"] or "").split()
        fitting = [SimpleCompletion(name, type="magic") for name in self._next(before) if name.startswith(word)]
        return SimpleMatcherResult(
            completions=fitting or _NothingElse(), matched_fragment=word, suppress=True, ordered=True
        )

    def _next(self, before: list[str]) -> Iterable[str]:
        match before:
            case []:
                return VERBS
            case [verb] if verb in VERBS and (session := self._known()) is not None:
                with suppress(ATTError):  # it says so when the line is run
                    return [item.project.id for item in _projects(session)]
            case ["test", _]:
                return _SUITES
        return ()

    def close(self) -> None:
        """Let go of the session that was made here."""
        if self._own is not None:
            self._own.close()

    def _handle(self, project: str | None) -> ProjectHandle:
        if project is not None:
            return self.session.project(project)
        known = _projects(self.session)
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


def _projects(session: Session) -> list[ProjectStatus]:
    page: ProjectPage = session.projects.list(limit=10_000)
    return page.projects


def load(shell: Any) -> None:
    """Register the magic with its completion."""
    from att.client.display import register_formatters

    magic = AttMagic(shell)
    magic.__doc__ = f"Run ATT's daily commands. {_USAGE}"
    shell.register_magic_function(magic, magic_kind="line", magic_name="att")
    shell.Completer.custom_matchers.append(magic.complete)
    register_formatters()


def unload(shell: Any) -> None:
    """Remove the magic and close what it has opened."""
    magic = shell.magics_manager.magics["line"].pop("att", None)
    if isinstance(magic, AttMagic):
        shell.Completer.custom_matchers.remove(magic.complete)
        magic.close()
