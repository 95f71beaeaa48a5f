"""The line magic, in a real IPython shell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.error import UsageError

from att.client.discovery import open_workspace
from att.client.project import ProjectHandle
from att.client.session import Session
from tests.support.shell import interactive_shell


@pytest.fixture
def shell(s: Session) -> Iterator[Any]:
    with interactive_shell() as made:
        made.run_line_magic("load_ext", "att")
        made.user_ns["session_of_the_notebook"] = s
        yield made
        made.run_line_magic("unload_ext", "att")


def test_the_daily_commands_work_on_the_only_project(shell: Any, service: ProjectHandle) -> None:
    assert [item.project.id for item in shell.run_line_magic("att", "status").projects] == [service.id]
    assert shell.run_line_magic("att", "start").health == "healthy"
    assert shell.run_line_magic("att", f"status {service.id}").runtime.state == "running"
    assert "service is starting" in [line.text for line in shell.run_line_magic("att", "logs").lines]
    assert shell.run_line_magic("att", f"test {service.id} unit").status == "failed"
    assert shell.run_line_magic("att", f"stop {service.id}").state == "stopped"


def test_the_newest_open_session_is_used_whatever_was_shown_before(shell: Any, s: Session, tmp_path: Path) -> None:
    older = shell.user_ns["session_of_the_notebook"]
    with open_workspace(tmp_path / "another", "the tests'") as newer:
        shell.user_ns["session_of_the_notebook"] = newer
        shell.user_ns["_1"] = older
        assert shell.run_line_magic("att", "status").projects == []
        assert shell.magics_manager.magics["line"]["att"].session is newer
    assert shell.magics_manager.magics["line"]["att"].session is s


def _completed(shell: Any, line: str) -> list[str]:
    with provisionalcompleter():
        found = list(shell.Completer.completions(line, len(line)))
    return [line[: item.start] + item.text + line[item.end :] for item in found]


VERBS = ["status", "start", "stop", "restart", "logs", "test", "dashboard"]


def test_verbs_projects_and_suites_are_completed_and_nothing_of_python(shell: Any, service: ProjectHandle) -> None:
    assert _completed(shell, "%att ") == [f"%att {verb}" for verb in VERBS]
    assert _completed(shell, "%att sta") == ["%att status", "%att start"]
    assert _completed(shell, "x = 1\nseen = %att lo") == ["x = 1\nseen = %att logs"]
    assert _completed(shell, "%att stop ") == [f"%att stop {service.id}"]
    assert _completed(shell, f"%att test {service.id} in") == [f"%att test {service.id} integration"]
    for line in ("%att an", "%att dance ", f"%att stop {service.id} "):
        assert _completed(shell, line) == []


def test_python_is_completed_elsewhere(shell: Any) -> None:
    assert "session_of_the_notebook" in _completed(shell, "session_of_the_n")
    assert "%attic and" in _completed(shell, "%attic an")


def test_completing_opens_no_workspace(shell: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    del shell.user_ns["session_of_the_notebook"]
    monkeypatch.setenv("ATT_DATA_DIR", str(tmp_path / "untouched"))
    assert _completed(shell, "%att stop ") == []
    assert not (tmp_path / "untouched").exists()


def test_nothing_is_completed_when_it_is_unloaded(shell: Any) -> None:
    shell.run_line_magic("unload_ext", "att")
    assert "%att status" not in _completed(shell, "%att sta")
    shell.run_line_magic("load_ext", "att")
    assert _completed(shell, "%att stat") == ["%att status"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("start typo", "NotFound: There is no project 'typo'."),
        ("start it's", 'UsageError: %att cannot read "start it\'s": No closing quotation.'),
        ("stop a b c", "UsageError: These are too many words: use %att stop [project]."),
    ],
)
def test_what_is_wrong_with_a_line_is_one_line(
    shell: Any, line: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    shell.run_cell(f"%att {line}")
    shown = capsys.readouterr()
    assert (shown.out + shown.err).strip() == said


def test_a_defect_inside_is_not_taken_for_wrong_words(shell: Any) -> None:
    shell.user_ns["broken"] = Session(SimpleNamespace(call=int, close=int))
    with pytest.raises(TypeError):
        shell.run_line_magic("att", "status")


@pytest.mark.parametrize("line", ["dance", "stop a b c", "start"])
def test_a_line_that_says_too_little_or_too_much_is_answered_with_the_usage(shell: Any, line: str) -> None:
    with pytest.raises(UsageError):
        shell.run_line_magic("att", line)
