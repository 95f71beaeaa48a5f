"""Servers that people use: git and time from PyPI, everything and the file system from npm."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.mcp_hub.conftest import Bench, free_port
from tests.support.environments import cached_python
from tests.support.npm import NpmFolder, node_environment, npm_packages
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(240)

FROM_PYPI = ("mcp-server-git==2026.10.19", "mcp-server-time==2026.10.19")
FROM_NPM = (
    "@modelcontextprotocol/server-everything@2026.8.31",
    "@modelcontextprotocol/server-filesystem@2026.8.31",
)


def _or_skip(build: Any, *arguments: Any) -> Any:
    try:
        return build(*arguments)
    except (RuntimeError, OSError) as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"The servers cannot be installed here: {error}")


@pytest.fixture(scope="module")
def programs() -> Path:
    python: Path = _or_skip(cached_python, "mcp-servers", FROM_PYPI)
    return python.parent


@pytest.fixture(scope="module")
def npm() -> NpmFolder:
    found: NpmFolder = _or_skip(npm_packages, "mcp-servers", *FROM_NPM)
    return found


@pytest.fixture
def everything(npm: NpmFolder) -> Iterator[str]:
    """The server with everything, over Streamable HTTP."""
    port = free_port()
    command = [*npm.program("mcp-server-everything"), "streamableHttp"]
    process = subprocess.Popen(
        command, env={**node_environment(), "PORT": str(port)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    address = f"http://127.0.0.1:{port}/mcp"
    eventually(lambda: _listens(address), 60)
    yield address
    process.kill()
    process.wait()


def _listens(address: str) -> bool:
    try:
        return httpx.get(address, trust_env=False, timeout=10).status_code > 0
    except httpx.TransportError:
        return False


def test_git_tells_the_state_of_a_repository(bench: Bench, programs: Path, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    subprocess.run(["git", "init", "-q", str(repository)], check=True)
    (repository / "new.txt").write_text("new\n")
    bench.hub.add("git", command=str(programs / "mcp-server-git"), args=["--repository", str(repository)])
    bench.hub.connect("git", timeout=60)
    answer = bench.hub.call("git_status", {"repo_path": str(repository)})
    assert "new.txt" in answer.text
    refused = bench.hub.call("git_status", {"repo_path": "/"})
    assert refused.is_error


def test_time_converts_between_zones(bench: Bench, programs: Path) -> None:
    bench.hub.add("time", command=str(programs / "mcp-server-time"), args=["--local-timezone", "UTC"])
    bench.hub.connect("time", timeout=60)
    given = {"source_timezone": "UTC", "time": "12:00", "target_timezone": "Asia/Kolkata"}
    assert "17:30" in bench.hub.call("convert_time", given).text


def test_everything_answers_over_stdio_and_over_http(bench: Bench, npm: NpmFolder, everything: str) -> None:
    node, script = npm.program("mcp-server-everything")
    bench.hub.add("stdio", command=node, args=[script, "stdio"])
    bench.hub.add("http", address=everything)
    for name in ("stdio", "http"):
        bench.hub.connect(name, timeout=60)
        assert "hello" in bench.hub.call("echo", {"message": "hello"}, name).text
        resource = next(item for item in bench.hub.resources(name).resources if not item.template)
        assert bench.hub.read(resource.uri, name).contents
    tool = next(tool for tool in bench.hub.tools().tools if tool.name == "echo")
    assert tool.servers == ["http", "stdio"]
    bench.hub.disconnect("http")
    assert bench.hub.call("echo", {"message": "again"}).server == "stdio"


def test_the_file_system_server_stays_in_its_folder(bench: Bench, npm: NpmFolder, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("the content\n")
    node, script = npm.program("mcp-server-filesystem")
    bench.hub.add("files", command=node, args=[script, str(tmp_path)])
    bench.hub.connect("files", timeout=60)
    assert bench.hub.call("read_text_file", {"path": str(tmp_path / "a.txt")}).text == "the content\n"
    assert bench.hub.call("read_text_file", {"path": "/etc/passwd"}).is_error
