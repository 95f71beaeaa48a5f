"""Projects and servers are deleted by others at the worst moment: between two transactions of the hub."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from sqlalchemy import event

from att.errors import NotFound
from att.mcp_hub.models import McpServer
from att.store import Store
from tests.mcp_hub.conftest import PLAIN, Bench


@contextmanager
def before(store: Store, moment: Callable[[str], bool], work: Callable[[], object]) -> Iterator[None]:
    """Do something once, right before the first statement that is the moment."""
    waiting = [work]

    def executes(_c: Any, _cursor: Any, statement: str, _p: Any, _context: Any, _many: bool) -> None:
        if waiting and moment(statement):
            waiting.pop()()

    event.listen(store.engine, "before_cursor_execute", executes)
    yield
    event.remove(store.engine, "before_cursor_execute", executes)
    assert not waiting, "the moment came"


def writing(statement: str) -> bool:
    """Say whether a transaction that writes begins."""
    return statement == "BEGIN IMMEDIATE"


def following(statement: str) -> bool:
    """Say whether the hub reads every server, to bring what runs in line."""
    return "FROM mcp_servers" in statement and "WHERE" not in statement


def test_a_server_is_not_added_to_a_project_that_is_deleted_meanwhile(bench: Bench) -> None:
    project = bench.project("demo")
    gone = partial(bench.registry.remove, project)
    with before(bench.store, writing, gone), pytest.raises(NotFound, match="project 'demo'"):
        bench.plain("own", project=project)
    bench.project("demo")
    assert bench.hub.servers(project).servers == []


def test_no_order_is_kept_for_a_project_that_is_deleted_meanwhile(bench: Bench) -> None:
    project = bench.project("demo")
    for name in ("a", "b"):
        bench.hub._catalogue.add(_disabled(name), replace=False)
    gone = partial(bench.registry.remove, project)
    with before(bench.store, writing, gone), pytest.raises(NotFound, match="project 'demo'"):
        bench.hub.prefer(["b"], project)
    bench.project("demo")
    assert [status.server.name for status in bench.hub.servers(project).servers] == ["a", "b"]


@pytest.mark.parametrize(
    "use",
    [
        lambda hub: hub.connect("own", "demo"),
        lambda hub: hub.disconnect("own", "demo"),
        lambda hub: hub.status("own", "demo"),
        lambda hub: hub.tools("own", "demo"),
        lambda hub: hub.call("who", {}, "own", "demo"),
    ],
    ids=["connect", "disconnect", "status", "tools", "call"],
)
def test_who_uses_a_server_that_is_removed_meanwhile_is_told_that_there_is_none(
    bench: Bench, use: Callable[[Any], object]
) -> None:
    project = bench.project("demo")
    bench.plain("own", project=project)
    gone = partial(bench.registry.remove, project)
    with before(bench.store, following, gone), pytest.raises(NotFound, match="There is no MCP server 'own'"):
        use(bench.hub)


def test_a_list_leaves_out_what_is_removed_meanwhile(bench: Bench) -> None:
    project = bench.project("demo")
    bench.plain("own", project=project)
    bench.plain("shared", "--tools", "who")
    bench.healthy("shared")
    with before(bench.store, following, partial(bench.registry.remove, project)):
        assert [status.server.name for status in bench.hub.servers(project).servers] == ["shared"]


def test_the_tools_of_others_are_listed_although_a_server_is_removed_meanwhile(bench: Bench) -> None:
    project = bench.project("demo")
    bench.plain("own", project=project)
    bench.plain("shared", "--tools", "who")
    with before(bench.store, following, partial(bench.registry.remove, project)):
        assert [tool.name for tool in bench.hub.tools(project=project).tools] == ["who"]


def test_without_any_server_a_tool_is_not_found(bench: Bench) -> None:
    with pytest.raises(NotFound, match="There is no MCP tool 'who'"):
        bench.hub.call("who", {})


def _disabled(name: str) -> McpServer:
    return McpServer(name=name, command=PLAIN[0], args=PLAIN[1:], enabled=False)
