"""What an observation makes of a project's row: pure functions, which the state book calls inside its transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from att.projects.models import Project
from att.runtime import policy
from att.runtime.evidence import Evidence
from att.runtime.models import Health, ProbeResult, ProbeStatus, ProcessState, RestartRecord
from att.runtime.states import IDLE, Change, Row, Trigger
from att.runtime.timings import Timings

__all__ = ["Seen", "concluded", "given_up", "launch_failed", "left_behind", "observed"]

UNWRITTEN = frozenset[ProcessState]((*IDLE, "starting"))
"""States in which a run that is alive has not been written down yet."""


@dataclass(frozen=True)
class Seen:
    """What a supervisor sees of a run that is alive."""

    run_id: str
    observer: str
    stopping: bool
    health: Health
    reason: str
    probes: list[ProbeStatus]
    results: list[ProbeResult]
    startup_passed: bool


def observed(row: Row, seen: Seen, at: datetime) -> Row | None:
    """Take note of a run that is alive; None when the row knows its end, or a newer one."""
    known = row.snapshot
    if known.run_id is not None and known.run_id > seen.run_id:
        return None
    if known.run_id == seen.run_id and known.state in UNWRITTEN:
        return None  # its end was written while it was being looked at
    if known.run_id != seen.run_id:
        row = row.to("running", "Found alive.", run_id=seen.run_id, pending=None, next_restart_at=None)
    if seen.stopping and row.snapshot.state == "running":
        row = row.to("stopping", "Asked to stop.")
    if row.snapshot.state == "stopping":
        return row.with_(observer=seen.observer)
    return _with_health(row, seen, at).with_(
        observer=seen.observer, probes=seen.probes, results=seen.results, startup_passed=seen.startup_passed
    )


def _with_health(row: Row, seen: Seen, at: datetime) -> Row:
    """Date the health; a healthy minute that ends here wipes out the failures before it."""
    known = row.snapshot
    changes: dict[str, Any] = {"health": seen.health, "health_reason": seen.reason}
    if seen.health == "healthy":
        changes |= {"healthy_since": known.healthy_since or at, "unhealthy_since": None}
    elif seen.health == "unhealthy" and known.health != "unhealthy":
        changes |= {"healthy_since": None, "unhealthy_since": at}
    return row.with_(**changes)


def given_up(row: Row, run_id: str, trigger: Trigger, reason: str) -> Row | None:
    """A liveness or startup probe has failed: the run is about to be stopped, and restarted then."""
    if row.desired == "stopped" or row.snapshot.run_id != run_id or row.snapshot.state != "running":
        return None
    return row.to("stopping", reason, pending=trigger)


def left_behind(row: Row, run_id: str) -> Row | None:
    """The main process has ended, but not what it started."""
    if row.snapshot.run_id != run_id or row.snapshot.state != "running":
        return None
    return row.to("stopping", "The main process has ended; what it left behind is being ended.")


def concluded(
    row: Row,
    project: Project,
    run_id: str,
    evidence: Evidence,
    results: Sequence[ProbeResult],
    at: datetime,
    timings: Timings,
    chance: Callable[[], float],
) -> Row | Change | None:
    """Write down how a run ended and what follows; None when that was done, or is somebody else's."""
    if row.snapshot.run_id != run_id:
        if row.snapshot.run_id is not None and row.snapshot.run_id > run_id:
            return None
        row = row.to("running", "Found ended.", run_id=run_id)
    elif row.snapshot.state in UNWRITTEN:
        return None
    known, exit_record = row.snapshot, evidence.exit
    reason = exit_record.reason if exit_record is not None else "Its end was not seen."
    row = row.with_(probes=[], results=list(results)[-50:], observer=None, **_NO_HEALTH)
    if row.desired == "stopped":
        return row.to("stopped", reason, pending=None)
    if known.pending in ("manual", "watchdog"):
        return None
    forced = known.pending in ("liveness", "startup")
    if exit_record is not None and exit_record.requested and not forced:
        return row.to("stopped", reason, desired="stopped")
    ended_at = exit_record.exited_at if exit_record is not None and exit_record.exited_at is not None else at
    verdict = policy.after_end(
        project.restart,
        policy.forgive(policy.Record(known.failures, known.attempts), known.healthy_since, ended_at, timings),
        failed=evidence.lost or policy.is_failure(exit_record),
        forced=forced,
        at=at,
        timings=timings,
        chance=chance,
    )
    if forced:
        reason = known.reason
    after = _followed(row, verdict, "lost" if evidence.lost else "exited", reason, at, timings)
    if not verdict.restart:
        return after
    record = RestartRecord(
        at=at,
        old_run_id=run_id,
        new_run_id=None,
        trigger=known.pending or "exit",
        exit=exit_record,
        diagnosis=evidence.diagnosis,
        probes=list(results),
        delay_seconds=verdict.delay_seconds,
        count_in_window=len(verdict.record.failures),
        last_lines=evidence.last_lines,
    )
    return Change(after, record)


def launch_failed(
    row: Row, project: Project, reason: str, at: datetime, timings: Timings, chance: Callable[[], float]
) -> Row | None:
    """A restart could not even execute the program, which is a failure like any other."""
    if row.desired == "stopped" or row.snapshot.state not in ("starting", "backoff", "stopping"):
        return None
    known = row.snapshot
    verdict = policy.after_end(
        project.restart,
        policy.Record(known.failures, known.attempts),
        failed=True,
        forced=known.pending is not None,
        at=at,
        timings=timings,
        chance=chance,
    )
    if known.state == "backoff":
        row = row.to("starting", "Restarting.")
    row = row.with_(**_NO_HEALTH)
    return _followed(row, verdict, "exited", f"It could not be restarted: {reason}", at, timings)


_NO_HEALTH: dict[str, Any] = {
    "health": "unknown",
    "health_reason": "",
    "healthy_since": None,
    "unhealthy_since": None,
    "startup_passed": False,
}


def _followed(
    row: Row, verdict: policy.Verdict, settled: ProcessState, reason: str, at: datetime, timings: Timings
) -> Row:
    counters: dict[str, Any] = {"failures": list(verdict.record.failures), "attempts": verdict.record.attempts}
    if verdict.crash_loop:
        text = (
            f"Crash loop: {len(verdict.record.failures)} failures within {timings.window:g} s, so it is not restarted "
            f"again. {reason} Correct the cause, then start it by hand."
        )
        return row.to("crash_loop", text, pending=None, **counters)
    if not verdict.restart:
        return row.to(settled, reason, pending=None, **counters)
    return row.to(
        "backoff",
        f"{reason} It restarts after {verdict.delay_seconds:.1f} s.",
        pending=row.snapshot.pending or "exit",
        next_restart_at=at + timedelta(seconds=verdict.delay_seconds),
        **counters,
    )
