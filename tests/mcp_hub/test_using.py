"""External MCP servers are configured, connected and used."""

from __future__ import annotations

import json
import os
from pathlib import Path

import psutil
import pytest

from att.errors import Conflict, Invalid, NotFound, Unavailable
from att.events.manager import EventLog
from att.mcp_hub.models import McpServer
from att.projects.registry import ProjectRegistry
from tests.mcp_hub.conftest import PLAIN, Bench
from tests.support.waiting import eventually


def test_a_server_over_stdio_becomes_healthy_and_answers(bench: Bench) -> None:
    assert bench.plain("one").state in ("connecting", "healthy")
    status = bench.hub.connect("one")
    assert (status.state, status.server_version, status.tools) == ("healthy", "one 1.0", 9)
    answer = bench.hub.call("echo", {"text": "hello"})
    assert (answer.text, answer.server, answer.is_error) == ("hello", "one", False)
    assert [attempt.outcome for attempt in answer.attempts] == ["answered"]


@pytest.mark.parametrize("era", ["handshake", "2026-07-28"])
def test_a_server_over_http_becomes_healthy_and_answers_in_both_eras(bench: Bench, era: str) -> None:
    server = bench.serve("web", era)
    bench.hub.add("web", address=server.url, headers={"X-Plain": "seen"})
    status = bench.hub.connect("web")
    assert status.protocol_version == ("2025-11-25" if era == "handshake" else "2026-07-28")
    assert bench.hub.call("who", {}).text == "web"
    assert bench.hub.call("header", {"name": "x-plain"}).text == "seen"
    assert bench.hub.read("web://own").text == "web"


def test_resources_and_templates_are_listed_and_read(bench: Bench) -> None:
    bench.plain("one")
    offered = bench.hub.resources().resources
    assert [(item.uri, item.template, item.servers) for item in offered] == [
        ("plain://one", False, ["one"]),
        ("plain://of/{anything}", True, ["one"]),
    ]
    assert bench.hub.read("plain://one").text == "one has plain://one"
    assert bench.hub.read("plain://of/this").text == "one has plain://of/this"
    with pytest.raises(NotFound, match="other://"):
        bench.hub.read("other://thing")


def test_a_tool_that_fails_is_an_answer(bench: Bench) -> None:
    bench.plain("one")
    answer = bench.hub.call("fail", {"text": "no"})
    assert (answer.is_error, answer.text) == (True, "no")


def test_an_unknown_tool_is_refused_with_close_names(bench: Bench) -> None:
    bench.plain("one")
    with pytest.raises(NotFound, match="Did you mean 'echo'"):
        bench.hub.call("ecco", {})


def test_arguments_that_a_server_refuses_are_not_tried_elsewhere(bench: Bench) -> None:
    bench.plain("one")
    bench.plain("two")
    with pytest.raises(Invalid, match="it is not wanted") as caught:
        bench.hub.call("refuse", {})
    assert [attempt["server"] for attempt in caught.value.details["attempts"]] == ["one"]


def test_a_project_sees_its_own_servers_before_those_of_the_workspace(bench: Bench) -> None:
    project = bench.project("demo")
    bench.plain("shared")
    bench.plain("common", "--tools", "who")
    bench.hub.add("common", project, command=PLAIN[0], args=[*PLAIN[1:], "--name", "own"])
    bench.healthy("shared", "common")
    bench.healthy("common", project=project)
    assert bench.hub.call("who", {}, "common").text == "common"
    assert bench.hub.call("who", {}, "common", project).text == "own"
    assert [s.server.project for s in bench.hub.servers(project).servers] == [project, None]
    bench.registry.remove(project)
    assert [s.server.name for s in bench.hub.servers().servers] == ["common", "shared"]
    with pytest.raises(NotFound):
        bench.hub.servers(project)


def test_programs_of_a_deleted_project_end_with_it(bench: Bench) -> None:
    project = bench.project("demo")
    bench.plain("own", project=project)
    bench.plain("shared")
    bench.healthy("own", project=project)
    bench.healthy("shared")
    program = psutil.Process(bench.pid("own", project))
    bench.registry.remove(project)
    eventually(lambda: not program.is_running())
    assert bench.hub.call("who", {}, "shared").text == "shared"


def test_programs_of_a_project_that_another_process_has_deleted_end_at_the_next_look(bench: Bench) -> None:
    project = bench.project("demo")
    bench.plain("own", project=project)
    bench.healthy("own", project=project)
    program = psutil.Process(bench.pid("own", project))
    with_events_of_its_own = ProjectRegistry(bench.store, EventLog(bench.store))
    with_events_of_its_own.remove(project)
    assert bench.hub.servers().servers == []
    eventually(lambda: not program.is_running())


def test_deleting_a_project_starts_no_server(bench: Bench) -> None:
    bench.hub._catalogue.add(McpServer(name="one", command=PLAIN[0], args=PLAIN[1:]), replace=False)
    bench.registry.remove(bench.project("demo"))
    bench.hub.close()
    assert bench.told("mcp.connect") == []


def test_the_preferred_server_is_asked_first(bench: Bench) -> None:
    project = bench.project("demo")
    for name in ("a", "b", "c"):
        bench.plain(name)
    bench.healthy("a", "b", "c")
    assert bench.hub.call("who", {}).text == "a"
    assert bench.hub.prefer(["c", "b"]).servers == ["c", "b", "a"]
    assert bench.hub.prefer(["b"], project).servers == ["b", "a", "c"]
    assert bench.hub.call("who", {}).text == "c"
    assert bench.hub.call("who", {}, project=project).text == "b"
    tool = next(tool for tool in bench.hub.tools(project=project).tools if tool.name == "who")
    assert tool.servers == ["b", "a", "c"]
    with pytest.raises(NotFound):
        bench.hub.prefer(["d"])


def test_a_server_is_added_once_and_replaced_on_demand(bench: Bench) -> None:
    bench.plain("one", "--tools", "who")
    with pytest.raises(Conflict, match="replace=True"):
        bench.plain("one", "--tools", "echo")
    bench.plain("one", "--tools", "echo", replace=True)
    bench.healthy("one")
    assert [tool.name for tool in bench.hub.tools().tools] == ["echo"]
    assert bench.hub.remove("one").server == "one"
    assert bench.hub.servers().servers == []
    with pytest.raises(NotFound):
        bench.hub.remove("one")


def test_a_disconnected_server_stays_so_until_it_is_connected(bench: Bench) -> None:
    bench.plain("one")
    bench.healthy("one")
    pid = bench.pid("one")
    assert bench.hub.disconnect("one").state == "disconnected"
    assert not Path(f"/proc/{pid}").exists()
    with pytest.raises(Unavailable, match="disconnected"):
        bench.hub.call("who", {}, "one")
    with pytest.raises(NotFound):
        bench.hub.call("who", {})
    assert not bench.hub.servers().servers[0].server.enabled
    assert bench.hub.connect("one").state == "healthy"
    assert bench.hub.call("who", {}).text == "one"


def test_what_a_server_offers_is_known_while_it_is_away(bench: Bench, tmp_path: Path) -> None:
    bench.plain("one")
    bench.healthy("one")
    bench.hub.disconnect("one")
    assert bench.hub.status("one").tools == 9
    assert len(bench.hub.tools("one").tools) == 9


def test_a_program_gets_only_what_it_is_given_of_the_environment(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATT_SECRET", "no")
    monkeypatch.setenv("JPY_API_TOKEN", "no")
    monkeypatch.setenv("OPENAI_API_KEY", "no")
    monkeypatch.setenv("THE_TOKEN", "told by reference")
    bench.plain("one", env={"PLAIN": "yes", "MY_TOKEN": {"env": "THE_TOKEN"}})
    seen = json.loads(bench.hub.call("environment", {}).text)
    assert (seen["PLAIN"], seen["MY_TOKEN"], seen["HOME"]) == ("yes", "told by reference", os.environ["HOME"])
    assert not [name for name in seen if name.startswith(("ATT_", "JPY_", "JUPYTER", "OPENAI"))]


def test_every_change_of_state_and_every_attempt_is_an_event(bench: Bench) -> None:
    bench.plain("one")
    bench.hub.connect("one")
    bench.hub.call("who", {})
    bench.hub.disconnect("one")
    bench.hub.remove("one")
    bench.hub.close()
    moves = [(event.data["before"], event.data["after"]) for event in bench.told("mcp.state")]
    assert moves == [("connecting", "healthy"), ("healthy", "disconnected")]
    assert [event.data["outcome"] for event in bench.told("mcp.attempt")] == ["answered"]
    assert [event.data["connected"] for event in bench.told("mcp.connect")] == [True]
    assert len(bench.told("mcp.added")) == len(bench.told("mcp.removed")) == 1
