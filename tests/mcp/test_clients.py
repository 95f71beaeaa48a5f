"""Real clients against ATT in a real Jupyter server: the SDK's in both eras, over HTTP and stdio, and the Inspector."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from tests.support.bare import BARE
from tests.support.npm import node_environment, npm_packages
from tests.support.servers import Home, Server

pytestmark = pytest.mark.anyio
INSPECTOR = "@modelcontextprotocol/inspector@2.12.0"
ERAS = {"2025-11-25": "legacy", "2026-07-28": "auto"}
STDIO = {"2025-11-25": "legacy", "2026-07-28": "2026-07-28"}  # asking first has ten seconds, which a start may take
BASE = "--ServerApp.base_url=/a%40b/"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Home(tmp_path_factory.mktemp("clients")).closing() as home:
        server = home.start(BASE)
        folder = home.work / "demo"
        folder.mkdir()
        (folder / "test_it.py").write_text("def test_it(): pass\n")
        command = [sys.executable, "-c", "print('ready', flush=True); import time; time.sleep(600)"]
        server.post("projects", id="demo", path=str(folder), command=command, env=BARE, python=sys.executable)
        yield server


@asynccontextmanager
async def over_http(server: Server, era: str, **given: Any) -> AsyncIterator[Client]:
    headers = {"Authorization": f"Bearer {server.facts['token']}"}
    async with httpx2.AsyncClient(headers=headers, trust_env=False, timeout=60) as http:
        url = f"{server.facts['url']}mcp"
        async with Client(streamable_http_client(url, http_client=http), mode=ERAS[era], **given) as client:
            yield client


def att(*words: str, **environment: str) -> StdioServerParameters:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("ATT_", "JUPYTER", "JPY_"))}
    command = [sys.executable, "-m", "att", "mcp", "serve", "--stdio", *words]
    return StdioServerParameters(command=command[0], args=command[1:], env={**kept, **environment})


async def drive(client: Client, era: str) -> None:
    """Start the project, read its log, run its tests, and stop it."""
    assert client.protocol_version == era
    assert len((await client.list_tools()).tools) > 20
    started = await client.call_tool("att.runtime.start", {"project": "demo"})
    assert started.structured_content
    assert started.structured_content["state"] in ("starting", "running"), started
    uris = [resource.uri for resource in (await client.list_resources()).resources]
    assert "att://project/demo/logs" in uris
    await client.read_resource("att://project/demo/logs")
    run = await client.call_tool("att.test.run", {"project": "demo"})
    assert run.structured_content
    status = {"project": "demo", "run": run.structured_content["run_id"]}
    while (ended := await client.call_tool("att.test.status", status)).structured_content["state"] == "running":
        continue
    assert ended.structured_content
    assert ended.structured_content["state"] == "succeeded"
    stopped = await client.call_tool("att.runtime.stop", {"project": "demo"})
    assert stopped.structured_content
    assert stopped.structured_content["state"] == "stopped"
    missing = await client.call_tool("att.project.status", {"project": "none"})
    assert missing.is_error
    assert missing.structured_content
    assert missing.structured_content["code"] == "not_found"


@pytest.mark.parametrize("era", ERAS)
async def test_the_sdk_drives_a_project_over_http(server: Server, era: str) -> None:
    server.get("health")
    async with over_http(server, era) as client:
        await drive(client, era)


@pytest.mark.parametrize("era", ERAS)
async def test_the_sdk_drives_a_project_of_a_running_server_over_stdio(server: Server, era: str) -> None:
    server.get("health")
    where = att("--url", server.facts["url"], "--token", server.facts["token"])
    async with Client(where, mode=STDIO[era]) as client:
        await drive(client, era)


@pytest.mark.parametrize("era", ERAS)
async def test_the_sdk_drives_a_data_directory_that_no_server_serves_over_stdio(era: str, tmp_path: Path) -> None:
    runtime = str(tmp_path / "runtime")
    async with Client(
        att("--data-dir", str(tmp_path / "data"), JUPYTER_RUNTIME_DIR=runtime), mode=STDIO[era]
    ) as client:
        assert (await client.call_tool("att.project.list", {})).structured_content == {
            "cursor": None,
            "has_more": False,
            "projects": [],
        }


def inspect(server: Server, *words: str) -> tuple[int, Any]:
    """Run the Inspector's command line; return its exit code and the JSON it wrote."""
    command = npm_packages("inspector", INSPECTOR).program("mcp-inspector")
    header = f"Authorization: Bearer {server.facts['token']}"
    where = ["--cli", f"{server.facts['url']}mcp", "--transport", "http", "--header", header]
    done = subprocess.run(
        [*command, *where, *words], env=node_environment(), capture_output=True, text=True, timeout=90
    )
    return done.returncode, json.loads(done.stdout) if done.stdout.strip() else done.stderr


async def test_the_inspector_lists_calls_and_reads(server: Server) -> None:
    server.get("health")
    code, listed = inspect(server, "--method", "tools/list")
    assert code == 0, listed
    assert "att.runtime.logs" in [tool["name"] for tool in listed["tools"]]
    call = ["--method", "tools/call", "--tool-name"]
    code, found = inspect(server, *call, "att.project.status", "--tool-arg", "project=demo")
    assert code == 0, found
    assert found["structuredContent"]["project"]["id"] == "demo"
    _, missing = inspect(server, *call, "att.project.status", "--tool-arg", "project=none")
    assert missing["structuredContent"]["code"] == "not_found", missing
    code, read = inspect(server, "--method", "resources/read", "--uri", "att://project/demo/config")
    assert code == 0, read
    assert json.loads(read["contents"][0]["text"])["settings"]["id"] == "demo"
