"""Ways to keep a program's output: ATT's shim, `cat` behind a pipe, supervisord, and pm2 where it is installed."""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import subprocess
import sys
import textwrap
import time
import xmlrpc.client
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Protocol

from att.runtime.launcher import Launcher, LaunchSpec, child_environment
from att.runtime.runlog import RunLog
from tests.benchmarks.support.meters import wait_until

__all__ = ["Att", "Cat", "Collector", "Pm2", "Supervisord", "available", "environment"]


def environment() -> dict[str, str]:
    """Return what every measured program is given."""
    return child_environment(os.environ)


class Collector(Protocol):
    """Runs one program at a time and keeps what it writes."""

    name: str

    def start(self, command: list[str]) -> None:
        """Start the program; return once it runs."""

    def pid(self) -> int:
        """Return the process that moves the output."""

    def size(self) -> int:
        """Return how many bytes of output have been kept so far."""

    def stop(self) -> None:
        """Stop the program; return once it has ended."""

    def close(self) -> None:
        """End everything."""


class Att:
    """A launcher with one run at a time, at its default settings."""

    name = "att"

    def __init__(self, folder: Path) -> None:
        self.launcher = Launcher(folder / "att")

    def start(self, command: list[str]) -> None:
        self.run = self.launcher.launch("bench", LaunchSpec(tuple(command), Path("/tmp"), environment()))
        self.log = RunLog(self.run.log_dir)

    def pid(self) -> int:
        state = self.run.state()
        assert state is not None
        return state.shim_pid

    def size(self) -> int:
        return self.log.end()

    def stop(self) -> None:
        self.run.stop(5)
        shutil.rmtree(self.run.path)  # as the others' files are emptied: fresh memory is slow in a virtual machine

    def close(self) -> None:
        shutil.rmtree(self.launcher.projects_dir, ignore_errors=True)


class Cat:
    """`program | cat > file`, the least that can be done."""

    name = "cat"

    def __init__(self, folder: Path) -> None:
        self.path = folder / "cat.log"

    def start(self, command: list[str]) -> None:
        with self.path.open("wb") as out:
            self.cat = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=out)
        self.program = subprocess.Popen(command, stdout=self.cat.stdin, env=environment())
        assert self.cat.stdin is not None
        self.cat.stdin.close()

    def pid(self) -> int:
        return self.cat.pid

    def size(self) -> int:
        return self.path.stat().st_size

    def stop(self) -> None:
        self.program.terminate()
        self.program.wait()
        self.cat.wait()

    def close(self) -> None:
        self.path.unlink(missing_ok=True)


class _UnixTransport(xmlrpc.client.Transport):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: object) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("localhost")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(str(self._path))
        return connection


class Supervisord:
    """A real supervisord, driven over its XML-RPC socket."""

    name = "supervisord"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.program = folder / "program.sh"
        self.out = folder / "supervisord.out"
        config = folder / "supervisord.conf"
        config.write_text(
            textwrap.dedent(f"""\
                [unix_http_server]
                file={folder}/s.sock
                [supervisord]
                nodaemon=true
                logfile={folder}/supervisord.log
                pidfile={folder}/supervisord.pid
                [rpcinterface:supervisor]
                supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
                [program:bench]
                command=/bin/sh {self.program}
                autostart=false
                autorestart=false
                startsecs=0
                stdout_logfile={self.out}
                stdout_logfile_maxbytes=0
                """)
        )
        command = [sys.executable, "-W", "ignore", "-m", "supervisor.supervisord", "-c", str(config)]
        self.daemon = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment())
        wait_until((folder / "s.sock").exists)
        proxy = xmlrpc.client.ServerProxy("http://localhost", transport=_UnixTransport(folder / "s.sock"))
        self.api = proxy.supervisor
        time.sleep(0.5)

    def start(self, command: list[str]) -> None:
        quoted = " ".join("'" + part.replace("'", "'\\''") + "'" for part in command)
        self.program.write_text(f"exec {quoted}\n")
        self.begin()

    def begin(self) -> None:
        """Start the program that was started last."""
        self.out.unlink(missing_ok=True)
        self.api.startProcess("bench", False)

    def pid(self) -> int:
        return self.daemon.pid

    def size(self) -> int:
        return self.out.stat().st_size if self.out.exists() else 0

    def stop(self) -> None:
        self.api.stopProcess("bench", True)

    def close(self) -> None:
        self.daemon.terminate()
        self.daemon.wait()


class Pm2:
    """A pm2 daemon of its own, where npm's pm2 is on the PATH."""

    name = "pm2"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = {**environment(), "PM2_HOME": str(folder / "pm2")}
        self.out = folder / "pm2.out"
        self._pm2("ping")

    def _pm2(self, *arguments: str) -> None:
        subprocess.run(["pm2", *arguments], env=self.env, check=True, capture_output=True)

    def start(self, command: list[str]) -> None:
        script = self.folder / "pm2.sh"
        quoted = " ".join("'" + part.replace("'", "'\\''") + "'" for part in command)
        script.write_text(f"exec {quoted}\n")
        self._pm2("start", str(script), "--name", "bench", "--interpreter", "/bin/sh", "--output", str(self.out))

    def pid(self) -> int:
        return int((self.folder / "pm2" / "pm2.pid").read_text())

    def size(self) -> int:
        return self.out.stat().st_size if self.out.exists() else 0

    def stop(self) -> None:
        self._pm2("delete", "bench")
        self.out.unlink(missing_ok=True)

    def close(self) -> None:
        self._pm2("kill")


class available:  # noqa: N801
    """Open every collector that this machine has, and close them all."""

    def __init__(self, folder: Path) -> None:
        kinds: list[Callable[[Path], Collector]] = [Cat, Supervisord, Att]
        if shutil.which("pm2"):
            kinds.append(Pm2)
        self.collectors: list[Collector] = [kind(folder) for kind in kinds]

    def __enter__(self) -> list[Collector]:
        return self.collectors

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for collector in self.collectors:
            collector.close()
