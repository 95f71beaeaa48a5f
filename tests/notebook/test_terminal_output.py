"""What programs write for terminals, wherever Python shows it: settled, without codes; what is kept is as written."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from att.client.display import html, text
from att.client.project import ProjectHandle
from att.client.session import Session
from att.client.wording import line_of
from att.errors import StartFailed
from att.mcp_hub.models import McpServer, McpServerStatus
from att.notebook import RuntimePanel, TestRunPanel
from att.notebook.mcp_cards import servers_html
from att.notebook.picker import setup_html
from att.projects.models import ProjectSetup
from att.runtime.models import Diagnosis
from tests.support.waiting import eventually

CRASHING = r"""
import sys
print("".join(f"\r\x1b[32m{n:3}%\x1b[0m of a model with a long name" for n in range(0, 101, 5)), flush=True)
print("\x1b]8;;http://127.0.0.1/\x07the manual\x1b]8;;\x07\a", flush=True)
sys.exit("\x1b[1;31mValueError\x1b[0m: no such column")
"""
TESTS = r"""
def test_coloured():
    print("".join(f"\r\x1b[32m{n:3}%\x1b[0m of it" for n in range(0, 101, 5)))
    assert {"a": 1} == {"a": 2}, "\x1b[31mred\x1b[0m reason"
"""
WRITTEN = ["\x1b[32mInstalling\x1b[0m", "\r 1%\r\x1b[2K 99%", "\x1b[1;31mERROR\x1b[0m: no network\x07"]
READ = ["Installing", " 99%", "ERROR: no network"]
CODES = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@pytest.fixture
def crashed(s: Session, tmp_path: Path) -> Iterator[ProjectHandle]:
    """A project that has drawn a progress bar, a link and a coloured error."""
    project = s.project("crashed", path=tmp_path, command=[sys.executable, "-c", CRASHING])
    project.runtime.start()
    eventually(lambda: project.runtime.status().state == "exited")
    yield project
    project.delete()


def _is_read_as_it_ends(shown: str) -> None:
    assert CODES.findall(shown) == []
    assert shown.count("of a model") == 1
    assert "100% of a model" in shown
    assert "the manual" in shown
    assert "ValueError: no such column" in shown


def test_logs_and_diagnostics_are_read_as_a_terminal_ends_with_them(crashed: ProjectHandle) -> None:
    page = crashed.logs.read()
    for value in (page, crashed.runtime.diagnostics()):
        _is_read_as_it_ends(text(value))
        _is_read_as_it_ends(html(value))
    _is_read_as_it_ends("\n".join(map(line_of, page.lines)))
    assert "\r" in page.lines[0].text
    assert "\x1b[32m" in page.lines[0].text
    assert b"\x1b]8;;http://127.0.0.1/\x07" in crashed.logs.raw().data


def test_a_terminal_may_have_the_colours_and_nothing_else(crashed: ProjectHandle) -> None:
    bar, link, error = (line_of(line, colours=True) for line in crashed.logs.read().lines)
    assert bar.endswith("| \x1b[32m100%\x1b[0m of a model with a long name\x1b[0m")
    assert link.endswith("| the manual")
    assert "\x1b[1;31mValueError\x1b[0m" in error
    assert text(crashed.logs.read(), colours=True).splitlines() == [bar, link, error]


def test_a_coloured_error_is_diagnosed(crashed: ProjectHandle) -> None:
    found = crashed.runtime.diagnostics().diagnosis
    assert found is not None
    assert found.summary == "It ended with ValueError: no such column"


def test_the_crash_box_shows_how_it_ended(crashed: ProjectHandle) -> None:
    with closing(RuntimePanel(crashed)) as panel:
        eventually(lambda: "Last lines" in panel.detail.html)
        _is_read_as_it_ends(panel.detail.html.partition("<pre")[2])
        assert CODES.findall(panel.detail.html) == []


def test_an_export_of_the_log_keeps_colours_and_the_last_state_of_a_bar(crashed: ProjectHandle) -> None:
    with closing(crashed.logs.view(follow=False)) as view:
        page = view.static_html()
    assert CODES.findall(page) == []
    assert page.count("of a model") == 1
    assert '<span class="ansi-green-fg">100%</span> of a model' in page
    assert "the manual" in page
    assert "ansi-red" in page


def test_an_error_shows_the_last_lines_in_a_cell_and_in_a_panel(crashed: ProjectHandle) -> None:
    with pytest.raises(StartFailed) as caught:
        crashed.runtime.start(wait="healthy", timeout=30)
    notes = "\n".join(caught.value.__notes__)
    _is_read_as_it_ends(notes)
    assert CODES.findall(str(caught.value)) == []
    assert "\r" in caught.value.details["last_lines"][0]
    with closing(RuntimePanel(crashed)) as panel:
        panel.tell_error(caught.value)
        _is_read_as_it_ends(panel.notice.html.partition("<pre")[2])


def test_tracebacks_and_captured_output_of_failing_tests_are_settled(s: Session, tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --color=yes\n")
    project = s.project("coloured-tests", path=tmp_path)
    run = project.tests.run(timeout=60)
    assert "\x1b[32m" in run.failures[0].sections[0].text
    with closing(TestRunPanel(project)) as panel:
        eventually(lambda: "Captured" in panel.failures.html)
        shown = panel.failures.html
    assert CODES.findall(shown + text(run) + html(run)) == []
    assert shown.count("% of it") == 1
    assert "100% of it" in shown
    assert "red reason" in text(run)
    project.delete()


def test_lines_of_setups_and_mcp_servers_are_settled() -> None:
    at = datetime.now(UTC)
    setup = ProjectSetup(
        project="p",
        run_id="r",
        state="failed",
        started_at=at,
        progress=0.5,
        message="failed",
        diagnosis=Diagnosis(summary="It \x1b[31mfailed\x1b[0m.", remedy="Look."),
        last_lines=WRITTEN,
    )
    for shown in (text(setup), html(setup), setup_html(setup)):
        assert CODES.findall(shown) == []
        assert "\n".join(READ) in shown
        assert "It failed." in shown
    server = McpServer(name="m", command="m")
    status = McpServerStatus(server=server, state="unreachable", reason=WRITTEN[2], since=at, last_lines=WRITTEN)
    for shown in (text(status), html(status), servers_html([status])):
        assert CODES.findall(shown) == []
        assert "\n".join(READ) in shown
