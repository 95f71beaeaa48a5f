"""Real kernels: the server that started a kernel is found, and no other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty
from typing import Any

import httpx
import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from tests.support.jupyter import JupyterServer, jupyter_server
from tests.support.waiting import eventually

TOKEN = "of-jupyter"
CONNECT = "import att; s = att.connect(); print(s.mode, '|', s.why)"


@pytest.fixture(scope="module")
def server_of_kernels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    with jupyter_server(tmp_path_factory.mktemp("server"), f"--IdentityProvider.token={TOKEN}") as running:
        yield running


@contextmanager
def _kernel_of(server: JupyterServer) -> Iterator[BlockingKernelClient]:
    headers = {"Authorization": f"token {TOKEN}"}
    with httpx.Client(base_url=server.url, headers=headers, trust_env=False, timeout=60) as jupyter:
        kernel = jupyter.post("api/kernels").raise_for_status().json()["id"]
        file = server.runtime_dir / f"kernel-{kernel}.json"
        client = BlockingKernelClient(connection_file=str(eventually(lambda: file.exists() and file)))
        client.load_connection_file()
        client.start_channels()
        try:
            eventually(lambda: _is_ready(client), timeout=60)
            yield client
        finally:
            client.stop_channels()
            jupyter.delete(f"api/kernels/{kernel}")


def _is_ready(client: BlockingKernelClient) -> bool:
    try:
        client.wait_for_ready(timeout=60)
    except RuntimeError:  # it has not begun to beat
        return False
    return True


def _run(client: BlockingKernelClient, code: str) -> dict[str, Any]:
    """Run a cell and return what it wrote to each stream, and the last display data."""
    seen: dict[str, Any] = {"stdout": "", "stderr": "", "error": ""}

    def keep(message: dict[str, Any]) -> None:
        content = message["content"]
        if message["msg_type"] == "stream":
            seen[content["name"]] += content["text"]
        elif message["msg_type"] in ("execute_result", "display_data"):
            seen["data"] = content["data"]
        elif message["msg_type"] == "error":
            seen["error"] = "\n".join(content["traceback"])

    try:
        client.execute_interactive(code, output_hook=keep, timeout=60, store_history=True)
    except (TimeoutError, Empty):
        pytest.fail(json.dumps(seen))
    return seen


def test_a_kernel_finds_the_server_that_started_it(server_of_kernels: JupyterServer, tmp_path: Path) -> None:
    with _kernel_of(server_of_kernels) as kernel:
        said = _run(kernel, CONNECT)
        assert (said["stdout"], said["stderr"], said["error"]) == ("server | the server of this kernel\n", "", "")
        session = _run(kernel, "s")["data"]
        assert session["text/plain"].startswith("<ATT server: http://")
        assert "the server of this kernel" in session["text/html"]
        made = _run(kernel, f"s.project('demo', path={str(tmp_path)!r}, command=['sleep', '600'])")["data"]
        assert made["text/plain"] == "<project demo: stopped, unknown>"
        status = _run(kernel, "s.project('demo').runtime.start(wait='running')")["data"]
        assert "● running" in status["text/plain"]
        assert "<table" in status["text/html"]
        signature = kernel.inspect("s.projects.create", 17, reply=True, timeout=30)["content"]
        assert "template" in str(signature["data"])
        _run(kernel, "s.project('demo').delete()")


def test_keywords_of_settings_are_completed(server_of_kernels: JupyterServer) -> None:
    with _kernel_of(server_of_kernels) as kernel:
        _run(kernel, "import att; s = att.connect(); p = s.handle('demo')")
        code = "p.update(grace_"
        matches = kernel.complete(code, len(code), reply=True, timeout=30)["content"]["matches"]
        assert "grace_seconds=" in matches


def test_a_failed_start_shows_its_last_lines_in_the_notebook(server_of_kernels: JupyterServer, tmp_path: Path) -> None:
    with _kernel_of(server_of_kernels) as kernel:
        command = ["sh", "-c", "echo the last words >&2; exit 3"]
        _run(kernel, f"import att; p = att.connect().project('bad', path={str(tmp_path)!r}, command={command!r})")
        told = _run(kernel, "p.runtime.start(wait='healthy')")
        assert "StartFailed" in told["error"]
        assert "the last words" in told["error"]
        _run(kernel, "p.delete()")


def test_a_kernel_that_another_program_started_drives_no_server(
    server_of_kernels: JupyterServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(server_of_kernels.runtime_dir))
    monkeypatch.setenv("ATT_DATA_DIR", str(tmp_path / "data"))
    manager = KernelManager()
    manager.start_kernel()
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        said = _run(client, CONNECT)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert said["stdout"] == "embedded | no Jupyter server started this process\n"
    assert said["stderr"] == ""
