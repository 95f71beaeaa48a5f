"""The panel of the MCP hub without a browser: real servers over stdio are added, shown, lost and removed by click."""

from __future__ import annotations

import json
import os
import shlex
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from att.client.discovery import open_workspace
from att.client.session import Session
from att.notebook import EventList, McpPanel, SessionDashboard, dashboard
from tests.mcp_hub.conftest import PLAIN
from tests.notebook.showing import shows
from tests.support.waiting import eventually

SECONDS = 60


@pytest.fixture(scope="module")
def s(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """A workspace of its own: the hub of another one would have other servers."""
    with open_workspace(tmp_path_factory.mktemp("hub"), "the panel's") as session:
        yield session


@pytest.fixture
def panel(s: Session) -> Iterator[McpPanel]:
    """A panel over no servers; those that a test has made are removed in the end."""
    made = s.mcp.view()
    yield made
    made.close()
    for item in s.mcp.servers().servers:
        s.mcp.remove(item.server.name)


def _click(panel: McpPanel, act: str, name: str) -> None:
    """Click as the page does."""
    assert f"data-act='{act}' data-value='/{name}'" in panel.servers.html
    panel.servers._handle_custom_msg({"type": "act", "name": act, "value": f"/{name}"}, [])


def _add(s: Session, name: str, *options: str) -> None:
    s.mcp.add(name, command=PLAIN[0], args=[*PLAIN[1:], "--name", name, *options])


def test_a_server_is_added_by_the_form_and_shown_with_its_health_and_tools(s: Session, panel: McpPanel) -> None:
    shows(panel.servers, "No MCP servers yet")
    form = panel.form
    panel.more.click()
    assert form.layout.display == ""
    assert "${env:NAME}" in form.about.html
    form.name.value, form.command.value = "one", shlex.join([*PLAIN, "--name", "one"])
    form.values.value = "PLACE=here\nTOKEN_FOR_IT=${env:HOME}"
    form.add.click()
    shows(panel.servers, "✓ healthy", "stdio", "<i>tools</i> <b>9</b>", "one 1.0", "one is there")
    shows(panel.tools, ">echo<", "one", "Arguments", "<code>text</code>")
    shows(form.result, "one added")
    assert form.name.value == ""
    assert json.loads(s.mcp.call("environment", {}).text)["PLACE"] == "here"
    assert "role='status'" in panel.head.html
    assert "aria-label='Disconnect one'" in panel.servers.html


def test_what_becomes_of_a_server_stands_among_the_events(s: Session, panel: McpPanel) -> None:
    events = EventList(s)
    _add(s, "watched")
    shows(events.list, "MCP server watched added", "MCP server watched: connecting → healthy", "att-good")
    shows(panel.servers, "✓ healthy")
    _click(panel, "disconnect", "watched")
    shows(events.list, "MCP server watched: healthy → disconnected")
    events.close()


@pytest.mark.parametrize(
    ("values", "told"),
    [("hunter2-without-a-name", "Line 1"), ("API_TOKEN=sk-4f8a9c1d2b7e6f5a3c0d9e8b", "by reference")],
)
def test_variables_that_cannot_be_kept_are_refused_where_they_were_typed(
    panel: McpPanel, values: str, told: str
) -> None:
    form = panel.form
    form.name.value, form.command.value, form.values.value = "no", "true", values
    form.add.click()
    shows(form.notice, "✗", told)
    assert values.rpartition("=")[2] not in form.notice.html
    shows(panel.servers, "No MCP servers yet")


def test_disconnect_connect_and_remove_by_click_and_the_second_click_confirms(s: Session, panel: McpPanel) -> None:
    _add(s, "one")
    shows(panel.servers, "✓ healthy")
    _click(panel, "disconnect", "one")
    shows(panel.servers, "○ disconnected")
    assert s.mcp.status("one").state == "disconnected"
    eventually(lambda: " disabled>" not in panel.servers.html)
    _click(panel, "connect", "one")
    shows(panel.servers, "✓ healthy")
    _click(panel, "remove", "one")
    shows(panel.servers, "Forget one?")
    _click(panel, "keep", "one")
    assert "Forget one?" not in panel.servers.html
    assert [item.server.name for item in s.mcp.servers().servers] == ["one"]
    _click(panel, "remove", "one")
    eventually(lambda: "Forget one?" in panel.servers.html)
    _click(panel, "forget", "one")
    shows(panel.servers, "No MCP servers yet")
    assert s.mcp.servers().servers == []


def test_a_server_that_is_killed_is_shown_as_it_goes_and_comes_back(s: Session, panel: McpPanel) -> None:
    _add(s, "one")
    shows(panel.servers, "✓ healthy")
    seen: list[str] = []
    panel.servers.observe(lambda change: seen.append(change["new"]), "html")
    first = int(s.mcp.call("pid", {}).text)
    os.kill(first, signal.SIGKILL)
    eventually(lambda: any("✗ unreachable" in html and "next attempt" in html for html in seen), timeout=SECONDS)
    shows(panel.servers, "✓ healthy")
    assert int(s.mcp.call("pid", {}).text) != first


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["/no/such/program"], ["/no/such/program", "where ATT runs; install it"]),
        ([*PLAIN, "--no-such-option"], ["Run its command in a terminal", "Last lines", "unrecognized arguments"]),
    ],
)
def test_a_server_that_cannot_start_shows_why_and_what_to_do(
    s: Session, panel: McpPanel, command: list[str], told: list[str]
) -> None:
    s.mcp.add("bad", command=command[0], args=command[1:])
    shows(panel.servers, "✗ unreachable", "next attempt", "failures in a row", *told)
    shows(panel.head, "✗ unreachable 1")
    _click(panel, "connect", "bad")
    shows(panel.notice, "bad", "Dismiss")


def test_a_file_of_an_editor_is_imported_and_each_entry_is_told(panel: McpPanel, tmp_path: Path) -> None:
    entries = {"fine": {"command": PLAIN[0], "args": PLAIN[1:]}, "old": {"type": "sse", "url": "http://localhost/sse"}}
    file = tmp_path / "mcp.json"
    file.write_text(json.dumps({"mcpServers": entries}))
    form = panel.form
    form.source.value = "File"
    assert form.command.layout.display == "none"
    form.add.click()
    shows(form.notice, "path of the file")
    form.file.value = str(file)
    form.add.click()
    shows(form.result, "✓ added", "fine", "✗ refused", "old", "Streamable HTTP")
    shows(panel.servers, "fine", "✓ healthy")


def test_what_a_server_says_is_text_and_no_html(s: Session, panel: McpPanel) -> None:
    _add(s, "one", "--tools", "<img src=x onerror=alert(1)>")
    shows(panel.tools, "&lt;img src=x")
    assert "<img" not in panel.tools.html + panel.servers.html


def test_an_export_shows_the_servers_and_tools_without_buttons_and_forms(s: Session, panel: McpPanel) -> None:
    _add(s, "one")
    shows(panel.servers, "✓ healthy")
    shows(panel.tools, "echo")
    page = panel._repr_mimebundle_()["text/html"]
    assert [word for word in ("✓ healthy", "one 1.0", ">echo<", "MCP servers") if word not in page] == []
    assert [word for word in ("<button", "${env:NAME}", "Forget") if word in page] == []
    assert len(page) < 50_000


def test_an_att_that_is_gone_is_told_and_what_was_known_stays(tmp_path: Path) -> None:
    with open_workspace(tmp_path, "the ended one") as session:
        _add(session, "one")
        panel = session.mcp.view()
        shows(panel.servers, "✓ healthy")
        session.transport.close()
        panel.shared.touch(panel.topic)
        shows(panel.lost, "✗", "how it was before", "role='alert'")
        assert "✓ healthy" in panel.servers.html
        panel.close()


def test_the_dashboard_of_a_session_shows_the_servers_when_asked(s: Session) -> None:
    board: SessionDashboard = dashboard(s)
    closed: Callable[[], bool] = lambda: board.mcp is None  # noqa: E731
    assert closed()
    board.mcp_more.click()
    assert board.mcp is not None
    shown = board.mcp
    shows(shown.servers, "No MCP servers yet")
    board.mcp_more.click()
    assert closed()
    assert shown.comm is None
    board.close()
