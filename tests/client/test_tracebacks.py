"""What IPython shows of an error: the caller's line and what to do, and everything of a defect."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from att.client.session import Session
from att.errors import ATTError, Internal
from tests.support.shell import interactive_shell

SAID = "NotFound: There is no project 'inw'."


@pytest.fixture
def shell(s: Session) -> Iterator[Any]:
    with interactive_shell() as made:
        made.user_ns["s"] = s
        yield made


def _shown(shell: Any, capsys: pytest.CaptureFixture[str], cell: str) -> list[str]:
    capsys.readouterr()
    shell.run_cell(cell)
    return capsys.readouterr().out.rstrip().splitlines()


def test_a_cell_shows_its_own_line_and_the_message(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert _shown(shell, capsys, "name = 'inw'\ns.project(name)") == ["line 2: s.project(name)", SAID]


def test_a_line_that_nobody_can_read_is_left_out(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert _shown(shell, capsys, "exec(compile('s.project(1 and \\'inw\\')', '<made>', 'exec'))") == [
        "line 1: exec(compile('s.project(1 and \\'inw\\')', '<made>', 'exec'))",
        SAID,
    ]


def test_a_persons_own_functions_and_files_are_shown(
    shell: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine_of_tracebacks.py").write_text("def look(session):\n    return session.project('inw')\n")
    monkeypatch.syspath_prepend(tmp_path)
    cell = "from mine_of_tracebacks import look\ndef ask():\n    return look(s)\nask()"
    assert _shown(shell, capsys, cell) == [
        "line 4: ask()",
        "in ask, line 3: return look(s)",
        "mine_of_tracebacks.py, in look, line 2: return session.project('inw')",
        SAID,
    ]


def test_the_last_lines_of_what_has_failed_stand_below_the_message(
    shell: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    shell.user_ns["error"] = ATTError("It ended.")
    shell.user_ns["error"].add_note("Its last lines:\n  boom")
    assert _shown(shell, capsys, "raise error") == [
        "line 1: raise error",
        "ATTError: It ended.",
        "Its last lines:",
        "  boom",
    ]


def test_a_defect_shows_the_whole_traceback(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    shell.user_ns["error"] = Internal("It broke.")
    shown = _shown(shell, capsys, "raise error from ValueError('why')")
    assert "Traceback (most recent call last):" in shown
    assert "ValueError: why" in shown
    assert shown[-1].endswith("Internal: It broke.")
