"""Start, stop and restart a project by hand: each under its lock, with the wish written down before it is acted on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from att.errors import Busy, TimedOut
from att.models import now
from att.projects.models import Project
from att.projects.registry import ProjectRegistry
from att.runtime import policy
from att.runtime.evidence import Coroner
from att.runtime.launcher import Launcher
from att.runtime.models import RestartRecord
from att.runtime.rundir import SHIM_MARGIN_SECONDS, RunDirectory
from att.runtime.starter import Starter
from att.runtime.states import IDLE, Row, StateBook
from att.runtime.timings import Timings

__all__ = ["Controls", "asked_to_stop"]


class Controls:
    """Does what somebody asks for. Holds no state; any number of threads and processes may act on one project."""

    def __init__(
        self,
        registry: ProjectRegistry,
        launcher: Launcher,
        book: StateBook,
        starter: Starter,
        coroner: Coroner,
        timings: Timings,
    ) -> None:
        self._registry = registry
        self._launcher = launcher
        self._book = book
        self._starter = starter
        self._coroner = coroner
        self._timings = timings

    def start(self, project: Project) -> None:
        """Start the project unless it runs. Raises StartFailed, Invalid, NotSupported, Busy."""
        deadline = time.monotonic() + self._timings.start_patience
        while (ending := self._start_or_ending(project)) is not None:
            if ending.wait(max(0.0, deadline - time.monotonic())) is None:
                raise Busy(f"Project {project.id!r} is still being stopped; start it when that is done.")

    def _start_or_ending(self, project: Project) -> RunDirectory | None:
        """Start unless it runs; return the run that has to end before, if there is one."""
        with self._locked(project.id):
            setup = self._launcher.latest(project.id, kind="setup")
            if setup is not None and setup.alive():
                raise Busy(f"Project {project.id!r} is still being set up; wait for that, or cancel it.")
            run = self._launcher.latest(project.id)
            if run is None or run.phase() != "running":
                self._starter.launch(project, run, by_hand=True)
                return None
            with run.watch() as watch:
                if run.stopping() or watch.app_ended():
                    return run
            self._book.change(project.id, lambda row, _at: _wanted(row, run))
            return None

    def stop(self, project: Project) -> None:
        """Stop the project and everything it has started. Raises TimedOut and Busy."""
        with self._locked(project.id):
            run = self._launcher.latest(project.id)
            alive = run is not None and run.phase() == "running"
            if run is None or not alive:
                self._book.change(project.id, lambda row, _at: _stopped(row, None))
            else:
                self._book.change(project.id, lambda row, _at: asked_to_stop(row, run))
                run.request_stop(project.grace_seconds)
        if run is not None and alive:
            self._await_end(project, run)
            self._book.change(project.id, lambda row, _at: _stopped(row, run))

    def restart(self, project: Project, trigger: Literal["manual", "watchdog"]) -> None:
        """Stop the project when it runs, and start it. Raises what `start` and `stop` raise."""
        with self._locked(project.id):
            run = self._launcher.latest(project.id)
            alive = run is not None and run.phase() == "running"
            if run is not None and alive:
                self._book.change(project.id, lambda row, _at: _restarting(row, run, trigger))
                run.request_stop(project.grace_seconds)
        if run is None:
            self.start(project)
            return
        if alive:
            self._await_end(project, run)
        self._launch_again(project, run, trigger, unless_stopped=alive)

    def _launch_again(
        self, project: Project, run: RunDirectory, trigger: Literal["manual", "watchdog"], *, unless_stopped: bool
    ) -> None:
        """Start after a restart's stop, unless somebody else did, or asked for a stop meanwhile."""
        evidence = self._coroner.examine(project, run)
        with self._launcher.project_lock(project.id):
            self._registry.get(project.id)  # not deleted meanwhile
            latest = self._launcher.latest(project.id)
            row = self._book.read(project.id)
            overtaken = latest is not None and (latest.run_id != run.run_id or latest.phase() == "running")
            if overtaken or (unless_stopped and row.desired == "stopped"):
                return
            at = now()
            record = RestartRecord(
                at=at,
                old_run_id=run.run_id,
                new_run_id=None,
                trigger=trigger,
                exit=evidence.exit,
                diagnosis=evidence.diagnosis,
                probes=row.snapshot.results,
                delay_seconds=0.0,
                count_in_window=len(policy.in_window(row.snapshot.failures, at, self._timings)),
                last_lines=evidence.last_lines,
            )
            self._starter.launch(project, run, by_hand=True, record=record)

    @contextmanager
    def _locked(self, project_id: str) -> Iterator[None]:
        """Hold the project's lock. Raises Busy when another holds it or the project runs on another machine, and
        NotFound when it was deleted meanwhile.
        """
        with self._launcher.project_lock(project_id):
            self._registry.get(project_id)
            row = self._book.read(project_id)
            if row.elsewhere(self._launcher.latest(project_id)):
                raise Busy(
                    f"Project {project_id!r} runs on {row.snapshot.host}, which shares this data directory; act there, "
                    "or give this machine a data directory of its own.",
                    host=row.snapshot.host,
                )
            yield

    def _await_end(self, project: Project, run: RunDirectory) -> None:
        if run.wait(project.grace_seconds + SHIM_MARGIN_SECONDS) is None:
            raise TimedOut(
                f"Project {project.id!r} has not ended {project.grace_seconds:g} s and a margin after its stop; stop "
                "it again.",
                run_id=run.run_id,
            )


def _wanted(row: Row, run: RunDirectory) -> Row | None:
    """The project runs already, and shall."""
    if row.desired == "running" and row.snapshot.run_id == run.run_id:
        return None
    return row.to("running", "Runs already.", desired="running", run_id=run.run_id)


def asked_to_stop(row: Row, run: RunDirectory) -> Row | None:
    """The run shall end, and no other follow it."""
    return _stopped(row, None) if _has_ended(row, run) else _stopping(row, run)


def _restarting(row: Row, run: RunDirectory, trigger: Literal["manual", "watchdog"]) -> Row | None:
    """The run shall end, and another follow it."""
    return None if _has_ended(row, run) else _stopping(row, run).with_(desired="running", pending=trigger)


def _has_ended(row: Row, run: RunDirectory) -> bool:
    """Say whether the end of a run that was alive a moment ago has been written meanwhile."""
    return row.snapshot.run_id == run.run_id and row.snapshot.state in IDLE


def _stopping(row: Row, run: RunDirectory) -> Row:
    if row.snapshot.state not in ("running", "stopping", "starting"):
        row = row.to("running", "Found alive.")
    return row.to("stopping", "Asked to stop.", desired="stopped", run_id=run.run_id, pending=None)


def _stopped(row: Row, run: RunDirectory | None) -> Row | None:
    """Nothing runs, and nothing shall; `run` is the one that was just stopped."""
    known = row.snapshot
    overtaken = run is not None and (row.desired == "running" or known.run_id != run.run_id)
    if overtaken or (known.state == "stopped" and row.desired == "stopped"):
        return None
    reason = known.reason
    if run is not None and (record := run.exit()) is not None:
        reason = record.reason
    return row.to(
        "stopped",
        reason,
        desired="stopped",
        pending=None,
        restart_id=None,
        next_restart_at=None,
        health="unknown",
        health_reason="",
        healthy_since=None,
        unhealthy_since=None,
    )
