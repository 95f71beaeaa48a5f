"""A real NeMo Agent Toolkit app lives through what running apps live through."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

import att
from att.client.session import Session
from tests.support.waiting import eventually

pytestmark = [pytest.mark.nat, pytest.mark.timeout(300)]


@pytest.fixture
def echo(session: Session, tmp_path: Path, python: Path) -> att.ProjectHandle:
    return session.projects.create("echo", template="nat-echo", path=str(tmp_path / "echo"), python=str(python))


def test_the_template_becomes_healthy_and_answers(echo: att.ProjectHandle) -> None:
    assert echo.status().adapter == "nat"
    status = echo.runtime.start(wait="healthy", timeout=120)
    assert (status.state, status.health) == ("running", "healthy")
    assert echo.http.post("/v1/workflow", json={"message": "hello"}).json() == {"value": "echo: hello"}
    asked = {"messages": [{"role": "user", "content": "hi"}]}
    chat = echo.http.post("/v1/chat/completions", json=asked).json()
    assert chat["choices"][0]["message"]["content"] == "echo: hi"


def test_lines_that_probes_caused_are_hidden_and_kept(echo: att.ProjectHandle) -> None:
    echo.runtime.start(wait="healthy", timeout=120)
    echo.http.get("/health")
    echo.runtime.probe()

    def access_lines(probes: bool) -> list[str]:
        return [line.text for line in echo.logs.read(limit=10_000, probes=probes).lines if "GET /health" in line.text]

    eventually(lambda: access_lines(probes=False))
    assert len(access_lines(probes=False)) == 1, "the request of a person is shown"
    assert len(access_lines(probes=True)) > 1, "those of the probes are only hidden"


def test_a_killed_app_is_restarted_with_its_evidence(echo: att.ProjectHandle) -> None:
    echo.update(restart="on_failure")
    first = echo.runtime.start(wait="healthy", timeout=120)
    assert first.pid is not None
    os.kill(first.pid, signal.SIGKILL)
    eventually(lambda: echo.runtime.status().run_id != first.run_id and echo.runtime.status().health == "healthy", 120)
    record = echo.runtime.diagnostics().restarts[-1]
    assert (record.old_run_id, record.trigger) == (first.run_id, "exit")
    assert record.exit is not None
    assert (record.exit.code, record.exit.signal) == (None, signal.SIGKILL)


def test_stopping_leaves_no_process_and_no_configuration_behind(echo: att.ProjectHandle) -> None:
    status = echo.runtime.start(wait="healthy", timeout=120)
    assert status.pid is not None
    app = psutil.Process(status.pid)
    family, private = [app, *app.children(recursive=True)], Path(app.environ()["TMPDIR"])
    assert list(private.glob("nat_config*")), "NAT leaves its expanded configuration in the temporary folder"
    ended = echo.runtime.stop()
    assert ended.state == "stopped"
    assert ended.exit is not None
    assert ended.exit.requested
    assert not [process for process in family if process.is_running()]
    assert not private.exists()


def test_an_unknown_component_is_explained_with_its_package(echo: att.ProjectHandle, tmp_path: Path) -> None:
    (tmp_path / "echo" / "agent.yml").write_text("workflow:\n  _type: react_agent\n  llm_name: none\n")
    echo.update(nat_config="agent.yml")
    with pytest.raises(att.StartFailed, match="react_agent") as caught:
        echo.runtime.start(wait="healthy", timeout=120)
    assert "pip install nvidia-nat-langchain" in caught.value.details["remedy"]


def test_a_port_in_use_is_said_before_the_start(echo: att.ProjectHandle) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        echo.update(port=taken.getsockname()[1])
        with pytest.raises(att.ATTError, match=f"(?i)port {taken.getsockname()[1]}"):
            echo.runtime.start(wait="healthy", timeout=120)


def test_it_runs_without_a_network(session: Session, tmp_path: Path, python: Path) -> None:
    """The app is started in a network namespace that has only its own loopback."""
    unshare = shutil.which("unshare")
    if unshare is None or subprocess.run([unshare, "-rn", "true"], capture_output=True, check=False).returncode:
        if os.environ.get("CI"):
            pytest.fail("unshare -rn does not work here")
        pytest.skip("network namespaces are not allowed here")
    folder = tmp_path / "offline"
    session.projects.create("offline", template="nat-echo", path=str(folder), python=str(python))
    config = folder / "src/nat_echo/configs/config.yml"
    run = [str(python), "-m", "nat.cli.main", "run", "--config_file", str(config), "--input", "hello"]
    done = subprocess.run(
        [unshare, "-rn", *run], capture_output=True, text=True, check=False, timeout=120,
        env={**os.environ, "NAT_TELEMETRY_ENABLED": "false"},
    )  # fmt: skip
    assert "echo: hello" in done.stdout + done.stderr, done.stderr[-2000:]
