"""The demonstration behind `make demo`: two projects live through what running projects live through."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

import att
from att.client.project import ProjectHandle
from att.client.session import Session

__all__ = ["main"]

_SUPERVISOR = """
import signal, sys, att
session = att.connect(embedded=True, data_dir=sys.argv[1])
status = session.project(sys.argv[2]).runtime.start(wait="healthy", timeout=180)
print(status.pid, flush=True)
signal.pause()
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the demonstration and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m att.demo", description=main.__doc__)
    parser.add_argument("--dir", type=Path, default=Path.cwd() / "att-demo", help="Folder for the projects and data.")
    parser.add_argument("--python", help="A Python that has NeMo Agent Toolkit; default: an environment is made.")
    parser.add_argument("--service-only", action="store_true", help="Leave the NeMo Agent Toolkit app out.")
    chosen = parser.parse_args(arguments)
    data_dir = chosen.dir.absolute() / "data"
    with att.connect(embedded=True, data_dir=data_dir) as session:
        _title("1. A service of the standard library")
        service = _fresh(session, "service", template="service", path=chosen.dir / "service")
    _live(data_dir, "service", _ask_service)
    if not chosen.service_only:
        with att.connect(embedded=True, data_dir=data_dir) as session:
            _title("2. A NeMo Agent Toolkit app (the first time its environment is installed: about a minute)")
            _kept(session, "nat-echo", template="nat-echo", path=chosen.dir / "nat-echo", python=chosen.python)
        _live(data_dir, "nat-echo", _ask_nat)
    print(f"\nDone. Everything is kept in {chosen.dir}; look around with:  att --data-dir {data_dir} project list")
    del service
    return 0


def _fresh(session: Session, name: str, **how: Any) -> ProjectHandle:
    with suppress(att.NotFound):
        session.project(name).delete(files=True)
    session.projects.create(name, **how)
    return session.project(name)


def _kept(session: Session, name: str, **how: Any) -> ProjectHandle:
    with suppress(att.NotFound):
        project = session.project(name)
        setup = project.status().setup
        if setup is None or setup.state == "succeeded":
            return project
    return _fresh(session, name, **how)


def _live(data_dir: Path, name: str, ask: Callable[[ProjectHandle], str]) -> None:
    """Take one project through its life; each step says what was seen."""
    pid, seconds = _supervised_by_somebody_who_dies(data_dir, name)
    _step("started", f"healthy after {seconds:.1f} s, pid {pid}")
    with att.connect(embedded=True, data_dir=data_dir) as session:
        project = session.project(name)
        status = project.runtime.start(wait="healthy", timeout=60)
        _check(status.pid == pid, "its supervisor was killed with -9; the app was adopted: the same pid, one copy")
        _step("answered", ask(project))
        page = project.logs.read(limit=3)
        _step("wrote", f"{len(page.lines)} lines read, the cursor is {page.cursor}")
        for line in project.logs.read(page.cursor, limit=3).lines:
            print(f"      {line.at:%H:%M:%S} {line.stream:6} {line.text[:90]}")
        _crash_and_recover(project)
        _stop(project)


def _supervised_by_somebody_who_dies(data_dir: Path, name: str) -> tuple[int, float]:
    begun = time.monotonic()
    command = [sys.executable, "-c", _SUPERVISOR, str(data_dir), name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout is not None
        answer = supervisor.stdout.readline()
        seconds = time.monotonic() - begun
        supervisor.kill()
    if not answer.strip():
        raise SystemExit(f"The project {name!r} did not start; the reason is above.")
    return int(answer), seconds


def _crash_and_recover(project: ProjectHandle) -> None:
    project.update(restart="on_failure")
    before = project.runtime.status()
    assert before.pid is not None
    os.kill(before.pid, signal.SIGSEGV)
    _wait(lambda: project.runtime.status().run_id != before.run_id and project.runtime.status().health == "healthy")
    record = project.runtime.diagnostics().restarts[-1]
    assert record.exit is not None
    _check(
        record.exit.signal == signal.SIGSEGV,
        f"crashed with {record.exit.signal_name}, restarted after {record.delay_seconds:.1f} s: {record.exit.reason}",
    )


def _stop(project: ProjectHandle) -> None:
    status = project.runtime.status()
    assert status.pid is not None
    assert status.shim_pid is not None
    family = [psutil.Process(status.shim_pid), *psutil.Process(status.shim_pid).children(recursive=True)]
    ended = project.runtime.stop()
    left = [process.pid for process in family if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
    _check(ended.pid is None and not left, f"stopped: {len(family)} processes ended, none is left")


def _ask_service(project: ProjectHandle) -> str:
    answer = project.http.get("/health")
    return f"GET /health -> {answer.status_code} {answer.text.strip()}"


def _ask_nat(project: ProjectHandle) -> str:
    answer = project.http.post("/v1/workflow", json={"message": "hello"})
    return f"POST /v1/workflow hello -> {answer.status_code} {answer.text.strip()}"


def _wait(done: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise SystemExit("The project did not recover in time.")
        time.sleep(0.1)


def _title(text: str) -> None:
    print(f"\n{text}\n{'-' * len(text)}")


def _step(name: str, text: str) -> None:
    print(f"  {name:9} {text}")


def _check(true: bool, text: str) -> None:
    if not true:
        raise SystemExit(f"  FAILED    {text}")
    _step("ok", text)


if __name__ == "__main__":
    sys.exit(main())
