"""Jupyter AI's tools: a real jupyter-server-mcp finds ATT's operations by their entry point and calls them."""

from __future__ import annotations

import importlib
import inspect
import socket
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from att.errors import NotFound
from att.surfaces.rest import all_operations
from tests.support.environments import cached_python
from tests.support.servers import Home, Server
from tests.support.waiting import eventually

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]
REQUIREMENTS = ("jupyter-server-mcp==0.4.1", "--editable", str(ROOT))
GROUPS = ("project", "runtime", "test", "code", "event")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def loaded() -> dict[str, Any]:
    """Load the functions as jupyter-server-mcp does."""
    (found,) = entry_points(group="jupyter_server_mcp.tools", name="att")
    specs = [spec.rsplit(":", 1) for spec in found.load()()]
    return {name: getattr(importlib.import_module(module), name) for module, name in specs}


def test_the_entry_point_names_a_function_for_each_operation_that_is_allowed() -> None:
    functions = loaded()
    declared = [o for o in all_operations() if o.name.split(".")[0] in GROUPS and "mcp" not in o.absent]
    assert set(functions) == {f"att_{o.name.replace('.', '_')}" for o in declared}
    for operation in declared:
        function = functions[f"att_{operation.name.replace('.', '_')}"]
        assert inspect.iscoroutinefunction(function)
        assert list(inspect.signature(function).parameters) == [p.name for p in operation.wire_parameters]
        assert function.__doc__ == operation.doc


async def test_a_function_works_in_the_data_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.delenv("ATT_URL", raising=False)
    functions = loaded()
    (tmp_path / "demo").mkdir()
    made = await functions["att_project_create"](id="demo", path=str(tmp_path / "demo"), title=None)
    assert (made["id"], made["title"]) == ("demo", None)
    listed = await functions["att_project_list"]()
    assert [status["project"]["id"] for status in listed["projects"]] == ["demo"]
    with pytest.raises(NotFound):
        await functions["att_project_status"](project="none")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, str]]:
    """A Jupyter server with ATT and jupyter-server-mcp, and the URL of the latter."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    extensions = {"jupyter_ext": True, "jupyter_server_mcp": True}
    config = {"ServerApp": {"jpserver_extensions": extensions}, "MCPExtensionApp": {"mcp_port": port}}
    with Home(tmp_path_factory.mktemp("ai")).closing() as home:
        server = home.start(python=cached_python("jupyter-server-mcp", REQUIREMENTS), config=config)
        server.get("health")
        eventually(lambda: "MCP server started" in server.log.read_text(), timeout=60)
        yield server, f"http://localhost:{port}/mcp"


@pytest.mark.timeout(600)
async def test_jupyter_server_mcp_offers_them_and_calls_the_server_that_it_runs_in(server: tuple[Server, str]) -> None:
    jupyter, url = server
    (jupyter.home.work / "demo").mkdir()
    async with Client(url, mode="legacy") as client:
        listed = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert listed["att_runtime_logs"].input_schema["properties"]["limit"]["default"] == 500
        path = str(jupyter.home.work / "demo")
        made = await client.call_tool("att_project_create", {"id": "demo", "path": path})
        assert not made.is_error, made
        missing = await client.call_tool("att_project_status", {"project": "none"})
    assert [p["project"]["id"] for p in jupyter.get("projects")["projects"]] == ["demo"]
    assert missing.is_error
    assert "none" in missing.content[0].text  # type: ignore[union-attr]
