"""The API in a Jupyter server: problem documents everywhere, settings, activity, Jupyter events, start and stop."""

from __future__ import annotations

import asyncio
import io
import logging
import zipfile
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from traitlets.config import Config

from jupyter_ext.events import SCHEMA_ID
from tests.jupyter_ext.inside.conftest import BASE, Fetch


async def until(probe: Callable[[], Awaitable[Any]]) -> Any:
    """Return the first truthy answer of `probe`."""
    async with asyncio.timeout(20):
        while not (found := await probe()):  # noqa: ASYNC110 - no event tells of another process
            await asyncio.sleep(0.02)
        return found


async def make(fetch: Fetch, tmp_path: Path, **settings: Any) -> None:
    folder = tmp_path / "demo"
    folder.mkdir(exist_ok=True)
    reply = await fetch("POST", "/projects", {"id": "demo", "path": str(folder), **settings})
    assert reply.status == 201, reply.json


async def test_health_says_who_answers(fetch: Fetch, att_app: Any, tmp_path: Path) -> None:
    health = (await fetch("GET", "/health")).json
    assert health["kind"] == "server"
    assert health["instance_id"] == att_app.instance_id
    assert health["data_dir"] == str(tmp_path / "att")


async def test_the_number_that_jupyterlab_puts_against_caches_is_no_argument(fetch: Fetch) -> None:
    assert (await fetch("GET", "/projects?1763899200000")).status == 200
    assert (await fetch("GET", "/projects?1763899200000=1")).status == 422


async def test_what_is_not_there_is_a_problem_document(fetch: Fetch) -> None:
    for path in ("", "/", "/nothing", "/projects/demo/nothing", "/health/"):
        reply = await fetch("GET", path)
        expected = 200 if path == "/health/" else 404
        assert reply.status == expected, path
    assert (await fetch("GET", "/nothing")).json["instance"] == f"{BASE}api/v1/nothing"


async def test_a_run_that_cannot_be_is_as_little_there_as_any_other(fetch: Fetch, tmp_path: Path) -> None:
    await make(fetch, tmp_path)
    asked = [
        ("GET", "/test/runs/{}"),
        ("POST", "/test/runs/{}/cancel"),
        ("GET", "/test/results?run={}"),
        ("GET", "/runtime/logs?run={}"),
        ("GET", "/runtime/logs/raw?run={}"),
        ("GET", "/runtime/diagnostics?run={}"),
    ]
    for method, path in asked:
        for run in ("zzz", "..%2F..", "01m841a35kjxptf5vscw9c0h6d"):
            reply = await fetch(method, f"/projects/demo{path.format(run)}", {} if method == "POST" else None)
            assert (reply.status, reply.code) == (404, "not_found"), (path, run, reply.json)


async def test_a_wrong_method_names_the_right_ones(fetch: Fetch) -> None:
    for method in ("DELETE", "PUT"):
        reply = await fetch(method, "/health", {} if method == "PUT" else None)
        assert (reply.status, reply.code, reply.headers["Allow"]) == (405, "not_supported", "GET")
    reply = await fetch("PROPFIND", "/health")
    assert (reply.status, reply.code) == (405, "not_supported")
    head = await fetch("HEAD", "/health")
    assert (head.status, head.headers["Allow"], head.body) == (405, "GET", b"")


async def test_bodies_that_cannot_be_read_are_problem_documents(fetch: Fetch) -> None:
    for body, content_type, status in (
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"{}", "text/plain", 415),
        (b'{"id": "x", "color": 1}', "application/json", 422),
    ):
        reply = await fetch("POST", "/projects", body, headers={"Content-Type": content_type})
        assert (reply.status, reply.code) == (status, "invalid")


@pytest.mark.parametrize("att_config", [Config({"ATT": {"file_limit_bytes": 1024}})])
async def test_a_body_over_the_limit_is_refused(fetch: Fetch) -> None:
    reply = await fetch("PUT", "/projects/demo/file", b" " * (1 << 21), path="a")
    assert (reply.status, reply.code) == (413, "too_large")


async def test_answers_are_not_cached_and_have_no_etag(fetch: Fetch) -> None:
    reply = await fetch("GET", "/health")
    assert reply.headers["Cache-Control"] == "no-store"
    assert "Etag" not in reply.headers
    assert reply.headers["Content-Type"] == "application/json"


async def test_the_document_of_the_api_is_served_with_its_own_address(fetch: Fetch) -> None:
    document = (await fetch("GET", "/openapi.json")).json
    assert document["openapi"] == "3.1.0"
    assert document["servers"] == [{"url": f"{BASE}api/v1"}]


async def test_a_project_starts_answers_and_stops(fetch: Fetch, tmp_path: Path) -> None:
    await make(fetch, tmp_path, command=["sleep", "1000"])
    started = await fetch("POST", "/projects/demo/runtime/start", {})
    assert (started.status, started.json["state"], started.json["exit"]) == (200, "running", None)
    assert started.json["pid"] > 0
    stopped = await fetch("POST", "/projects/demo/runtime/stop", {})
    assert (stopped.status, stopped.json["state"], stopped.json["pid"]) == (200, "stopped", None)


async def test_raw_logs_are_the_exact_bytes(fetch: Fetch, tmp_path: Path) -> None:
    await make(fetch, tmp_path, command=["printf", r"a\377\000b\r\nlast"])
    await fetch("POST", "/projects/demo/runtime/start", {})

    async def raw() -> Any:
        reply = await fetch("GET", "/projects/demo/runtime/logs/raw")
        return reply if reply.body.endswith(b"last") else None

    reply = await until(raw)
    assert reply.body == b"a\xff\x00b\r\nlast"
    assert reply.headers["Content-Type"] == "application/octet-stream"
    assert (reply.headers["ATT-Truncated"], reply.headers["ATT-Lost-Bytes"]) == ("false", "0")
    rest = await fetch("GET", "/projects/demo/runtime/logs/raw", cursor=reply.headers["ATT-Cursor"])
    assert rest.body == b""
    assert (await fetch("GET", "/projects/demo/runtime/logs/raw", cursor="wrong")).code == "invalid"
    assert (await fetch("GET", "/projects/demo/runtime/logs/raw", max_bytes=0)).code == "invalid"
    assert (await fetch("GET", "/projects/none/runtime/logs/raw")).code == "not_found"


async def test_a_project_is_downloaded_as_a_zip(fetch: Fetch, tmp_path: Path) -> None:
    await make(fetch, tmp_path)
    (tmp_path / "demo" / "a.txt").write_bytes(b"x" * 1_000_000)
    reply = await fetch("GET", "/projects/demo/archive")
    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/zip")
    assert "demo.zip" in reply.headers["Content-Disposition"]
    with zipfile.ZipFile(io.BytesIO(reply.body)) as archive:
        assert archive.testzip() is None
        assert [n for n in archive.namelist() if n.endswith("a.txt")]
    assert (await fetch("GET", "/projects/none/archive")).code == "not_found"


async def test_reading_is_no_activity_and_changing_is(fetch: Fetch, jp_serverapp: Any, tmp_path: Path) -> None:
    settings = jp_serverapp.web_app.settings
    for path in ("/health", "/events", "/projects", "/openapi.json", "/nothing"):
        await fetch("GET", path)
    assert "api_last_activity" not in settings
    await make(fetch, tmp_path)
    assert "api_last_activity" in settings


@pytest.mark.parametrize("att_config", [Config({"ATT": {"running_counts_as_activity": on}}) for on in (True, False)])
async def test_a_running_project_counts_as_activity_when_that_is_set(
    fetch: Fetch, att_app: Any, jp_serverapp: Any, tmp_path: Path
) -> None:
    await make(fetch, tmp_path, command=["sleep", "1000"])
    before = datetime.now(UTC)
    await fetch("POST", "/projects/demo/runtime/start", {})

    async def counted() -> bool:
        times: dict[str, datetime] = jp_serverapp.web_app.settings["last_activity_times"]
        return times.get("att", before) > before and att_app.current_activity()

    if att_app.host.settings.running_counts_as_activity:
        await until(counted)
        await fetch("POST", "/projects/demo/runtime/stop", {})

        async def idle() -> bool:
            return not att_app.current_activity()

        await until(idle)
    else:
        await asyncio.sleep(0)
        assert not await counted()
        await fetch("POST", "/projects/demo/runtime/stop", {})


async def test_state_changes_are_jupyter_events(fetch: Fetch, jp_serverapp: Any, tmp_path: Path) -> None:
    heard: list[dict[str, Any]] = []

    async def listen(logger: Any, schema_id: str, data: dict[str, Any]) -> None:
        heard.append(data)

    await fetch("GET", "/health")
    logger = jp_serverapp.event_logger

    async def registered() -> bool:
        return SCHEMA_ID in logger.schemas

    await until(registered)
    logger.add_listener(schema_id=SCHEMA_ID, listener=listen)
    await make(fetch, tmp_path, command=["sleep", "1000"])
    await fetch("POST", "/projects/demo/runtime/start", {})
    await fetch("POST", "/projects/demo/runtime/stop", {})

    async def told() -> list[Any]:
        return [e for e in heard if e["kind"] == "runtime.state" and "stopped" in str(e["data"])]

    stopped = (await until(told))[-1]
    assert stopped["project"] == "demo"
    assert "project.created" in [e["kind"] for e in heard]


@pytest.mark.parametrize("att_config", [Config({"ATT": {"data_dir": "/dev/null/att"}})])
async def test_a_workspace_that_cannot_be_opened_is_told_with_the_reason(fetch: Fetch, bare: Fetch) -> None:
    for path in ("/health", "/openapi.json"):
        reply = await fetch("GET", path)
        assert (reply.status, reply.code) == (503, "unavailable")
        assert "/dev/null/att" in reply.json["detail"]
    assert (await bare("GET", "/health")).status == 401


@pytest.mark.parametrize("att_config", [Config({"ATT": {"log_level": "INFO"}})])
async def test_what_the_library_logs_is_in_the_servers_log_from_the_level_that_is_set(
    att_app: Any,
) -> None:
    stream = io.StringIO()
    for handler in att_app.log.handlers:
        if type(handler) is logging.StreamHandler:  # and not what pytest has put there
            handler.setStream(stream)
    log = logging.getLogger("att.sample")
    log.debug("a detail")
    log.info("something")
    assert "something" in stream.getvalue()
    assert "a detail" not in stream.getvalue()
    await att_app.stop_extension()
    log.info("afterwards")
    assert "afterwards" not in stream.getvalue()


async def test_after_stopping_nothing_is_answered_any_more(fetch: Fetch, att_app: Any) -> None:
    assert (await fetch("GET", "/health")).status == 200
    await att_app.stop_extension()
    assert (await fetch("GET", "/health")).code == "unavailable"
    await att_app.stop_extension()


@pytest.mark.parametrize("att_config", [Config({"ATT": {"worker_threads": 1}})])
async def test_a_call_that_takes_seconds_leaves_quick_ones_alone(fetch: Fetch, tmp_path: Path) -> None:
    command = ["sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"]
    await make(fetch, tmp_path, command=command, grace_seconds=2)
    await fetch("POST", "/projects/demo/runtime/start", {})
    stopping = asyncio.ensure_future(fetch("POST", "/projects/demo/runtime/stop", {}))

    async def being_stopped() -> bool:
        status = await fetch("GET", "/projects/demo/runtime/status")
        return bool(status.json["state"] == "stopping")

    await until(being_stopped)
    assert not stopping.done()
    assert (await stopping).json["state"] == "stopped"
