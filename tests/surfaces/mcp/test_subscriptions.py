"""Subscribers hear of changes, over both wires, and nothing is looked at when nobody listens."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.client.subscriptions import ResourceUpdated
from mcp.shared.exceptions import MCPError
from mcp_types import ResourceUpdatedNotification

from att.operations import REGISTRY
from att.settings import ATT
from att.surfaces.mcp import build_server
from att.workspace import Workspace
from tests.surfaces.mcp.conftest import ERAS

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:resources/subscribe is removed"),
    pytest.mark.filterwarnings("ignore:resources/unsubscribe is removed"),
]
TALKING = [sys.executable, "-c", "import sys\nprint('ready', flush=True)\nfor line in sys.stdin: pass"]
LOGS, STATUS, FILES, PROJECTS = (
    "att://project/demo/logs",
    "att://project/demo/status",
    "att://project/demo/files",
    "att://projects",
)


class Steps:
    """Counts how often something is looked at, and lets looks go wrong as `spoil` says."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.seen = 0
        self.spoil: Callable[[Any], Any] = lambda page: page

    def __call__(self, operation: Any, given: Any) -> Any:
        looking = operation.name in ("event.list", "runtime.logs")
        self.seen += looking
        answer = self.workspace.call(operation, given)
        return self.spoil(answer) if looking else answer


@pytest.fixture
def steps(workspace: Workspace, tmp_path: Path) -> Steps:
    for name in ("demo", "other"):
        (tmp_path / name).mkdir()
        given = {"id": name, "path": str(tmp_path / name), "command": TALKING}
        workspace.call(REGISTRY["project.create"], given)
    return Steps(workspace)


async def do(steps: Steps, name: str, **given: Any) -> None:
    await asyncio.to_thread(steps.workspace.call, REGISTRY[name], {"project": "demo", **given})


async def until(probe: Callable[[], Any]) -> None:
    async with asyncio.timeout(20):
        while not probe():  # noqa: ASYNC110 - no event tells of what is being waited for
            await asyncio.sleep(0.01)


async def test_a_client_of_2025_hears_what_it_subscribed_to_until_it_does_not_want_to(steps: Steps) -> None:
    heard: list[str] = []

    async def hear(message: Any) -> None:
        if isinstance(message, ResourceUpdatedNotification):
            heard.append(str(message.params.uri))

    server = build_server(steps, ATT(follow_seconds=0.01))
    async with Client(server, mode=ERAS["2025"], message_handler=hear) as client:
        for uri in (LOGS, STATUS):
            await client.subscribe_resource(uri)
            await client.subscribe_resource(uri)
        await until(lambda: steps.seen >= 4)  # both have begun: what comes now is new
        await do(steps, "runtime.start")
        await until(lambda: {LOGS, STATUS} <= set(heard))
        await client.unsubscribe_resource(LOGS)
        await client.unsubscribe_resource(STATUS)
        await client.unsubscribe_resource(FILES)
        await until(_quiet)
        count = len(heard)
        await do(steps, "runtime.stop")
        await client.list_prompts()
        assert len(heard) == count
        with pytest.raises(MCPError):
            await client.subscribe_resource("att://project/none/logs")


async def test_a_client_of_2026_listens_to_a_stream(steps: Steps) -> None:
    server = build_server(steps, ATT(follow_seconds=0.01))
    async with Client(server, mode=ERAS["2026"]) as client:
        async with client.listen(resource_subscriptions=[FILES, PROJECTS, "att://nothing"]) as events:
            await until(lambda: steps.seen >= 2)
            await do(steps, "code.write", path="new.txt", content="new")
            async with asyncio.timeout(20):
                assert await anext(aiter(events)) == ResourceUpdated(FILES)
            await asyncio.to_thread(steps.workspace.call, REGISTRY["runtime.start"], {"project": "other"})
            async with asyncio.timeout(20):
                assert await anext(aiter(events)) == ResourceUpdated(PROJECTS)
        await until(_quiet)


def _quiet() -> bool:
    """Say whether nothing is being looked at."""
    return not [task for task in asyncio.all_tasks() if "_follow" in repr(task)]


async def test_a_client_that_leaves_without_a_word_leaves_nothing_behind(steps: Steps) -> None:
    server = build_server(steps, ATT(follow_seconds=0.01))
    async with Client(server, mode=ERAS["2025"]) as client:
        await client.subscribe_resource(LOGS)
        await until(lambda: steps.seen >= 2)
    await until(_quiet)


def _defect(_: Any) -> Any:
    raise RuntimeError("a defect")


async def test_a_look_that_fails_without_a_known_reason_ends_no_subscription(
    steps: Steps, caplog: pytest.LogCaptureFixture
) -> None:
    server = build_server(steps, ATT(follow_seconds=0.01))
    steps.spoil = _defect
    async with Client(server, mode=ERAS["2026"]) as client, client.listen(resource_subscriptions=[STATUS]) as events:
        await until(lambda: steps.seen >= 3)
        steps.spoil = lambda page: page
        await do(steps, "runtime.start")
        async with asyncio.timeout(20):
            assert await anext(aiter(events)) == ResourceUpdated(STATUS)
    assert [r.getMessage() for r in caplog.records if r.exc_info] == ["Following event.list failed; it is tried again"]


async def test_what_is_not_followed_any_more_is_followed_again_for_the_next_subscriber(steps: Steps) -> None:
    server = build_server(steps, ATT(follow_seconds=0.01))
    steps.spoil = lambda page: page.model_copy(update={"cursor": None})  # nothing comes after a page without a cursor
    async with Client(server, mode=ERAS["2026"]) as client, client.listen(resource_subscriptions=[STATUS]):
        await until(lambda: steps.seen >= 1 and _quiet())
        steps.spoil = lambda page: page
        seen = steps.seen
        async with client.listen(resource_subscriptions=[FILES]) as events:
            await until(lambda: steps.seen >= seen + 2)
            await do(steps, "code.write", path="new.txt", content="new")
            async with asyncio.timeout(20):
                assert await anext(aiter(events)) == ResourceUpdated(FILES)
