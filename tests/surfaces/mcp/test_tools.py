"""Operations as tools: which there are, how they are described, and what a call answers."""

from __future__ import annotations

import json
import logging
import threading
from pathlib import Path
from typing import Any

import anyio
import jsonschema
import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError

from att.operations import REGISTRY
from att.settings import ATT
from att.surfaces import mcp as surface
from att.surfaces.mcp import build_server
from att.surfaces.rest import all_operations
from att.workspace import Workspace
from tests.surfaces.mcp.conftest import ERAS, Connect
from tests.surfaces.sample import Numbers, call, sample_operations

pytestmark = pytest.mark.anyio
DEFAULT = ("project", "runtime", "test", "code", "event")


def sample_server(numbers: Numbers, **settings: Any) -> Any:
    return build_server(call(numbers), ATT(mcp_tools=["*"], **settings), operations=sample_operations())


async def test_every_operation_of_the_allowed_groups_is_a_tool(connect: Connect) -> None:
    async with connect() as client:
        listed = {tool.name for tool in (await client.list_tools()).tools}
    assert listed == {
        f"att.{o.name}" for o in all_operations() if o.group.split(".")[0] in DEFAULT and "mcp" not in o.absent
    }


async def test_the_allow_list_names_groups_single_operations_or_everything(connect: Connect) -> None:
    for allowed, expected in (
        (["runtime.logs", "event"], {"att.runtime.logs", "att.event.list"}),
        (["runtim"], set()),
        (["*"], {f"att.{o.name}" for o in all_operations() if "mcp" not in o.absent}),
    ):
        async with connect(mcp_tools=allowed) as client:
            assert {tool.name for tool in (await client.list_tools()).tools} == expected


async def test_what_is_not_allowed_cannot_be_called_either(connect: Connect) -> None:
    async with connect(mcp_tools=["event"]) as client:
        for name in ("att.project.list", "att.nothing", "project.list"):
            with pytest.raises(MCPError, match="Unknown tool"):
                await client.call_tool(name, {})


async def test_dots_can_be_replaced_for_clients_that_refuse_them(connect: Connect) -> None:
    async with connect(mcp_tool_separator="_") as client:
        names = [tool.name for tool in (await client.list_tools()).tools]
        assert "att_runtime_logs" in names
        assert not [name for name in names if "." in name]
        assert (await client.call_tool("att_project_list", {})).structured_content


async def test_the_server_says_how_it_is_used_with_the_names_of_its_tools(workspace: Workspace) -> None:
    server = build_server(workspace.call, ATT(mcp_tool_separator="_"))
    for mode in ("legacy", "auto"):
        async with Client(server, mode=mode) as client:
            assert "att_runtime_diagnostics" in (client.instructions or "")


async def test_an_operation_declared_absent_from_mcp_is_no_tool_and_no_resource(era: str) -> None:
    hidden = [o for o in sample_operations() if o.name == "sample.hidden"]
    absent = [o for o in sample_operations() if o.name == "sample.make"]
    object.__setattr__(absent[0], "absent", {"mcp": "to see that it is left out"})
    try:
        server = build_server(call(Numbers()), ATT(mcp_tools=["*"]), operations=[*hidden, *absent])
        async with Client(server, mode=ERAS[era]) as client:
            assert [tool.name for tool in (await client.list_tools()).tools] == ["att.sample.hidden"]
    finally:
        object.__setattr__(absent[0], "absent", {})


async def test_a_tool_says_what_it_takes_what_it_answers_and_how_careful_one_must_be(connect: Connect) -> None:
    async with connect() as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    for name, tool in tools.items():
        operation = REGISTRY[name.removeprefix("att.")]
        jsonschema.Draft202012Validator.check_schema(tool.input_schema)
        assert tool.output_schema is not None
        jsonschema.Draft202012Validator.check_schema(tool.output_schema)
        assert set(tool.input_schema["properties"]) == {p.name for p in operation.wire_parameters}
        assert tool.input_schema["type"] == tool.output_schema["type"] == "object"
        assert (tool.description or "").startswith(operation.summary)
        hints = tool.annotations
        assert hints is not None
        assert hints.read_only_hint is (operation.action == "read")
        assert hints.destructive_hint is operation.destructive
    delete, write, search = (tools[f"att.{n}"].annotations for n in ("project.delete", "code.write", "code.search"))
    assert delete
    assert write
    assert search
    assert (delete.destructive_hint, delete.idempotent_hint) == (True, True)
    assert (search.read_only_hint, write.read_only_hint) == (True, False)


async def test_an_argument_that_may_be_left_out_has_no_default_in_the_schema(connect: Connect) -> None:
    async with connect() as client:
        tools = {tool.name: tool.input_schema for tool in (await client.list_tools()).tools}
    assert "default" not in tools["att.project.update"]["properties"]["restart"]
    assert tools["att.runtime.logs"]["properties"]["limit"]["default"] == 500


async def test_long_work_says_how_it_is_read_again(connect: Connect) -> None:
    async with connect() as client:
        tools = {tool.name: tool.description or "" for tool in (await client.list_tools()).tools}
    assert "att.test.status" in tools["att.test.run"]
    assert "att.test.cancel" in tools["att.test.run"]
    assert "cursor" in tools["att.runtime.logs"]
    assert "att.test.cancel" not in tools["att.test.status"]


async def test_a_result_is_structured_content_and_the_same_as_text(era: str) -> None:
    async with Client(sample_server(Numbers()), mode=ERAS[era]) as client:
        made = await client.call_tool("att.sample.make", {"project": "demo", "value": 7})
        assert (made.is_error, made.structured_content) == (False, {"value": 7})
        assert json.loads(made.content[0].text) == {"value": 7}  # type: ignore[union-attr]
        run = await client.call_tool("att.sample.make", {"project": "demo", "value": -7})
        assert run.structured_content
        assert (run.structured_content["run_id"], run.structured_content["state"]) == ("run-00000007", "running")


async def test_an_error_is_told_by_its_code_in_structured_content_and_in_text(era: str) -> None:
    numbers = Numbers()
    numbers.values.append(7)
    async with Client(sample_server(numbers), mode=ERAS[era]) as client:
        conflict = await client.call_tool("att.sample.make", {"project": "demo", "value": 7})
        assert conflict.is_error
        assert conflict.structured_content == {
            "type": "urn:att:error:conflict",
            "title": "Conflict",
            "status": 409,
            "detail": "7 is there already.",
            "code": "conflict",
            "details": {},
        }
        assert conflict.content[0].text == "conflict: 7 is there already."  # type: ignore[union-attr]
        for arguments in ({}, {"project": "demo", "value": "x"}, {"project": "demo", "value": 1, "more": 1}):
            wrong = await client.call_tool("att.sample.make", arguments)
            assert wrong.structured_content
            assert (wrong.is_error, wrong.structured_content["code"]) == (True, "invalid")


async def test_a_defect_is_logged_and_told_without_details(era: str, caplog: pytest.LogCaptureFixture) -> None:
    async with Client(sample_server(Numbers()), mode=ERAS[era]) as client:
        failed = await client.call_tool("att.sample.make", {"project": "demo", "value": 13})
    assert failed.structured_content
    assert (failed.is_error, failed.structured_content["code"]) == (True, "internal")
    assert "secret" not in failed.model_dump_json()
    assert "secret of the implementation" in caplog.text


async def test_a_call_that_takes_long_tells_so_to_a_client_that_asks(era: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surface, "PROGRESS_SECONDS", 0.02)
    numbers, told, enough = Numbers(), [], threading.Event()

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        told.append((progress, message))
        if len(told) == 3:
            enough.set()

    def slow(operation: Any, given: Any) -> Any:
        assert enough.wait(30)
        return call(numbers)(operation, given)

    server = build_server(slow, ATT(mcp_tools=["*"]), operations=sample_operations())
    async with Client(server, mode=ERAS[era]) as client:
        await client.call_tool("att.sample.list", {"project": "demo"}, progress_callback=hear)
    assert [progress for progress, _ in told[:3]] == pytest.approx([0.02, 0.04, 0.06])
    assert "sample.list has run for 0.02 s" in str(told[0][1])


async def test_calls_run_beside_each_other(era: str) -> None:
    together = threading.Barrier(3)

    def meeting(operation: Any, given: Any) -> Any:
        together.wait(30)
        return call(Numbers())(operation, given)

    server = build_server(meeting, ATT(mcp_tools=["*"]), operations=sample_operations())
    async with Client(server, mode=ERAS[era]) as client, anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(client.call_tool, "att.sample.list", {"project": "demo"})


async def test_building_and_serving_leaves_the_root_logger_alone(connect: Connect, tmp_path: Path) -> None:
    root = logging.getLogger()
    before = (root.level, list(root.handlers))
    async with connect() as client:
        await client.list_tools()
    assert (root.level, list(root.handlers)) == before
