"""Prompts that begin with the facts."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError

from att.operations import REGISTRY
from att.workspace import Workspace
from tests.support.bare import BARE
from tests.support.waiting import eventually
from tests.surfaces.mcp.conftest import Connect

pytestmark = pytest.mark.anyio
CRASHING = [sys.executable, "-c", "raise SystemExit('the database is missing')"]


@pytest.fixture
def project(workspace: Workspace, tmp_path: Path) -> str:
    folder = tmp_path / "demo"
    folder.mkdir()
    (folder / "test_it.py").write_text("def test_good(): pass\ndef test_bad(): assert 1 == 2\n")
    given = {"id": "demo", "path": str(folder), "command": CRASHING, "env": BARE}
    workspace.call(REGISTRY["project.create"], given)
    return "demo"


async def text_of(client: Client, name: str, **given: str) -> str:
    (message,) = (await client.get_prompt(name, given)).messages
    assert message.role == "user"
    return message.content.text  # type: ignore[union-attr]


async def test_the_prompts_are_listed_with_their_arguments(connect: Connect) -> None:
    async with connect() as client:
        listed = {
            p.name: {a.name: a.required for a in p.arguments or []} for p in (await client.list_prompts()).prompts
        }
    assert listed == {
        "diagnose_crash": {"project": True, "run": False},
        "explain_failing_test": {"project": True, "nodeid": False, "run": False},
        "plan_change": {"project": True, "goal": True},
    }


async def test_a_crash_is_diagnosed_from_the_exit_and_the_last_lines(
    connect: Connect, workspace: Workspace, project: str
) -> None:
    workspace.call(REGISTRY["runtime.start"], {"project": project})
    eventually(lambda: workspace.call(REGISTRY["runtime.status"], {"project": project}).state == "exited")
    async with connect(mcp_tool_separator="_") as client:
        text = await text_of(client, "diagnose_crash", project=project)
    assert "the database is missing" in text
    assert '"code": 1' in text
    assert "att_runtime_logs" in text


async def test_a_failing_test_is_explained_from_the_results(
    connect: Connect, workspace: Workspace, project: str
) -> None:
    run = workspace.call(REGISTRY["test.run"], {"project": project})
    status: dict[str, Any] = {"project": project, "run": run.run_id}
    eventually(lambda: workspace.call(REGISTRY["test.status"], status).state != "running", timeout=60)
    async with connect() as client:
        text = await text_of(client, "explain_failing_test", project=project)
        one = await text_of(client, "explain_failing_test", project=project, nodeid="test_it.py::test_bad")
        with pytest.raises(MCPError, match="did not fail"):
            await client.get_prompt("explain_failing_test", {"project": project, "nodeid": "test_it.py::test_good"})
    for found in (text, one):
        assert "test_it.py::test_bad" in found
        assert "test_good" not in found


async def test_a_change_is_planned_with_the_files_at_hand(connect: Connect, project: str) -> None:
    async with connect() as client:
        text = await text_of(client, "plan_change", project=project, goal="Say hello.")
    assert "Say hello." in text
    assert "test_it.py" in text


async def test_a_prompt_that_cannot_be_made_says_why(connect: Connect, project: str) -> None:
    async with connect() as client:
        for name, given, code in (
            ("nothing", {}, "not_found"),
            ("plan_change", {"project": project}, "invalid"),
            ("diagnose_crash", {"project": "none"}, "not_found"),
        ):
            with pytest.raises(MCPError) as caught:
                await client.get_prompt(name, given)
            assert (caught.value.code, caught.value.data["code"]) == (-32602, code)
