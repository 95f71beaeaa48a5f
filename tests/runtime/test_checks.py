"""Asking one probe once, of real servers, ports and commands."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest

from att.runtime.checks import Attempt, Target, ask
from att.runtime.models import PROBE_SOURCE, Probe, ProbeResult
from tests.runtime.managed import HANG_SECONDS, python
from tests.support.waiting import eventually


class Handler(BaseHTTPRequestHandler):
    """Answers by path: a status, a redirect, a slow drip, or a hang."""

    seen: list[tuple[str, str, str]]
    release: threading.Event

    def do_GET(self) -> None:
        self.seen.append((self.path, self.client_address[0], self.headers["User-Agent"]))
        kind, _, rest = self.path.strip("/").partition("/")
        if kind == "hang":
            self.release.wait(HANG_SECONDS)
        elif kind == "drip":
            with contextlib.suppress(OSError):
                while not self.release.wait(0.05):
                    self.wfile.write(b"H")
        elif kind == "to":
            self.send_response(302)
            self.send_header("Location", "/" + rest if not rest.startswith("http") else rest.replace("_", "/"))
            self.end_headers()
        else:
            self.send_response(200 if kind == "long" else int(kind))
            self.end_headers()
            self.wfile.write(b"a" * 5000 + b"!\n" if kind == "long" else b'{"status": "fine"}')

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def handler() -> Iterator[tuple[str, type[Handler]]]:
    own = type("Own", (Handler,), {"seen": [], "release": threading.Event()})
    with ThreadingHTTPServer(("127.0.0.1", 0), own) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", own
        own.release.set()  # type: ignore[attr-defined]
        server.shutdown()
        thread.join()


def asked(folder: Path = Path("/"), attempt: Attempt | None = None, **probe: Any) -> ProbeResult:
    return ask(Probe.model_validate(probe), Target(folder, dict(os.environ)), attempt or Attempt())


def test_a_process_probe_passes(tmp_path: Path) -> None:
    assert asked(kind="process").result == "pass"


@pytest.mark.parametrize(
    ("path", "more", "result"),
    [
        ("/200", {}, "pass"),
        ("/204", {}, "pass"),
        ("/404", {}, "fail"),
        ("/503", {}, "fail"),
        ("/503", {"statuses": [503]}, "pass"),
        ("/200", {"statuses": [204]}, "fail"),
        ("/200", {"body_pattern": '"status": "f.ne"'}, "pass"),
        ("/200", {"body_pattern": "degraded"}, "fail"),
        ("/200", {"body_without": "degraded"}, "pass"),
        ("/200", {"body_without": '"status": "f.ne"'}, "fail"),
        ("/200", {"body_pattern": "status", "body_without": "f[ij]ne"}, "fail"),
        ("/200", {"body_pattern": "(?!degraded)"}, "error"),
        ("/200", {"body_without": "("}, "error"),
        ("/to/200", {}, "pass"),
        ("/to/503", {}, "fail"),
        ("/to/to/to/200", {}, "pass"),
    ],
)
def test_http(handler: tuple[str, type[Handler]], path: str, more: dict[str, Any], result: str) -> None:
    answer = asked(kind="http", url=handler[0] + path, **more)
    assert answer.result == result, answer


def test_an_expression_that_would_backtrack_for_ever_is_answered(handler: tuple[str, type[Handler]]) -> None:
    assert asked(kind="http", url=f"{handler[0]}/long", body_pattern="^(a+)+$").result == "fail"
    assert asked(kind="http", url=f"{handler[0]}/long", body_pattern="^(a+)+!$").result == "pass"


def test_http_probes_come_from_their_own_address_and_say_so(handler: tuple[str, type[Handler]]) -> None:
    asked(kind="http", url=f"{handler[0]}/200")
    asked(kind="http", url=f"{handler[0].replace('127.0.0.1', 'localhost')}/200")
    expected = PROBE_SOURCE if sys.platform == "linux" else "127.0.0.1"
    assert handler[1].seen == [("/200", expected, "att-probe")] * 2


def test_a_redirect_to_another_host_is_not_followed(handler: tuple[str, type[Handler]]) -> None:
    answer = asked(kind="http", url=f"{handler[0]}/to/http:__example.invalid_200")
    assert answer.result == "pass"
    assert "redirect to http://example.invalid/200 not followed" in answer.detail
    answer = asked(kind="http", url=f"{handler[0]}/to/http:__example.invalid_200", statuses=[200])
    assert answer.result == "fail"


def test_redirects_without_end_fail(handler: tuple[str, type[Handler]]) -> None:
    assert asked(kind="http", url=handler[0] + "/to" * 20 + "/200").detail == "more than 5 redirects"


def test_a_hanging_server_fails_on_time(handler: tuple[str, type[Handler]]) -> None:
    answer = asked(kind="http", url=f"{handler[0]}/hang", timeout_seconds=0.1)
    assert (answer.result, answer.detail) == ("fail", "no answer within 0.1 s")
    assert answer.milliseconds < HANG_SECONDS * 1000 / 2


def test_a_server_that_drips_is_cut_short(handler: tuple[str, type[Handler]]) -> None:
    attempt = Attempt()
    timer = threading.Timer(0.2, attempt.cancel)
    timer.start()
    answer = asked(kind="http", url=f"{handler[0]}/drip", timeout_seconds=10, attempt=attempt)
    timer.join()
    assert (answer.result, attempt.cancelled) == ("fail", True)


def test_a_refused_connection_fails() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    for probe in ({"kind": "http", "url": f"http://127.0.0.1:{port}/"}, {"kind": "tcp", "port": port}):
        answer = asked(**probe)
        assert (answer.result, answer.detail) == ("fail", "connection refused")


def test_a_listening_port_passes() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert asked(kind="tcp", port=server.getsockname()[1]).result == "pass"


def test_what_cannot_be_asked_is_an_error() -> None:
    assert asked(kind="http", url="/health").result == "error"
    assert asked(kind="http", url="http://127.0.0.1:notaport/").result == "error"
    assert asked(kind="tcp").result == "error"
    assert asked(kind="command", command=["/no/such/program"]).result == "error"


@pytest.mark.parametrize(
    ("code", "result"), [("print('a'); print('b')", "pass"), ("print('b'); raise SystemExit(3)", "fail")]
)
def test_commands_pass_with_zero(tmp_path: Path, code: str, result: str) -> None:
    answer = asked(tmp_path, kind="command", command=python(code))
    assert (answer.result, answer.detail) == (result, f"exit code {0 if result == 'pass' else 3}: b")


LEAVES_ANOTHER = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"])
print(child.pid, os.getsid(0), flush=True)
open("pids", "w").write(f"{os.getpid()} {child.pid}")
if sys.argv[1] == "hang":
    time.sleep(600)
"""


@pytest.mark.parametrize("how", ["hang", "end", "cancel"])
def test_a_command_dies_as_a_group(tmp_path: Path, how: str) -> None:
    attempt = Attempt()
    canceller = threading.Thread(target=_cancel_when, args=(attempt, (tmp_path / "pids").exists))
    if how == "cancel":
        canceller.start()
    command = python(LEAVES_ANOTHER, "end" if how == "end" else "hang")
    answer = asked(tmp_path, attempt, kind="command", command=command, timeout_seconds=1.5 if how == "hang" else 20)
    if how == "cancel":
        canceller.join()
    assert answer.result == ("pass" if how == "end" else "fail")
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    eventually(lambda: not any(map(_runs, pids)), HANG_SECONDS)


def _cancel_when(attempt: Attempt, condition: Callable[[], bool]) -> None:
    eventually(condition, HANG_SECONDS)
    attempt.cancel()


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != "zombie"
    except psutil.NoSuchProcess:
        return False
