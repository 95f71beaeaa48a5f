"""The official conformance suite, against a fixture server behind ATT's bridge and against ATT's own server."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.support.npm import node_environment, npm_packages
from tests.support.servers import Home
from tests.support.waiting import eventually

ROOT = Path(__file__).parents[2]
SUITE = "@modelcontextprotocol/conformance@0.2.0-alpha.12"
OLD, NEW = "2025-11-25", "2026-07-28"
ANYBODY = ("--IdentityProvider.token=", "--PasswordIdentityProvider.token=", "--ServerApp.base_url=/a%40b/")

_EMPTY = "nothing: the suite asks for a tool that is not there and takes the error"
PROVES = {
    OLD: {
        "server-initialize": "the handshake, the version, and what the server says it can do",
        "server-session-lifecycle": "sessions are made, told apart and ended",
        "ping": "the session answers",
        "completion-complete": "completion answers, for a prompt that is not there as well",
        "tools-list": "every tool has a name that is allowed, a description and a schema",
        "resources-list": "every resource has an address and a name",
        "prompts-list": "every prompt has a name",
        "dns-rebinding-protection": "foreign Host and Origin are refused without a login",
        "server-sse-multiple-streams": "several requests at once are answered on streams of their own",
        "server-sse-polling": "nothing: without an event store there is nothing to check",
    },
    NEW: {
        "completion-complete": "completion answers, for a prompt that is not there as well",
        "tools-list": "every tool has a name that is allowed, a description and a schema, in a stable order",
        "resources-list": "every resource has an address and a name",
        "sep-2164-resource-not-found": "an unknown address is an error with the address in it",
        "prompts-list": "every prompt has a name",
        "dns-rebinding-protection": "foreign Host and Origin are refused without a login",
        "http-header-validation": "headers that contradict the body are refused",
        "caching": "what is listed and read says how long it may be kept",
        "server-sse-multiple-streams": "several requests at once are answered on streams of their own",
        "input-required-result-unsupported-methods": _EMPTY,
        "input-required-result-missing-input-response": _EMPTY,
        "input-required-result-ignore-extra-params": _EMPTY,
        "input-required-result-validate-input": _EMPTY,
        "tasks-status-notifications": "nothing: no check is made",
    },
}
"""Scenarios that ATT's own server passes, and what that shows; all others ask for the tools of a fixture."""


@dataclass(frozen=True)
class Report:
    """Passed and failed checks by scenario."""

    counts: dict[str, tuple[int, int]]
    text: str

    @property
    def failing(self) -> set[str]:
        return {name for name, (_, failed) in self.counts.items() if failed}


def suite(url: str, *options: str) -> Report:
    """Run scenarios against a server."""
    command = [*npm_packages("conformance", SUITE).program("conformance"), "server", "--url", url, *options]
    done = subprocess.run(
        command, cwd=ROOT / ".cache", env=node_environment(), capture_output=True, text=True, timeout=240
    )
    text = done.stdout + done.stderr
    found = re.findall(r"^[✓✗] ([\w-]+): (\d+) passed, (\d+) failed", text, re.MULTILINE)
    assert found, text
    return Report({name: (int(passed), int(failed)) for name, passed, failed in found}, text)


@pytest.fixture(scope="module")
def jupyter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Jupyter server that anybody on this machine may use, with ATT and the fixture server; its URL."""
    with Home(tmp_path_factory.mktemp("conformance")).closing() as home, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        extensions = {"jupyter_ext": True, "tests.mcp.fixture_extension": True, "jupyterlab": False}
        server = home.start(*ANYBODY, config={"ServerApp": {"jpserver_extensions": extensions}})
        assert server.get("health")["kind"] == "server"
        yield server.facts["url"]


@pytest.fixture(scope="module")
def uvicorn() -> Iterator[str]:
    """The fixture server as the SDK serves it; its URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tests.mcp.fixture_uvicorn", str(port)]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        eventually(lambda: _answers(port), timeout=60)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.terminate()
        process.wait(30)


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/", trust_env=False).status_code == 404
    except httpx.TransportError:
        return False


def test_behind_the_bridge_every_scenario_of_2025_passes(jupyter: str) -> None:
    report = suite(f"{jupyter}fixture", "--requirements", OLD)
    assert not report.failing, report.text
    assert sum(passed for passed, _ in report.counts.values()) >= 84


def test_behind_the_bridge_2026_is_what_the_sdk_itself_does_on_uvicorn(jupyter: str, uvicorn: str) -> None:
    ours = suite(f"{jupyter}fixture", "--requirements", NEW)
    theirs = suite(uvicorn, "--requirements", NEW)
    assert ours.counts == theirs.counts, ours.text
    assert {name for name in ours.failing if not name.startswith("tasks-")} == set()


@pytest.mark.parametrize("version", PROVES)
def test_atts_own_server_passes_what_needs_no_fixture(jupyter: str, version: str) -> None:
    report = suite(f"{jupyter}mcp", "--requirements", version)
    assert report.counts.keys() - report.failing == PROVES[version].keys(), report.text
