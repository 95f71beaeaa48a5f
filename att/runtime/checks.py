"""Ask one probe once: process, http, tcp and command checks that end on time and can be cancelled."""

from __future__ import annotations

import contextlib
import errno
import http.client
import ipaddress
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Literal
from urllib.parse import SplitResult, urljoin, urlsplit

from att.errors import Invalid
from att.expressions import Expression
from att.models import now
from att.runtime.models import PROBE_SOURCE, Probe, ProbeResult
from att.runtime.ports import LOOPBACK

__all__ = ["Attempt", "Target", "ask"]

BODY_BYTES = 256 * 1024
REDIRECTS = 5
DETAIL_CHARACTERS = 300
USER_AGENT = "att-probe"
_CANNOT_BIND = (errno.EADDRNOTAVAIL, errno.EINVAL, errno.EAFNOSUPPORT)

Answer = Literal["pass", "fail", "error"]


@dataclass(frozen=True)
class Target:
    """Where probe commands run, and with which environment."""

    cwd: Path
    env: Mapping[str, str] = field(default_factory=dict, repr=False)


class Attempt:
    """One asking that can be cut short from another thread. `_lock` guards what is to be closed then."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._enders: list[Callable[[], None]] = []
        self.cancelled = False

    def on_cancel(self, ender: Callable[[], None]) -> None:
        """Call `ender` when this is cancelled; at once if it is already."""
        with self._lock:
            if not self.cancelled:
                self._enders.append(ender)
                return
        ender()

    def done(self) -> None:
        """Forget what was to be closed; call it before the descriptors are used for something else."""
        with self._lock:
            self._enders.clear()

    def cancel(self) -> None:
        """Cut the asking short; harmless when it is over."""
        with self._lock:
            self.cancelled = True
            for ender in self._enders:
                ender()
            self._enders.clear()


def ask(probe: Probe, target: Target, attempt: Attempt, clock: Callable[[], datetime] = now) -> ProbeResult:
    """Ask a probe once; never raises. What takes longer than the timeout, or was cancelled, is a failure."""
    at = clock()
    begun = time.monotonic()
    try:
        answer, detail = _ask(probe, target, attempt)
    except TimeoutError:
        answer, detail = "fail", ""
    except (OSError, http.client.HTTPException, ValueError) as error:
        answer, detail = _trouble(error)
    finally:
        attempt.done()
    took = time.monotonic() - begun
    if answer != "pass" and (attempt.cancelled or took >= probe.timeout_seconds or not detail):
        answer, detail = "fail", f"no answer within {probe.timeout_seconds:g} s"
    return ProbeResult(
        at=at,
        role=probe.role,
        kind=probe.kind,
        result=answer,
        milliseconds=round(took * 1000, 3),
        detail=detail[:DETAIL_CHARACTERS],
    )


def _ask(probe: Probe, target: Target, attempt: Attempt) -> tuple[Answer, str]:
    if probe.kind == "http":
        return _ask_http(probe, attempt)
    if probe.kind == "tcp":
        return _ask_tcp(probe, attempt)
    if probe.kind == "command":
        return _ask_command(probe, target, attempt)
    return "pass", ""  # that the process lives is looked at before every probe


def _trouble(error: Exception) -> tuple[Answer, str]:
    """Tell a refusing project from a probe that cannot run."""
    if isinstance(error, ConnectionRefusedError):
        return "fail", "connection refused"
    if isinstance(error, ConnectionError | http.client.HTTPException):
        return "fail", f"{type(error).__name__}: {error}"
    return "error", f"{type(error).__name__}: {error}"


def _ask_tcp(probe: Probe, attempt: Attempt) -> tuple[Answer, str]:
    if probe.port is None:
        return "error", "the probe has no port, and the project none of its own"
    _connect(LOOPBACK, probe.port, probe.timeout_seconds, attempt).close()
    return "pass", ""


def _connect(host: str, port: int, timeout: float, attempt: Attempt) -> socket.socket:
    """Connect from ATT's own loopback address where that is possible. Raises OSError."""
    if _is_loopback(host):
        try:
            return _open((host, port), timeout, attempt, (PROBE_SOURCE, 0))
        except OSError as error:
            own_address_failed = isinstance(error, socket.gaierror) or error.errno in _CANNOT_BIND
            if not own_address_failed and host != "localhost":  # that name may mean ::1 only
                raise
            if isinstance(error, TimeoutError):
                raise
    return _open((host, port), timeout, attempt, None)


def _open(address: tuple[str, int], timeout: float, attempt: Attempt, source: tuple[str, int] | None) -> socket.socket:
    if attempt.cancelled:
        raise TimeoutError
    connection = socket.create_connection(address, timeout, source)
    attempt.on_cancel(lambda: _shut(connection))
    return connection


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _ask_http(probe: Probe, attempt: Attempt) -> tuple[Answer, str]:
    url = probe.url or ""
    first = urlsplit(url)
    if first.scheme not in ("http", "https") or not first.hostname:
        return "error", f"{url!r} is not an address that can be asked, and the project has no port of its own"
    for _step in range(REDIRECTS + 1):
        status, location, body = _get(urlsplit(url), probe, attempt)
        if location is None:
            return _judge(probe, status, body)
        following = urljoin(url, location)
        if (urlsplit(following).hostname, urlsplit(following).scheme) != (first.hostname, first.scheme):
            return _judge(probe, status, body, f" (redirect to {following} not followed)")
        url = following
    return "fail", f"more than {REDIRECTS} redirects"


def _judge(probe: Probe, status: int, body: str, note: str = "") -> tuple[Answer, str]:
    if not (status in probe.statuses if probe.statuses is not None else 200 <= status < 400):
        return "fail", f"status {status}{note}"
    for name, wanted in (("body_pattern", True), ("body_without", False)):
        pattern = getattr(probe, name)
        if pattern is None:
            continue
        try:
            found = Expression(pattern, name).matches(body)
        except Invalid as error:
            return "error", error.message
        if found is not wanted:
            verb = "does not match" if wanted else "matches"
            return "fail", f"status {status}, but the body {verb} {pattern!r}{note}"
    return "pass", f"status {status}{note}"


def _get(url: SplitResult, probe: Probe, attempt: Attempt) -> tuple[int, str | None, str]:
    """Return status, redirect target and body of one GET."""
    host = url.hostname or ""
    port = url.port or (443 if url.scheme == "https" else 80)
    connection = http.client.HTTPConnection(host, port, timeout=probe.timeout_seconds)
    with contextlib.closing(connection):
        connection.sock = _secured(_connect(host, port, probe.timeout_seconds, attempt), url, attempt)
        path = f"{url.path or '/'}{f'?{url.query}' if url.query else ''}"
        connection.request("GET", path, headers={"User-Agent": USER_AGENT, "Connection": "close", "Accept": "*/*"})
        response = connection.getresponse()
        looked_at = probe.body_pattern is not None or probe.body_without is not None
        body = response.read(BODY_BYTES).decode("utf-8", "replace") if looked_at else ""
        redirect = response.getheader("Location") if response.status in (301, 302, 303, 307, 308) else None
        response.close()
        return response.status, redirect, body


def _secured(connection: socket.socket, url: SplitResult, attempt: Attempt) -> socket.socket:
    if url.scheme != "https":
        return connection
    import ssl

    secured = ssl.create_default_context().wrap_socket(connection, server_hostname=url.hostname)
    attempt.on_cancel(lambda: _shut(secured))
    return secured


def _ask_command(probe: Probe, target: Target, attempt: Attempt) -> tuple[Answer, str]:
    """Run a command in its own session; on timeout, and when it leaves something behind, the whole group dies."""
    if attempt.cancelled:
        raise TimeoutError
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            probe.command or (),
            cwd=target.cwd,
            env=dict(target.env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        attempt.on_cancel(lambda: _kill_group(process.pid))
        try:
            code = process.wait(probe.timeout_seconds)
        except subprocess.TimeoutExpired:
            raise TimeoutError from None
        finally:
            attempt.done()
            _kill_group(process.pid)
            process.wait()
        said = _last_line(output)
    return ("pass" if code == 0 else "fail"), f"exit code {code}{f': {said}' if said else ''}"


def _kill_group(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def _last_line(output: BinaryIO) -> str:
    size = output.seek(0, os.SEEK_END)
    output.seek(max(0, size - 4096))
    lines = output.read().decode("utf-8", "replace").strip().splitlines()
    return lines[-1].strip() if lines else ""
