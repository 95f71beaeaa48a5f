"""Real programs under a real launcher, for the tests of shim, run directories, launcher and logs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from att.runtime.launcher import Launcher, LaunchSpec, child_environment
from att.runtime.logs import ProjectLogs
from att.runtime.models import ExitRecord, LogLine, LogPage
from att.runtime.rundir import RunDirectory

__all__ = ["Bench", "bench_in", "process_gone"]

HANG_SECONDS = 40.0


class Bench:
    """A data directory in which tests start Python programs as project `demo`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.launcher = Launcher(folder / "projects")
        self.logs = ProjectLogs(self.launcher)

    def spec(self, code: str, *arguments: str, **settings: Any) -> LaunchSpec:
        env = child_environment(os.environ, settings.pop("env", {}))
        command = (sys.executable, "-S", "-c", code, *arguments)
        return LaunchSpec(command=command, cwd=self.folder, env=env, **settings)

    def start(self, code: str, *arguments: str, **settings: Any) -> RunDirectory:
        return self.launcher.launch("demo", self.spec(code, *arguments, **settings))

    def finish(self, code: str, *arguments: str, **settings: Any) -> tuple[RunDirectory, ExitRecord]:
        """Start a program and wait for its end."""
        run = self.start(code, *arguments, **settings)
        record = run.wait(HANG_SECONDS)
        if record is None:
            raise TimeoutError(f"{run.run_id} did not end")
        return run, record

    def pages(self, cursor: str | None = None, limit: int = 500, **filters: Any) -> Iterator[LogPage]:
        """Read page by page until nothing more can be read now."""
        more = True
        while more:
            page = self.logs.read("demo", cursor, limit, **filters)
            yield page
            if page.has_more and page.cursor == cursor:
                raise AssertionError("a page with more to come did not advance")
            cursor, more = page.cursor, page.has_more

    def lines(self, cursor: str | None = None, limit: int = 500, **filters: Any) -> list[LogLine]:
        return [line for page in self.pages(cursor, limit, **filters) for line in page.lines]

    def raw(self, cursor: str | None = None, max_bytes: int = 1 << 20) -> bytes:
        data = b""
        while True:
            page = self.logs.raw("demo", cursor, max_bytes)
            data += page.data
            if not page.has_more:
                return data
            cursor = page.cursor


@contextmanager
def bench_in(folder: Path) -> Iterator[Bench]:
    """Give a bench and end whatever still runs afterwards."""
    bench = Bench(folder)
    try:
        yield bench
    finally:
        for run in bench.launcher.runs("demo"):
            run.stop(0)


def process_gone(pid: int) -> bool:
    """Say whether no living process has this pid; a zombie does not live."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return stat.rpartition(")")[2].split()[0] in "ZX"
