"""What is wrong with a request is told as MCP says, what is right is passed on unchanged; in both eras."""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tornado.web import GZipContentEncoding
from traitlets.config import Config

from att.surfaces import mcp as surface
from jupyter_ext import mcp_handlers, mcp_lifespan
from tests.jupyter_ext.inside.conftest import Fetch
from tests.jupyter_ext.inside.mcp.streams import Stream
from tests.jupyter_ext.inside.mcp.wire import ENDPOINT, ERAS, JUPYTER, Wire, answer, body_of, heads_of
from tests.jupyter_ext.inside.test_serving import make, until
from tests.support.bare import BARE

OLD, NEW = ERAS


@pytest.fixture
def fetch(bare: Fetch) -> Fetch:
    """Ask the API with Jupyter's token."""

    async def ask(method: str, path: str, body: Any = None, /, **query: Any) -> Any:
        return await bare(method, path, body, headers=JUPYTER, **query)

    return ask


async def wired(bare: Fetch, era: str) -> Wire:
    wire = Wire(bare, era)
    assert (await wire.begin()).status == 200
    return wire


@pytest.mark.parametrize("era", ERAS)
async def test_a_body_that_is_no_request_is_refused(bare: Fetch, era: str) -> None:
    wire = await wired(bare, era)
    heads = heads_of(era, "tools/list")
    for body, status in ((b"{", 400), (b"[]", 400), (b'"x"', 400), (b"", 400), (b'{"jsonrpc": "2.0", "id": {}}', 400)):
        reply = await wire.post(body, heads)
        assert reply.status == status, body
        assert reply.json["error"]["code"] in (-32700, -32600, -32602)
        assert reply.json.get("id") is None


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_a_body_of_another_type_is_refused(bare: Fetch, era: str, content_type: str) -> None:
    wire = await wired(bare, era)
    heads = heads_of(era, "tools/list") | {"Content-Type": content_type}
    assert (await wire.post(json.dumps(body_of(era, "tools/list")).encode(), heads)).status == 400


@pytest.mark.parametrize("att_config", [Config({"ATT": {"file_limit_bytes": 1024}})])
@pytest.mark.parametrize("era", ERAS)
async def test_a_body_over_the_limit_is_refused_before_it_is_read(bare: Fetch, era: str) -> None:
    wire = await wired(bare, era)
    reply = await wire.post(b" " * (1 << 21), heads_of(era, "tools/list"))
    assert reply.status == 413
    assert (await wire.send("tools/list")).status == 200


@pytest.mark.parametrize("era", ERAS)
async def test_an_answer_that_the_client_cannot_read_is_not_sent(bare: Fetch, era: str) -> None:
    wire = await wired(bare, era)
    assert (await wire.send("tools/list", heads={"Accept": "text/html"})).status == 406
    assert (await wire.send("tools/list", heads={"Accept": "*/*"})).status == 200


async def test_a_session_that_is_not_there_is_told(bare: Fetch) -> None:
    wire = await wired(bare, OLD)
    for session, status in ((None, 400), ("unknown", 404), ("0" * 32, 404)):
        stranger = Wire(bare, OLD, session=session)
        reply = await stranger.send("tools/list")
        assert reply.status == status, session
    heads = {**JUPYTER, "Mcp-Session-Id": wire.session or ""}
    assert (await bare("DELETE", ENDPOINT, headers=heads)).status == 200
    assert (await wire.send("tools/list")).status == 404
    assert (await bare("DELETE", ENDPOINT, headers=heads)).status == 404


async def test_sessions_are_bounded_and_an_idle_one_is_forgotten(bare: Fetch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mcp_lifespan, "MAX_SESSIONS", 2)
    monkeypatch.setattr(mcp_lifespan, "IDLE_SECONDS", 1.0)
    first = await wired(bare, OLD)
    await wired(bare, OLD)
    assert (await Wire(bare, OLD).begin()).status == 503

    async def forgotten() -> bool:
        return (await Wire(bare, OLD).begin()).status == 200

    await until(forgotten)
    assert (await first.send("tools/list")).status == 404


@pytest.mark.parametrize(
    ("era", "method", "status"),
    [
        *((OLD, method, 405) for method in ("PUT", "PATCH")),
        *((NEW, method, 405) for method in ("GET", "DELETE", "PUT", "PATCH")),
        (OLD, "GET", 400),
    ],
)
async def test_a_method_that_is_not_spoken_is_refused(bare: Fetch, era: str, method: str, status: int) -> None:
    wire = await wired(bare, era)
    heads = {**JUPYTER, **heads_of(era, "")} | (
        {"Mcp-Session-Id": wire.session} if method != "GET" and wire.session else {}
    )
    reply = await bare(method, ENDPOINT, b"" if method in ("PUT", "PATCH") else None, headers=heads)
    assert reply.status == status
    if status == 405:
        assert "POST" in reply.headers["Allow"]


@pytest.mark.parametrize("era", ERAS)
async def test_an_operation_of_the_protocol_that_is_unknown_is_told(bare: Fetch, era: str) -> None:
    wire = await wired(bare, era)
    reply = await wire.send("nothing/here")
    assert answer(reply)["error"]["code"] == -32601
    assert reply.status == (404 if era == NEW else 200)


async def test_a_protocol_version_that_nobody_speaks_is_told_with_those_that_are_spoken(bare: Fetch) -> None:
    body = body_of(NEW, "tools/list")
    meta = {**body["params"]["_meta"], "io.modelcontextprotocol/protocolVersion": "1999-01-01"}
    told = {**body, "params": {"_meta": meta}}
    reply = await Wire(bare, NEW).post(told, heads_of(NEW, "tools/list") | {"MCP-Protocol-Version": "1999-01-01"})
    assert reply.status == 400
    assert NEW in json.dumps(reply.json["error"]["data"])


async def test_headers_that_contradict_the_body_are_refused(bare: Fetch) -> None:
    wire = Wire(bare, NEW)
    for heads in ({"Mcp-Method": "tools/call"}, {"MCP-Protocol-Version": "2026-01-01"}):
        assert (await wire.send("tools/list", heads=heads)).status == 400


@pytest.mark.parametrize("era", ERAS)
async def test_answers_are_neither_cached_nor_packed_nor_tagged(
    bare: Fetch, jp_serverapp: Any, era: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = jp_serverapp.web_app
    monkeypatch.setattr(app, "transforms", [GZipContentEncoding])
    wire = await wired(bare, era)
    reply = await wire.send("tools/list", heads={"Accept-Encoding": "gzip", "Connection": "keep-alive"})
    assert reply.status == 200
    assert reply.headers["Content-Encoding"] == "identity"
    assert "X-Consumed-Content-Encoding" not in reply.headers  # as the client says when it has unpacked something
    assert "Etag" not in reply.headers
    assert "no-" in reply.headers["Cache-Control"]
    assert "Connection" not in reply.headers
    assert len(answer(reply)["result"]["tools"]) > 10


@pytest.mark.parametrize("era", ERAS)
async def test_progress_arrives_while_the_call_goes_on(
    http_server_client: Any, bare: Fetch, fetch: Fetch, tmp_path: Path, era: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surface, "PROGRESS_SECONDS", 0.05)
    await make(fetch, tmp_path, command=["sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"], grace_seconds=1)
    await fetch("POST", "/projects/demo/runtime/start", {})
    wire = await wired(bare, era)
    stream = await Stream.call(http_server_client, wire, "att.runtime.stop", {"project": "demo"}, token="t")
    told = await stream.message()
    assert (told["method"], told["params"]["progressToken"]) == ("notifications/progress", "t")
    while "result" not in told:
        told = await stream.message()
    assert told["result"]["structuredContent"]["state"] == "stopped"
    await stream.close()


@pytest.mark.parametrize("era", ERAS)
async def test_a_client_that_drops_in_the_middle_of_a_call_loses_the_answer_and_not_the_work(
    http_server_client: Any, bare: Fetch, fetch: Fetch, tmp_path: Path, era: str
) -> None:
    await make(fetch, tmp_path, command=["sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"], grace_seconds=1)
    await fetch("POST", "/projects/demo/runtime/start", {})
    wire = await wired(bare, era)
    stream = await Stream.call(http_server_client, wire, "att.runtime.stop", {"project": "demo"}, wait=False)

    async def state() -> str:
        found: str = (await fetch("GET", "/projects/demo/runtime/status")).json["state"]
        return found

    async def stopping() -> bool:
        return await state() == "stopping"

    async def stopped() -> bool:
        return await state() == "stopped"

    await until(stopping)
    await stream.close()
    await until(stopped)
    assert (await wire.call("att.runtime.status", project="demo"))["structuredContent"]["state"] == "stopped"


@pytest.mark.parametrize("era", ERAS)
async def test_long_work_answers_a_run_that_outlives_the_connection(
    bare: Fetch, fetch: Fetch, tmp_path: Path, era: str
) -> None:
    await make(fetch, tmp_path, env=BARE, python=sys.executable)
    (tmp_path / "demo" / "test_it.py").write_text("def test_it(): pass\n")
    wire = await wired(bare, era)
    run = (await wire.call("att.test.run", project="demo"))["structuredContent"]
    assert run["state"] == "running"
    other = await wired(bare, era)

    async def ended() -> Any:
        found = (await other.call("att.test.status", project="demo", run=run["run_id"]))["structuredContent"]
        return found if found["state"] != "running" else None

    assert (await until(ended))["state"] == "succeeded"


async def test_a_2025_client_hears_of_changes_on_its_stream(
    http_server_client: Any, bare: Fetch, fetch: Fetch, tmp_path: Path
) -> None:
    await make(fetch, tmp_path)
    wire = await wired(bare, OLD)
    stream = await Stream.open(http_server_client, wire)
    uri = "att://project/demo/files"
    assert (await wire.send("resources/subscribe", {"uri": uri})).status == 200
    await fetch("PUT", "/projects/demo/file", {"content": "x"}, path="new.txt")
    told = await stream.message()
    assert (told["method"], told["params"]["uri"]) == ("notifications/resources/updated", uri)
    await stream.close()


async def test_asking_over_mcp_is_activity_and_listening_is_not(
    http_server_client: Any, bare: Fetch, jp_serverapp: Any
) -> None:
    settings = jp_serverapp.web_app.settings
    wire = await wired(bare, OLD)
    before = datetime.now(UTC)
    assert settings["api_last_activity"] < before
    stream = await Stream.open(http_server_client, wire)
    await bare("GET", f"{ENDPOINT}/.well-known", headers=JUPYTER)
    await bare("DELETE", ENDPOINT, headers=JUPYTER)
    assert settings["api_last_activity"] < before
    await wire.call("att.project.list")
    assert settings["api_last_activity"] > before
    await stream.close()


@pytest.mark.parametrize("era", ERAS)
async def test_a_defect_of_the_bridge_is_logged_and_told_without_details(
    bare: Fetch, att_app: Any, era: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    wire = await wired(bare, era)
    manager = await att_app.mcp.of().manager()

    async def broken(*_: Any) -> None:
        raise ValueError("secret of the implementation")

    monkeypatch.setattr(manager, "handle_request", broken)
    reply = await wire.send("tools/list")
    assert (reply.status, reply.code) == (500, "internal")
    assert "secret" not in reply.body.decode()
    assert "secret of the implementation" in caplog.text


async def test_a_surface_that_could_not_be_built_is_tried_again(bare: Fetch, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = mcp_handlers._build

    def broken(*_: Any) -> Any:
        raise ImportError("no mcp")

    monkeypatch.setattr(mcp_handlers, "_build", broken)
    reply = await Wire(bare, OLD).begin()
    assert (reply.status, reply.code) == (503, "unavailable")
    monkeypatch.setattr(mcp_handlers, "_build", whole)
    assert (await Wire(bare, OLD).begin()).status == 200


@pytest.mark.parametrize("att_config", [Config({"ATT": {"data_dir": "/dev/null/att"}})])
async def test_a_workspace_that_cannot_be_opened_is_told_with_the_reason(bare: Fetch) -> None:
    reply = await Wire(bare, OLD).begin()
    assert (reply.status, reply.code) == (503, "unavailable")
    assert "/dev/null/att" in reply.json["detail"]


async def test_streams_and_calls_end_when_the_extension_stops_and_nothing_is_answered_after(
    http_server_client: Any, bare: Fetch, att_app: Any
) -> None:
    old, new = await wired(bare, OLD), await wired(bare, NEW)
    streams = [
        await Stream.open(http_server_client, old),
        await Stream.listen(http_server_client, new, ["att://projects"]),
    ]
    async with asyncio.timeout(20):
        await att_app.stop_extension()
        for stream in streams:
            await stream.rest()
    for wire in (old, new):
        assert (await wire.send("tools/list")).code == "unavailable"
    assert not [task for task in asyncio.all_tasks() if "mcp" in repr(task.get_coro())]


@pytest.mark.parametrize("att_config", [Config({"ATT": {"mcp_path": "agents/att"}})])
async def test_the_path_is_a_setting(bare: Fetch, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await bare("GET", f"{ENDPOINT}/.well-known", headers=JUPYTER)).status == 404
    reply = await bare("GET", f"{ENDPOINT.removesuffix('mcp')}agents/att/.well-known", headers=JUPYTER)
    assert reply.json["endpoint"].endswith("/agents/att")


@pytest.mark.parametrize("att_config", [Config({"ATT": {"mcp_path": ""}})])
async def test_an_empty_path_means_that_mcp_is_not_served(bare: Fetch, fetch: Fetch) -> None:
    assert (await Wire(bare, NEW).begin()).status == 404
    assert "mcp-server" not in (await fetch("GET", "/health")).json["capabilities"]
