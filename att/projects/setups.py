"""Setups: long work that makes a project ready, done by a runner of its own and read back from its run directory.

Nothing is kept in memory that matters: steps, progress and the end are derived from the run, so a server that is
killed loses nothing, and the next one goes on telling.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from att.errors import Busy, NotFound
from att.models import RunState
from att.projects.models import Project, ProjectSetup, SetupStep
from att.projects.recipe import SECRET_VARIABLE, Recipe, Step, StepKind
from att.runtime.logs import ProjectLogs
from att.runtime.models import Diagnosis, ExitRecord
from att.runtime.spec import LaunchSpec, child_environment
from att.terminal import plain

if TYPE_CHECKING:
    from att.events.manager import EventLog
    from att.runtime.launcher import Launcher
    from att.runtime.rundir import RunDirectory

__all__ = ["SETUP", "Setups", "never_begun"]

_log = logging.getLogger("att")

SETUP = "setup"
_BOOT = "import sys; sys.path.append(sys.argv.pop(1)); from att.projects.setup_runner import main; main()"
_ROOT = str(Path(__file__).parents[2])
_LOOK_SECONDS = 0.2
_CANCEL_SECONDS = 2.0
_LAST_LINES = 20
_AGAIN = "delete the project with its files and create it again."
_TELLING = re.compile(r"\s*(fatal|error|ERROR|\u00d7)[: ]")
_REMEDIES: dict[StepKind, str] = {
    "copy": "Look whether the folder can be written.",
    "clone": "Check the address, and that git may read it from a terminal without asking.",
    "fetch": "Check the address and the network.",
    "unpack": "Fetch another archive.",
    "environment": "Look at the last lines; give python=EXE to use an interpreter that is there.",
    "requirements": "Look at the last lines; the network or a package index may be missing. With python=EXE an "
    "environment that already has them is used.",
    "install": "Look at the last lines; the interpreter needs what the project is built with.",
}


class Setups:
    """Starts setups, reads them, and says in the event log when one has ended.

    `_lock` guards `_watched`, `_ended` and `_thread`. The thread lives while setups of this process run; `close`
    joins it. Setups themselves go on.
    """

    def __init__(self, launcher: Launcher, events: EventLog) -> None:
        self._launcher = launcher
        self._events = events
        self._logs = ProjectLogs(launcher)
        self._lock = threading.Lock()
        self._watched: dict[str, RunDirectory] = {}
        self._ended: dict[str, ProjectSetup] = {}
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()

    def start(self, project: str, recipe: Recipe, secret: Mapping[str, str]) -> ProjectSetup:
        """Start a setup; `secret` (`url`, `login`) reaches the runner alone. Raises StartFailed and Busy."""
        extra = {SECRET_VARIABLE: json.dumps(dict(secret))} if secret else {}
        run = self._launcher.launch(
            project,
            LaunchSpec(
                kind=SETUP,
                command=(sys.executable, "-I", "-c", _BOOT, _ROOT, recipe.to_json()),
                cwd=Path("/"),
                env=child_environment(os.environ, extra),
                grace_seconds=_CANCEL_SECONDS,
                private_tmp=True,
            ),
        )
        self._events.append("project.setup_started", project=project, run_id=run.run_id)
        self.watch(run)
        return self.read(run)

    def latest(self, project: str) -> ProjectSetup | None:
        """Return the latest setup as it is now, or None when there was none."""
        with self._lock:
            known = self._ended.get(project)
        if known is not None and (self._launcher.runs_dir(project) / known.run_id).is_dir():
            return known
        run = self._launcher.latest(project, SETUP)
        return None if run is None else self._unless_deleted(run)

    def cancel(self, project: str) -> ProjectSetup | None:
        """Stop the setup if it runs, and return it. Raises TimedOut."""
        run = self._launcher.latest(project, SETUP)
        if run is None:
            return None
        run.stop()
        return self._unless_deleted(run)

    def _unless_deleted(self, run: RunDirectory) -> ProjectSetup | None:
        """Read a setup that somebody may be deleting with its project."""
        try:
            return self.read(run)
        except (FileNotFoundError, NotFound):
            if run.path.exists():
                raise
            return None

    def read(self, run: RunDirectory) -> ProjectSetup:
        """Derive the setup from its run."""
        phase = run.phase()
        end = None if phase == "running" else run.exit()
        told = _told(self._marks(run), Recipe.from_json(run.spec().command[-1]), over=phase != "running")
        state = _state(phase, end)
        last_lines = self._last_lines(run) if state in ("failed", "cancelled") else []
        setup = ProjectSetup(
            project=run.project,
            run_id=run.run_id,
            state=state,
            started_at=run.created_at(),
            ended_at=None if end is None else end.exited_at,
            progress=1.0 if state == "succeeded" else told.progress,
            message=_message(state, told),
            steps=told.steps,
            diagnosis=_diagnosis(told, end, last_lines) if state == "failed" else None,
            last_lines=last_lines,
        )
        if state != "running":
            with contextlib.suppress(Busy):  # whoever looks next writes it
                self._settle(setup, patience=0.2)
        return setup

    def watch(self, run: RunDirectory) -> None:
        """Have the end of a setup noticed without anybody asking."""
        with self._lock:
            if self._closing.is_set():
                return
            self._watched[run.run_id] = run
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="att-setups", daemon=True)
                self._thread.start()

    def adopt(self, project: str) -> None:
        """Notice a setup that another process has begun: watch it, or write down its end."""
        run = self._launcher.latest(project, SETUP)
        if run is not None and self.read(run).state == "running":
            self.watch(run)

    def forget(self, project: str) -> None:
        """Forget what is known of a project that is deleted."""
        with self._lock:
            self._ended.pop(project, None)

    def close(self) -> None:
        """Stop watching; the setups go on."""
        self._closing.set()
        with self._lock:
            thread = self._thread
        if thread is not None:
            thread.join()

    def _watch(self) -> None:
        while not self._closing.wait(_LOOK_SECONDS):
            with self._lock:
                runs = list(self._watched.values())
            over = [run.run_id for run in runs if run.phase() != "running" and self._note_end(run)]
            with self._lock:
                for run_id in over:
                    del self._watched[run_id]
                if not self._watched:
                    self._thread = None
                    return

    def _note_end(self, run: RunDirectory) -> bool:
        """Write the event of a run that is over; False when that has to be tried again."""
        try:
            self._settle(self.read(run), patience=5.0)
        except Busy:
            return False
        except (FileNotFoundError, NotFound):  # deleted meanwhile
            return True
        except Exception:  # noqa: BLE001 - the others are still to be watched
            _log.exception("The end of the setup of %s cannot be written down", run.project)
        return True

    def _settle(self, setup: ProjectSetup, patience: float) -> None:
        """Remember an ended setup, and write its event unless somebody has: several processes may notice."""
        with self._lock:
            if self._ended.get(setup.project) == setup:
                return
        with self._launcher.project_lock(setup.project, patience):
            kind = "project.setup_ended"
            known = self._events.read(None, 10, project=setup.project, kinds=[kind], tail=10).events
            if not any(event.run_id == setup.run_id for event in known):
                self._events.append(kind, project=setup.project, run_id=setup.run_id, state=setup.state)
        with self._lock:
            self._ended[setup.project] = setup

    def _marks(self, run: RunDirectory) -> list[dict[str, Any]]:
        """Return what the runner said about its steps."""
        lines, cursor, more = [], None, True
        while more:
            page = self._logs.read(run.project, cursor, 10_000, stream="stdout", run=run.run_id)
            lines += [line.text for line in page.lines]
            cursor, more = page.cursor, page.has_more
        return [mark for mark in map(_mark, lines) if mark is not None]

    def _last_lines(self, run: RunDirectory) -> list[str]:
        page = self._logs.read(run.project, None, _LAST_LINES, stream="stderr", run=run.run_id, tail=_LAST_LINES)
        return [line.text for line in page.lines]


def never_begun(project: Project, *, over: bool) -> ProjectSetup:
    """Describe the setup of a registered project that has none: it is about to begin, or was cut short (`over`)."""
    why = Diagnosis(summary="The making of the project was cut short before it began.", remedy=_AGAIN.capitalize())
    return ProjectSetup(
        project=project.id,
        run_id="",
        state="failed" if over else "running",
        started_at=project.created_at,
        ended_at=project.created_at if over else None,
        progress=0.0,
        message=why.summary if over else "about to begin",
        diagnosis=why if over else None,
    )


class _Told:
    """What the marks say: each step with its state, and the one that failed."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.steps = [SetupStep(title=step.title, state="waiting") for step in recipe.steps]
        self.share = 0.0
        self.failure = ""

    @property
    def current(self) -> int | None:
        """Number of the step that is running or has failed."""
        return next((n for n, step in enumerate(self.steps) if step.state in ("running", "failed")), None)

    @property
    def current_step(self) -> Step | None:
        return None if self.current is None else self.recipe.steps[self.current]

    @property
    def progress(self) -> float:
        done = sum(step.state == "succeeded" for step in self.steps)
        return min(1.0, (done + self.share) / len(self.steps))

    def take(self, mark: Mapping[str, Any]) -> None:
        number, state = mark["step"], mark["state"]
        self.steps[number] = SetupStep(title=self.steps[number].title, state=state, seconds=mark.get("seconds"))
        self.share = mark.get("share", 0.0) if state == "running" else 0.0
        self.failure = mark.get("message", "")

    def end(self) -> None:
        """The runner is gone: what was running has failed."""
        if self.current is not None and self.steps[self.current].state == "running":
            self.take({"step": self.current, "state": "failed"})


def _told(marks: list[dict[str, Any]], recipe: Recipe, *, over: bool) -> _Told:
    told = _Told(recipe)
    for mark in marks:
        told.take(mark)
    if over:
        told.end()
    return told


def _mark(line: str) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) and "step" in value and "state" in value else None


def _state(phase: str, end: ExitRecord | None) -> RunState:
    if phase == "running":
        return "running"
    if phase == "exited" and end is not None and end.code == 0:
        return "succeeded"
    return "cancelled" if end is not None and end.requested else "failed"


def _message(state: RunState, told: _Told) -> str:
    if state == "succeeded":
        return "ready"
    step = told.current_step
    return step.title if step is not None else "" if state == "running" else "the runner ended between two steps"


def _diagnosis(told: _Told, end: ExitRecord | None, lines: list[str]) -> Diagnosis:
    step = told.current_step
    why = told.failure or (end.reason if end is not None else "It ended, and nobody knows how.")
    evidence = [line.strip() for line in map(plain, lines) if _TELLING.match(line)]
    summary = f"{why.rstrip('.')}: {evidence[0]}" if evidence else why
    remedy = _REMEDIES[step.kind] if step is not None else ""
    return Diagnosis(summary=summary, remedy=f"{remedy} Then {_AGAIN}".strip(), evidence=evidence)
