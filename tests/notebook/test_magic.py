"""The line magic, in a real IPython shell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell

from att.client.project import ProjectHandle
from att.client.session import Session


@pytest.fixture
def shell(s: Session) -> Iterator[Any]:
    made = InteractiveShell.instance()
    made.run_line_magic("load_ext", "att")
    made.user_ns["session_of_the_notebook"] = s
    yield made
    made.run_line_magic("unload_ext", "att")
    InteractiveShell.clear_instance()


def test_the_daily_commands_work_on_the_only_project(shell: Any, service: ProjectHandle) -> None:
    assert [item.project.id for item in shell.run_line_magic("att", "status").projects] == [service.id]
    assert shell.run_line_magic("att", "start").health == "healthy"
    assert shell.run_line_magic("att", f"status {service.id}").runtime.state == "running"
    assert "service is starting" in [line.text for line in shell.run_line_magic("att", "logs").lines]
    assert shell.run_line_magic("att", f"test {service.id} unit").status == "failed"
    assert shell.run_line_magic("att", f"stop {service.id}").state == "stopped"


def _completed(shell: Any, line: str) -> list[str]:
    with provisionalcompleter():
        return [found.text for found in shell.Completer.completions(line, len(line))]


def test_verbs_and_projects_are_completed(shell: Any, service: ProjectHandle) -> None:
    assert "status" in _completed(shell, "%att sta")
    assert service.id in _completed(shell, "%att stop ")


@pytest.mark.parametrize("line", ["dance", "stop a b c", "start"])
def test_a_line_that_says_too_little_or_too_much_is_answered_with_the_usage(shell: Any, line: str) -> None:
    with pytest.raises(UsageError):
        shell.run_line_magic("att", line)
