"""Free ports for projects, and who sits on a fixed one."""

from __future__ import annotations

import errno
import socket

from att.errors import StartFailed

__all__ = ["LOOPBACK", "check_port", "choose_port", "is_free"]

LOOPBACK = "127.0.0.1"


def choose_port(fixed: int | None, preferred: int | None = None) -> int:
    """Return the fixed port, else the preferred one if it is free (a restart keeps its address), else a free one.

    Raises StartFailed when the fixed port is in use, saying by whom if that can be known.
    """
    if fixed is not None:
        check_port(fixed)
        return fixed
    if preferred is not None and is_free(preferred):
        return preferred
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def check_port(port: int) -> None:
    """Raise StartFailed when somebody listens on the port."""
    if is_free(port):
        return
    listener = _listener(port)
    by = f" by {listener}" if listener else ""
    remedy = "Stop that program, set another port, or leave the port out to get a free one."
    raise StartFailed(f"Port {port} is in use{by}. {remedy}", reason="port_in_use", port=port, remedy=remedy)


def is_free(port: int) -> bool:
    """Say whether a server could listen on the port; connections that linger after a restart do not count."""
    for host in (LOOPBACK, "0.0.0.0"):  # noqa: S104 - bound for a moment, never listening
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    return False
    return True


def _listener(port: int) -> str | None:
    """Name the process that listens, when this user may know."""
    import psutil

    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port:
                return None if connection.pid is None else f"{psutil.Process(connection.pid).name()} ({connection.pid})"
    except (psutil.Error, OSError):
        return None
    return None
