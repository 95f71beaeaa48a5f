"""Describe a project's process: from what is seen here, or from the store and the run directory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from att.projects.models import Project
from att.runtime import policy
from att.runtime.models import Health, HealthSignal, ProbeResult, ProcessState, RuntimeStatus, Supervisor
from att.runtime.rundir import RunDirectory
from att.runtime.starter import fingerprint, run_facts
from att.runtime.states import IDLE, Row, Snapshot
from att.runtime.supervisor import observer_name
from att.runtime.timings import Timings
from att.runtime.ward import Sight

__all__ = ["View", "from_sight", "from_store"]


@dataclass(frozen=True)
class View:
    """A status with what only the health signal tells."""

    status: RuntimeStatus
    unhealthy_since: datetime | None
    results: Sequence[ProbeResult]

    def signal(self) -> HealthSignal:
        """Return what watchdogs read."""
        status = self.status
        return HealthSignal(
            project=status.project,
            state=status.state,
            health=status.health,
            run_id=status.run_id,
            restarts_in_window=status.restarts_in_window,
            unhealthy_since=self.unhealthy_since,
            last_reason=status.reason,
            observed_at=status.observed_at,
            last_results=list(self.results),
        )


def from_sight(project: str, sight: Sight, holder: Supervisor | None, at: datetime, timings: Timings) -> View:
    """Describe a run that this process watches."""
    known, who = sight.row.snapshot, sight.who
    status = RuntimeStatus(
        project=project,
        state=known.state,
        health=known.health,
        reason=_reason(known),
        pid=None if sight.app_ended else who.pid,
        shim_pid=who.shim_pid,
        run_id=sight.run.run_id,
        port=sight.facts.port,
        url=sight.facts.url,
        started_at=who.started_at,
        uptime_seconds=max(0.0, (at - who.started_at).total_seconds()),
        restarts=known.restarts,
        restarts_in_window=len(policy.in_window(known.failures, at, timings)) if known.failures else 0,
        probes=known.probes,
        supervised_by=holder,
        observed_at=at,
        restart_to_apply=not sight.applied,
    )
    return View(status, known.unhealthy_since, sight.results)


def from_store(
    project: Project,
    row: Row,
    run: RunDirectory | None,
    holder: Supervisor | None,
    at: datetime,
    timings: Timings,
) -> View:
    """Describe a project from its row and its latest run; the run directory has the last word on what lives."""
    if run is not None and run.phase() == "running" and (who := run.state()) is not None:
        try:
            facts = run_facts(run)
        except FileNotFoundError:  # deleted since, with its project
            return _idle(project, row, None, holder, at, timings)
        with run.watch() as watch:
            app_ended = watch.app_ended()
        live = _living(row, run, holder, app_ended=app_ended)
        applied = facts.fingerprint == fingerprint(project)
        sight = Sight(run, who, facts, live, tuple(live.snapshot.results), applied, app_ended)
        return from_sight(project.id, sight, holder, at, timings)
    return _idle(project, row, run, holder, at, timings)


def _living(row: Row, run: RunDirectory, holder: Supervisor | None, *, app_ended: bool) -> Row:
    """Return the row as it has to be for a run that is alive, whatever was written last."""
    known = row.snapshot
    if known.run_id != run.run_id:
        known = Snapshot(run_id=run.run_id, restarts=known.restarts, failures=known.failures)
    state: ProcessState = "running"
    if run.stopping() or app_ended or known.state == "stopping":
        state = "stopping"
    watched = holder is not None and known.observer in (None, observer_name(holder))
    health: Health = known.health if watched else "unknown"
    why = known.health_reason if watched else "Nobody who supervises has looked at it yet."
    if holder is None:
        why = "No process supervises this data directory."
    if watched and known.observer is None:
        health = "starting"
    return Row(row.desired, known.model_copy(update={"state": state, "health": health, "health_reason": why}))


def _idle(
    project: Project, row: Row, run: RunDirectory | None, holder: Supervisor | None, at: datetime, timings: Timings
) -> View:
    known = row.snapshot
    exit_record = None if run is None or run.phase() == "running" else run.wait(0.0)
    state, reason = known.state, known.reason
    if run is not None and run.phase() == "running":
        state, reason = "starting", "Its program is being executed."
    elif row.elsewhere(run):
        reason = f"Known from {known.host}, which runs it; its processes and logs are out of reach from here."
    elif run is not None and not _written(row, run, at, timings):
        requested = row.desired == "stopped" or (exit_record is not None and exit_record.requested)
        state = "stopped" if requested else "lost" if run.phase() == "lost" else "exited"
        reason = "" if exit_record is None else exit_record.reason
    elif run is None and state in ("running", "stopping"):
        state, reason = "stopped", "Its runs are gone."
    status = RuntimeStatus(
        project=project.id,
        state=state,
        health="starting" if state == "starting" else "unknown",
        reason=reason,
        run_id=None if run is None else run.run_id,
        started_at=None if exit_record is None else exit_record.started_at,
        exit=exit_record,
        restarts=known.restarts,
        restarts_in_window=len(policy.in_window(known.failures, at, timings)),
        next_restart_at=known.next_restart_at if state == "backoff" else None,
        supervised_by=holder,
        observed_at=at,
    )
    return View(status, None, known.results)


def _written(row: Row, run: RunDirectory, at: datetime, timings: Timings) -> bool:
    """Say whether the row tells what followed the end of this run.

    While a start or restart is under way the row is right although nothing runs; one that takes too long was cut
    short by the death of whoever began it.
    """
    known = row.snapshot
    if known.run_id is not None and known.run_id < run.run_id:
        return False
    if known.state in IDLE:
        return True
    begun = known.state == "starting" or (known.state == "stopping" and known.pending is not None)
    recent = row.observed_at is not None and (at - row.observed_at).total_seconds() < timings.start_patience
    return begun and recent and row.desired == "running"


def _reason(known: Snapshot) -> str:
    """Return why it is so: of the health while it runs and is not well, else of the state."""
    return known.health_reason if known.state == "running" and known.health_reason else known.reason
