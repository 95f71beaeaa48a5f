"""Which ATT is found: the order of looking, what has to be proved, and what a person is told."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

import att
from att.client import discovery
from att.client.session import Session
from tests.client.scripted import Asked, Reply, ScriptedServer, health, scripted

PARENT = os.getppid()


@pytest.fixture(autouse=True)
def runtime_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty runtime directory, and a process that inherits nothing."""
    for name in list(os.environ):
        if name.startswith(("ATT_", "JPY_", "JUPYTERHUB_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    (tmp_path / "runtime").mkdir()
    return tmp_path / "runtime"


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, str]]:
    """What was opened in this process instead of a server; the workspace itself is tested elsewhere."""
    from tests.client.test_remote import Recorder

    opened: list[tuple[Any, str]] = []

    def record(data_dir: Any, why: str) -> Session:
        opened.append((data_dir, why))
        return Session(Recorder(), why)  # type: ignore[arg-type]

    monkeypatch.setattr(discovery, "open_workspace", record)
    return opened


class Server:
    """A server that says it is the parent of this process, and wants a token."""

    def __init__(self, http: ScriptedServer) -> None:
        self.http = http
        self.url = http.url
        self.told: dict[str, Any] = health(pid=PARENT, instance_id="abc")
        self.token: str | None = "secret"
        self.loaded = True

    def publish(self, folder: Path, name: str = "att", **changed: Any) -> None:
        facts = {"url": self.url, "token": "secret", "pid": PARENT}
        if name == "att":
            facts |= {"create_time": psutil.Process(PARENT).create_time(), "instance_id": "abc", "data_dir": "/nowhere"}
        (folder / f"{name}-{PARENT}.json").write_text(json.dumps({**facts, **changed}))


@pytest.fixture
def server() -> Iterator[Server]:
    def answer(asked: Asked) -> Reply:
        if found.token is not None and asked.headers.get("authorization") != f"Bearer {found.token}":
            return Reply(b"login", 403, "text/html")
        return Reply(found.told) if found.loaded else Reply(b"<html>", 404, "text/html")

    with scripted(answer) as http:
        found = Server(http)
        yield found


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make this process one that the parent started as a kernel."""
    monkeypatch.setenv("JPY_PARENT_PID", str(PARENT))


def test_an_address_that_is_named_is_used(server: Server) -> None:
    with att.connect(server.url, "secret") as session:
        assert (session.mode, repr(session)) == ("server", f"<ATT server: {server.url} (named)>")


@pytest.mark.parametrize("written", ["{url}lab?token=secret", "{url}?token=secret", "{url}tree?token=secret"])
def test_an_address_copied_from_the_browser_is_understood(server: Server, written: str) -> None:
    with att.connect(written.format(url=server.url)) as session:
        assert session.transport.where == server.url


def test_a_published_token_opens_the_server_that_is_named(server: Server, runtime_dir: Path) -> None:
    server.publish(runtime_dir)
    with att.connect(server.url.rstrip("/").replace("127.0.0.1", "localhost")) as session:
        assert session.health().pid == PARENT


def test_variables_name_a_server(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATT_URL", server.url)
    monkeypatch.setenv("ATT_TOKEN", "secret")
    monkeypatch.setenv("ATT_EMBEDDED", "1")
    with att.connect() as session:
        assert (session.mode, session.why) == ("server", "ATT_URL")


def test_a_named_server_that_refuses_is_an_error_and_no_reason_to_go_elsewhere(server: Server) -> None:
    with pytest.raises(att.Unauthenticated, match=r"att\.connect\(url, token\)"):
        att.connect(server.url, "wrong")


@pytest.mark.parametrize("url", ["localhost:8888", "ftp://host/", "nonsense"])
def test_what_is_no_address_is_invalid(url: str) -> None:
    with pytest.raises(att.Invalid, match="looks like"):
        att.connect(url)


def test_a_server_and_a_directory_together_are_invalid(server: Server, tmp_path: Path) -> None:
    with pytest.raises(att.Invalid):
        att.connect(server.url, data_dir=tmp_path)


def test_the_server_that_started_the_kernel_is_found(server: Server, runtime_dir: Path, kernel: None) -> None:
    server.publish(runtime_dir)
    with att.connect() as session:
        assert (session.mode, session.why) == ("server", "the server of this kernel")


def test_its_jupyter_file_is_the_second_choice(server: Server, runtime_dir: Path, kernel: None) -> None:
    server.publish(runtime_dir, "jpserver")
    with att.connect() as session:
        assert session.why == "the Jupyter server of this kernel"


def test_jupyterhub_is_the_third_choice(server: Server, kernel: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTERHUB_SERVICE_URL", server.url.replace("127.0.0.1", "0.0.0.0"))
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/")
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "secret")
    with att.connect() as session:
        assert session.why == "the JupyterHub server"


def test_a_hub_server_that_did_not_start_this_kernel_is_left_alone(
    server: Server, kernel: None, monkeypatch: pytest.MonkeyPatch, embedded: list[Any]
) -> None:
    server.told |= {"pid": PARENT + 1}
    monkeypatch.setenv("JUPYTERHUB_SERVICE_URL", server.url)
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/")
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "secret")
    att.connect()
    assert embedded == [(None, "the server refused")]


def test_the_variable_for_embedding_comes_before_the_files(
    server: Server, runtime_dir: Path, kernel: None, monkeypatch: pytest.MonkeyPatch, embedded: list[Any]
) -> None:
    server.publish(runtime_dir)
    monkeypatch.setenv("ATT_EMBEDDED", "1")
    assert att.connect().why == "ATT_EMBEDDED"


def test_embedding_that_is_asked_for_comes_first(
    server: Server, monkeypatch: pytest.MonkeyPatch, embedded: list[Any], tmp_path: Path
) -> None:
    monkeypatch.setenv("ATT_URL", server.url)
    att.connect(embedded=True, data_dir=tmp_path)
    assert embedded == [(tmp_path, "asked for")]


def test_without_a_server_a_workspace_is_opened_and_nothing_is_said(
    embedded: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    att.connect()
    assert embedded == [(None, "no Jupyter server started this process")]
    assert capsys.readouterr() == ("", "")


Break = Callable[[Server, Path], None]


def _other_instance(server: Server, folder: Path) -> None:
    server.publish(folder, instance_id="other")


def _not_loaded(server: Server, folder: Path) -> None:
    server.loaded = False
    server.publish(folder, "jpserver")


def _password(server: Server, folder: Path) -> None:
    server.publish(folder, "jpserver", token="")


def _other_version(server: Server, folder: Path) -> None:
    server.told |= {"api_version": "2.1", "version": "2.3.4"}
    server.publish(folder)


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (_other_instance, "answered by another server"),
        (_not_loaded, "not loaded in its Jupyter server"),
        (_password, "publishes no token for its kernels"),
        (_other_version, r"pip install 'jupyter-att==2\.3\.4'"),
    ],
)
def test_a_server_that_cannot_be_used_is_told_in_one_line(
    broken: Break,
    words: str,
    server: Server,
    runtime_dir: Path,
    kernel: None,
    embedded: list[Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    broken(server, runtime_dir)
    att.connect()
    assert embedded == [(None, "the server refused")]
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert re.search(words, captured.err)


def test_a_server_that_is_insisted_on_raises_with_every_reason(server: Server, runtime_dir: Path, kernel: None) -> None:
    _not_loaded(server, runtime_dir)
    with pytest.raises(att.Unavailable, match="not loaded"):
        att.connect(embedded=False)


def test_insisting_on_a_server_without_one_says_how_to_name_it() -> None:
    with pytest.raises(att.Unavailable, match="Name one"):
        att.connect(embedded=False)


def test_the_file_of_an_earlier_process_with_the_same_pid_is_passed_over(
    server: Server, runtime_dir: Path, kernel: None, embedded: list[Any]
) -> None:
    server.publish(runtime_dir, create_time=1.0)
    att.connect()
    assert server.http.asked == []


def test_a_directory_is_served_by_the_server_only_if_it_is_its_own(
    server: Server, runtime_dir: Path, kernel: None, embedded: list[Any], tmp_path: Path
) -> None:
    server.publish(runtime_dir)
    assert att.connect(data_dir="/nowhere").mode == "server"
    att.connect(data_dir=tmp_path)
    assert embedded == [(tmp_path, "the server refused")]


def test_a_process_that_only_inherited_the_variables_of_a_kernel_drives_no_server(
    server: Server, runtime_dir: Path
) -> None:
    server.publish(runtime_dir)
    code = "import att\ntry: att.connect(embedded=False)\nexcept att.Unavailable as error: print(error)"
    env = {**os.environ, "JPY_PARENT_PID": str(PARENT)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60, check=True)
    assert "No Jupyter server has started this process" in done.stdout
    assert server.http.asked == []
