"""A project's own token in a real Jupyter server: what it opens, what it does not, and how it ends."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

from att.workspace import Workspace
from tests.jupyter_ext.inside.mcp.wire import ACCEPT, body_of, heads_of
from tests.support.servers import Home, Server
from tests.support.waiting import eventually

pytestmark = pytest.mark.anyio
ERAS = {"2025-11-25": "legacy", "2026-07-28": "auto"}
NEW = "2026-07-28"
TELL = """
import json, os, time
with open("told.new", "w") as file:
    json.dump({name: value for name, value in os.environ.items() if name.startswith("ATT_")}, file)
os.replace("told.new", "told.json")
time.sleep(600)
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with Home(tmp_path_factory.mktemp("tokens")).closing() as made:
        yield made


@pytest.fixture(scope="module")
def server(home: Home) -> Server:
    server = home.start("--ServerApp.base_url=/a%40b/", "--ATT.mcp_tools=*")
    for name in ("demo", "other"):
        add(server, name)
    return server


def add(server: Server, name: str, **settings: Any) -> None:
    folder = server.home.work / name
    folder.mkdir()
    command = [sys.executable, "-S", "-c", TELL]
    server.post("projects", id=name, path=str(folder), command=command, grant_token=True, **settings)


def told(server: Server, name: str) -> dict[str, str]:
    """Start the project anew; return ATT's variables in its process."""
    file = server.home.work / name / "told.json"
    file.unlink(missing_ok=True)
    server.post(f"projects/{name}/runtime/restart")
    return written(file)


def written(file: Path) -> dict[str, str]:
    """Return what a process has written, once it has."""
    eventually(file.exists, timeout=60)
    found: dict[str, str] = json.loads(file.read_text())
    return found


def token_of(server: Server, name: str) -> str:
    return told(server, name)["ATT_PROJECT_TOKEN"]


def asked(server: Server, token: str, path: str = "mcp", **heads: str) -> httpx.Response:
    """Ask over MCP for the list of tools, with a token."""
    headers = {**heads_of(NEW, "tools/list"), "Authorization": f"Bearer {token}", **heads}
    url = f"{server.facts['url']}{path}"
    return httpx.post(url, json=body_of(NEW, "tools/list"), headers=headers, trust_env=False, timeout=60)


@asynccontextmanager
async def connected(told: dict[str, str], era: str) -> AsyncIterator[Client]:
    headers = {"Authorization": f"Bearer {told['ATT_PROJECT_TOKEN']}"}
    async with (
        httpx2.AsyncClient(headers=headers, trust_env=False, timeout=60) as http,
        Client(streamable_http_client(told["ATT_MCP_URL"], http_client=http), mode=ERAS[era]) as client,
    ):
        yield client


@pytest.mark.parametrize("era", ERAS)
async def test_a_process_uses_its_own_project_over_mcp_and_reaches_no_other(server: Server, era: str) -> None:
    variables = told(server, "demo")
    async with connected(variables, era) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        for absent in ("project.update", "project.delete", "project.create", "mcp.call", "mcp.servers"):
            assert f"att.{absent}" not in tools
            refused = client.call_tool(f"att.{absent}", {"project": "demo"})
            with pytest.raises(MCPError, match="Unknown tool"):
                await refused
        assert tools["att.code.write"].input_schema["required"] == ["path", "content"]
        assert tools["att.code.write"].input_schema["properties"]["project"]["default"] == "demo"

        saved = await client.call_tool("att.code.write", {"path": f"{era}.txt", "content": "mine"})
        assert not saved.is_error, saved
        assert (server.home.work / "demo" / f"{era}.txt").read_text() == "mine"
        named = await client.call_tool("att.project.status", {"project": "demo"})
        assert named.structured_content
        assert named.structured_content["project"]["id"] == "demo"
        listed = await client.call_tool("att.project.list", {})
        assert listed.structured_content
        assert [s["project"]["id"] for s in listed.structured_content["projects"]] == ["demo"]
        events = await client.call_tool("att.event.list", {})
        assert events.structured_content
        assert {event["project"] for event in events.structured_content["events"]} == {"demo"}
        other = await client.call_tool("att.code.list", {"project": "other"})
        assert other.structured_content
        assert other.structured_content["code"] == "permission_denied"


@pytest.mark.parametrize("era", ERAS)
async def test_resources_prompts_and_completion_are_those_of_the_project(server: Server, era: str) -> None:
    async with connected(told(server, "demo"), era) as client:
        resources = [str(resource.uri) for resource in (await client.list_resources()).resources]
        assert "att://project/demo/logs" in resources
        assert all(uri.startswith("att://project/demo/") for uri in resources)
        await client.read_resource("att://project/demo/files")
        for uri in ("att://projects", "att://project/other/logs", "att://project/other/config"):
            with pytest.raises(MCPError):
                await client.read_resource(uri)
        assert (await client.get_prompt("plan_change", {"project": "demo", "goal": "less"})).messages
        with pytest.raises(MCPError, match="reaches no other"):
            await client.get_prompt("plan_change", {"project": "other", "goal": "less"})


def test_a_token_opens_nothing_but_mcp(server: Server) -> None:
    token = token_of(server, "demo")
    assert asked(server, token).status_code == 200
    url, heads = server.facts["url"], {"Authorization": f"Bearer {token}"}
    for path in ("api/v1/projects", "api/v1/projects/demo", "api/kernels", "api/contents", "mcp/.well-known"):
        assert httpx.get(url + path, headers=heads, trust_env=False, timeout=60).status_code in (401, 403), path
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    upgrade["Sec-WebSocket-Key"] = "dGhlIHNhbXBsZSBub25jZQ=="
    assert httpx.get(f"{url}api/v1/ws", headers=heads | upgrade, trust_env=False, timeout=60).status_code in (401, 403)
    query = httpx.post(f"{url}mcp?token={token}", json=body_of(NEW, "tools/list"), trust_env=False, timeout=60)
    assert query.status_code in (401, 403)


def test_a_page_of_another_site_and_a_foreign_host_are_refused_with_a_token_as_well(server: Server) -> None:
    token = token_of(server, "demo")
    assert asked(server, token, Origin="https://evil.example").status_code == 403
    assert asked(server, token, Host="evil.example").status_code == 403


@pytest.mark.parametrize(
    "change",
    [lambda t: t[:-1] + ("0" if t[-1] != "0" else "1"), lambda t: t.replace("demo", "other"), lambda t: "att-project."],
)
def test_a_token_that_was_altered_is_refused(server: Server, change: Any) -> None:
    told(server, "other")
    assert asked(server, change(token_of(server, "demo"))).status_code == 401


def test_a_session_of_one_token_is_unknown_to_another(server: Server) -> None:
    one, another = told(server, "demo"), told(server, "other")
    params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    heads = {"Accept": ACCEPT, "Authorization": f"Bearer {one['ATT_PROJECT_TOKEN']}"}
    body = body_of("2025-11-25", "initialize", params)
    begun = httpx.post(one["ATT_MCP_URL"], json=body, headers=heads, trust_env=False, timeout=60)
    session = {"Accept": ACCEPT, "Mcp-Session-Id": begun.headers["mcp-session-id"]}
    listing = body_of("2025-11-25", "tools/list")
    for token, status in ((one["ATT_PROJECT_TOKEN"], 200), (another["ATT_PROJECT_TOKEN"], 404)):
        sent = {**session, "Authorization": f"Bearer {token}"}
        answer = httpx.post(one["ATT_MCP_URL"], json=listing, headers=sent, trust_env=False, timeout=60)
        assert answer.status_code == status


async def test_a_grant_that_is_taken_back_ends_the_token_and_a_new_grant_is_another(server: Server) -> None:
    add(server, "fickle")
    before = told(server, "fickle")
    async with connected(before, NEW) as client:
        change = server.api.patch("projects/fickle", json={"grant_token": False}).json()
        assert change["restart_to_apply"]
        with pytest.raises(MCPError, match="error response"):
            await client.call_tool("att.project.status", {})
    assert asked(server, before["ATT_PROJECT_TOKEN"]).status_code == 401
    assert told(server, "fickle") == {}
    server.api.patch("projects/fickle", json={"grant_token": True})
    assert asked(server, before["ATT_PROJECT_TOKEN"]).status_code == 401
    assert asked(server, token_of(server, "fickle")).status_code == 200


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("change", ["taken back", "deleted"])
def test_a_stream_ends_soon_after_its_grant_and_those_of_others_go_on(server: Server, era: str, change: str) -> None:
    add(server, name := f"watched-{era}-{change[:5]}")
    watched, other = told(server, name), told(server, "other")
    with listening(watched, era, name) as stream, listening(other, era, "other") as another:
        if change == "deleted":
            server.api.delete(f"projects/{name}")
        else:
            server.api.patch(f"projects/{name}", json={"grant_token": False})
        for _ in stream:
            pass
        told(server, "other")
        assert next(another), "it is told of the restart"
    assert asked(server, watched["ATT_PROJECT_TOKEN"]).status_code == 401


@contextmanager
def listening(variables: dict[str, str], era: str, project: str) -> Iterator[Iterator[bytes]]:
    """Open a stream on which the status of a project is told of."""
    uri = f"att://project/{project}/status"
    heads = {"Accept": ACCEPT, "Authorization": f"Bearer {variables['ATT_PROJECT_TOKEN']}"}
    with httpx.Client(headers=heads, trust_env=False, timeout=30) as http:
        url = variables["ATT_MCP_URL"]
        if era == NEW:
            wanted = {"notifications": {"resourceSubscriptions": [uri]}}
            body, more = body_of(era, "subscriptions/listen", wanted), heads_of(era, "subscriptions/listen")
            with http.stream("POST", url, json=body, headers=more) as stream:
                blocks = stream.iter_bytes()
                assert next(blocks), "it is acknowledged"
                yield blocks
            return
        params = {"protocolVersion": era, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
        begun = http.post(url, json=body_of(era, "initialize", params))
        session = {"Mcp-Session-Id": begun.headers["mcp-session-id"]}
        subscribed = http.post(url, json=body_of(era, "resources/subscribe", {"uri": uri}), headers=session)
        assert subscribed.status_code == 200
        with http.stream("GET", url, headers=session) as stream:
            assert stream.status_code == 200
            yield stream.iter_bytes()


def test_variables_that_were_set_by_hand_stand_alone(server: Server) -> None:
    add(server, "elsewhere", env={"ATT_MCP_URL": "http://127.0.0.1:9/mcp"})
    assert told(server, "elsewhere") == {"ATT_MCP_URL": "http://127.0.0.1:9/mcp"}


def test_the_token_is_written_nowhere_but_in_the_process_and_holds_after_a_restart_of_the_server(
    tmp_path: Path,
) -> None:
    with Home(tmp_path).closing() as home:
        first = home.start("--ServerApp.log_level=DEBUG", "--ATT.log_level=DEBUG")
        first.get("health")
        add(first, "demo")
        token = token_of(first, "demo")
        assert asked(first, token).status_code == 200
        answers = [first.api.get(p).text for p in ("projects", "projects/demo", "events", "projects/demo/runtime/runs")]
        assert not any(token in text for text in answers)
        first.end()
        second = home.start()
        second.get("health")
        assert asked(second, token).status_code == 200
        second.get("projects/demo")
        kept = [file for file in tmp_path.rglob("*") if file.is_file() and file.name != "told.json"]
        assert home.data / "grants.key" in kept
        assert (home.data / "grants.key").stat().st_mode & 0o777 == 0o600
        assert [file for file in kept if token.encode() in file.read_bytes()] == []


def test_without_a_server_the_start_says_that_there_is_no_token(tmp_path: Path) -> None:
    with Workspace(tmp_path / "data") as workspace:
        command = [sys.executable, "-S", "-c", TELL]
        workspace.projects.create("demo", {"path": str(tmp_path), "command": command, "grant_token": True})
        workspace.runtime.start("demo")
        assert written(tmp_path / "told.json") == {}
        reasons = [event.data.get("reason", "") for event in workspace.events.read(limit=100).events]
        assert any("no Jupyter server" in reason for reason in reasons)
        workspace.projects.delete("demo")
