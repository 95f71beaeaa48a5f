"""Secrets are given by reference, read when a connection is made, and shown nowhere."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from att.errors import Invalid
from tests.mcp_hub.conftest import PLAIN, Bench
from tests.support.waiting import eventually

SECRET = "s3cr3t-of-the-test"


@pytest.mark.parametrize(
    "settings",
    [
        {"command": "x", "env": {"API_KEY": SECRET}},
        {"command": "x", "args": ["--api-key", SECRET]},
        {"command": "x", "args": [f"--token={SECRET}"]},
        {"address": "http://localhost/mcp", "headers": {"Authorization": f"Bearer {SECRET}"}},
        {"address": "http://localhost/mcp", "headers": {"X-Api-Key": SECRET}},
        {"address": f"http://localhost/mcp?api_key={SECRET}"},
        {"address": f"http://me:{SECRET}@localhost/mcp"},
    ],
)
def test_a_secret_that_is_written_out_is_refused_and_kept_nowhere(bench: Bench, settings: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match="by reference") as caught:
        bench.hub.add("one", **settings)
    assert SECRET not in str(caught.value)
    assert bench.hub.servers().servers == []


@pytest.mark.parametrize("settings", [{}, {"command": "x", "address": "http://a/"}, {"address": "ftp://a/"}])
def test_a_server_is_either_a_command_or_an_address(bench: Bench, settings: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        bench.hub.add("one", **settings)


def test_secrets_are_read_where_they_are_and_never_written(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    (tmp_path / "key").write_text(f"{SECRET}\n")
    monkeypatch.setenv("KEY_OF_TEST", SECRET)
    env: dict[str, Any] = {"A_KEY": {"env": "KEY_OF_TEST"}, "B_KEY": {"file": str(tmp_path / "key")}}
    args = [*PLAIN[1:], "--name", "${env:KEY_OF_TEST}"]
    bench.hub.add("one", command=PLAIN[0], args=args, env={**env, "C_KEY": "is ${env:KEY_OF_TEST}!"})
    bench.hub.connect("one")
    seen = json.loads(bench.hub.call("environment", {}).text)
    assert (seen["A_KEY"], seen["B_KEY"], seen["C_KEY"]) == (SECRET, SECRET, f"is {SECRET}!")
    status = bench.hub.status("one")
    assert status.last_lines == ["******** is there"]
    shown = status.model_copy(update={"server_version": None}).model_dump_json()
    bench.hub.remove("one")
    bench.hub.close()
    told = "".join(event.model_dump_json() for event in bench.events.read(limit=1000).events)
    assert SECRET not in shown + told
    assert not [record for record in caplog.records if record.name.startswith("att") and SECRET in record.getMessage()]


def test_a_reference_that_leads_nowhere_is_named(bench: Bench, tmp_path: Path) -> None:
    bench.plain("one", env={"A_KEY": {"env": "NOT_SET_ANYWHERE"}})
    bench.plain("two", env={"A_KEY": {"file": str(tmp_path / "missing")}})
    eventually(lambda: bench.state("one") == bench.state("two") == "unreachable")
    assert "NOT_SET_ANYWHERE" in bench.hub.status("one").reason
    assert str(tmp_path / "missing") in bench.hub.status("two").reason


def test_a_secret_of_a_header_reaches_the_server(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY_OF_TEST", SECRET)
    server = bench.serve("web")
    bench.hub.add("web", address=server.url, headers={"Authorization": "Bearer ${env:KEY_OF_TEST}"})
    assert bench.hub.call("header", {"name": "authorization"}).text == f"Bearer {SECRET}"


def test_a_file_of_an_editor_is_imported_and_keeps_its_secrets(bench: Bench, tmp_path: Path) -> None:
    file = tmp_path / "mcp.json"
    plain = {"command": PLAIN[0], "args": [*PLAIN[1:], "--name", "from-file"]}
    servers = {
        "my server": {**plain, "env": {"API_KEY": SECRET, "PLAIN": "yes"}},
        "web": {"type": "http", "url": "http://127.0.0.1:9/mcp", "headers": {"Authorization": "Bearer ${TOKEN}"}},
        "off": {**plain, "disabled": True},
        "old": {"type": "sse", "url": "http://127.0.0.1:9/sse"},
        "leaky": {"command": "x", "args": ["--password", SECRET]},
        "empty": {},
    }
    file.write_text(json.dumps({"mcpServers": servers}))
    done = {item.name: item for item in bench.hub.load(str(file), None).servers}
    assert {name: item.result for name, item in done.items()} == {
        "my-server": "added",
        "web": "added",
        "off": "added",
        "old": "refused",
        "leaky": "refused",
        "empty": "refused",
    }
    assert SECRET not in json.dumps([item.to_json() for item in done.values()])
    assert SECRET.encode() not in (tmp_path / "att.db").read_bytes()
    bench.hub.connect("my-server")
    seen = json.loads(bench.hub.call("environment", {}, "my-server").text)
    assert (seen["API_KEY"], seen["PLAIN"]) == (SECRET, "yes")
    assert bench.hub.status("web").server.headers == {"Authorization": "Bearer ${env:TOKEN}"}
    assert bench.state("off") == "disconnected"
    again = bench.hub.load(str(file), None)
    assert [item.result for item in again.servers if item.result != "refused"] == ["unchanged"] * 3


def test_a_configuration_without_its_file_must_not_hold_secrets(bench: Bench) -> None:
    config = {"servers": {"a": {"command": "x", "env": {"API_KEY": SECRET}}, "b": {"command": "x"}}}
    assert [item.result for item in bench.hub.load(None, config).servers] == ["refused", "added"]
    with pytest.raises(Invalid, match="mcpServers"):
        bench.hub.load(None, {"else": 1})
    with pytest.raises(Invalid, match="either"):
        bench.hub.load(None, None)
