"""A real RuntimeManager over a data directory, with shortened times, for this process or one that can be killed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from att.events.manager import EventLog
from att.models import now
from att.projects.models import Project
from att.projects.registry import ProjectRegistry
from att.runtime.command import CommandAdapter
from att.runtime.launcher import Launcher
from att.runtime.manager import RuntimeManager
from att.runtime.models import RuntimeStatus
from att.runtime.states import StateBook
from att.runtime.timings import Timings
from att.settings import ATT
from att.store import Store
from att.store.place import Place
from tests.support.waiting import eventually

__all__ = ["FAST", "HANG_SECONDS", "SLEEP", "STUBBORN", "TIMES", "Another", "MakeAnother", "Site", "python"]

HANG_SECONDS = 30.0
TIMES: dict[str, float] = {
    "check": 0.1,
    "settle": 0.1,
    "first_probe": 0.02,
    "eager": 0.03,
    "leftovers": 0.1,
    "abandoned": 0.3,
    "busy": 0.02,
    "backoff_base": 0.03,
    "backoff_most": 0.3,
}
FAST = Timings(**TIMES)  # type: ignore[arg-type]
SLEEP = "import time; print('ready', flush=True); time.sleep(600)"
STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"


def python(code: str, *arguments: str) -> list[str]:
    """Return the command that runs a piece of Python without its site packages, which makes it start faster."""
    return [sys.executable, "-S", "-c", code, *arguments]


class Site:
    """One process' managers over a data directory; the pieces are those of a workspace."""

    def __init__(self, folder: Path, *, kind: Any = "embedded", times: dict[str, float] | None = None, **settings: Any):
        self.folder = folder
        self.work = folder / "work"
        self.work.mkdir(parents=True, exist_ok=True)
        self.settings = ATT(**settings)
        self.place = Place.of(folder / "data", self.settings)
        self.store = Store(self.place.database)
        self.events = EventLog(self.store)
        self.registry = ProjectRegistry(self.store, self.events)
        self.launcher = Launcher(self.place.projects_dir)
        self.book = StateBook(self.store, self.events)
        self.manager = RuntimeManager(
            self.registry,
            self.launcher,
            self.store,
            self.events,
            adapters=[CommandAdapter()],
            settings=self.settings,
            place=self.place,
            kind=kind,
            timings=Timings(**{**TIMES, **(times or {})}),  # type: ignore[arg-type]
        )

    def __enter__(self) -> Site:
        self.manager.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.manager.close()
        self.store.close()

    def project(self, code: str | None = SLEEP, *arguments: str, name: str = "demo", **settings: Any) -> Project:
        """Register a project that runs a piece of Python."""
        command = settings.pop("command", None) or python(code or SLEEP, *arguments)
        values = {"id": name, "path": str(self.work), "grace_seconds": 5.0, "command": command, **settings}
        return self.registry.add(Project.model_validate({**values, "created_at": now(), "updated_at": now()}))

    def until(self, check: Callable[[RuntimeStatus], Any], name: str = "demo") -> RuntimeStatus:
        """Wait until the status is as wanted, and return it."""

        def look() -> RuntimeStatus | None:
            status = self.manager.status(name)
            return status if check(status) else None

        try:
            found = eventually(look, HANG_SECONDS)
        except AssertionError:
            raise AssertionError(f"it stays {self.manager.status(name)!r}") from None
        assert found is not None
        return found

    def until_state(self, *states: str, name: str = "demo") -> RuntimeStatus:
        return self.until(lambda status: status.state in states, name)

    def until_health(self, health: str, name: str = "demo") -> RuntimeStatus:
        return self.until(lambda status: status.health == health, name)

    def states(self, name: str = "demo") -> list[str]:
        """Return the states that the events tell of, the first one included."""
        events = self.events.read(project=name, kinds=["runtime.state"]).events
        return [*(str(event.data["from"]) for event in events[:1]), *(str(event.data["to"]) for event in events)]

    def until_written(self, *states: str, name: str = "demo") -> list[str]:
        """Wait until the events end with these states."""
        eventually(lambda: self.states(name)[-len(states) :] == list(states) or None, HANG_SECONDS)
        return self.states(name)

    def healths(self, name: str = "demo") -> list[str]:
        return [str(event.data["to"]) for event in self.events.read(project=name, kinds=["runtime.health"]).events]

    def kill_shim(self, name: str = "demo") -> None:
        shim = self.manager.status(name).shim_pid
        assert shim is not None
        os.kill(shim, signal.SIGKILL)

    def alive_runs(self, name: str = "demo") -> int:
        return sum(run.alive() for run in self.launcher.runs(name))


class Another:
    """Another process that opens the same data directory; `call` runs a manager's method there."""

    def __init__(self, folder: Path, times: dict[str, float] | None = None) -> None:
        code = "import sys; from tests.runtime.managed import serve; serve(*sys.argv[1:])"
        self._process = subprocess.Popen(
            [sys.executable, "-c", code, str(folder), json.dumps(times or {})],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        self.pid = self._process.pid
        assert self._answer() == "ready"

    def begin(self, method: str, *arguments: Any) -> None:
        """Call without waiting for the answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([method, *arguments]) + "\n")
        self._process.stdin.flush()

    def call(self, method: str, *arguments: Any) -> Any:
        self.begin(method, *arguments)
        return self._answer()

    def answer(self) -> Any:
        """Wait for the answer of what was begun."""
        return self._answer()

    def kill(self) -> None:
        """End it with SIGKILL, as a crash would."""
        self._process.kill()
        self._finish()

    def close(self) -> None:
        """Let it close its managers and end."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()
        self._finish()

    def _finish(self) -> None:
        self._process.wait(HANG_SECONDS)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())


MakeAnother = Callable[..., Another]


def serve(folder: str, times: str) -> None:
    """Be another process: open the managers, and call what the lines of stdin say."""
    with Site(Path(folder), times=json.loads(times)) as site:
        print(json.dumps("ready"), flush=True)
        for line in sys.stdin:
            method, *arguments = json.loads(line)
            print(json.dumps(_called(site, method, arguments)), flush=True)


def _called(site: Site, method: str, arguments: list[Any]) -> Any:
    from att.errors import ATTError

    try:
        result = getattr(site.manager, method)(*arguments)
    except ATTError as error:
        return {"error": error.code}
    return None if result is None else result.to_json()


def stop_everything(folder: Path) -> None:
    """End every run below a data directory."""
    launcher = Launcher(folder / "data" / "projects")
    with contextlib.suppress(FileNotFoundError):
        for project in launcher.projects_dir.iterdir():
            for run in launcher.runs(project.name):
                if run.phase() == "running":
                    run.stop(0)


def opened(folder: Path, **settings: Any) -> Iterator[Site]:
    """Give a test an open site, and end whatever it has started."""
    try:
        with Site(folder, **settings) as site:
            yield site
    finally:
        stop_everything(folder)
