"""Turn the facts that a shim left into the exit record of a run, with one sentence for a person."""

from __future__ import annotations

import signal
from datetime import UTC, datetime
from typing import Any

from att.runtime.models import ExitRecord

__all__ = ["exit_record"]

_SAME_NAME = (
    "core_dumped",
    "oom_killed",
    "requested",
    "user_cpu_seconds",
    "system_cpu_seconds",
    "max_rss_bytes",
    "stdout_bytes",
    "stderr_bytes",
    "dropped_bytes",
    "leftovers_killed",
)


def exit_record(facts: dict[str, Any], created_at: datetime) -> ExitRecord:
    """Build the record from the facts in `exit.json`; `created_at` stands in for a start that nobody recorded."""
    number = facts.get("signal")
    started, exited = facts.get("started_ns"), facts.get("exited_ns")
    return ExitRecord(
        code=facts.get("code"),
        signal=number,
        signal_name=None if number is None else _signal_name(number),
        reason=_reason(facts),
        started_at=created_at if started is None else _time(started),
        exited_at=None if exited is None else _time(exited),
        uptime_seconds=None if started is None or exited is None else max(0.0, (exited - started) / 1e9),
        **{name: facts[name] for name in _SAME_NAME if name in facts},
    )


def _time(nanoseconds: int) -> datetime:
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"


def _reason(facts: dict[str, Any]) -> str:
    end = _end(facts)
    if facts.get("lost"):
        return f"Lost: {end[0].lower()}{end[1:]}, but its shim was killed." if end else _LOST
    if facts.get("requested"):
        return f"Stopped on request: {end[0].lower()}{end[1:]}."
    if facts.get("terminated"):
        return f"Its shim was told to end, not through ATT: {end[0].lower()}{end[1:]}."
    return f"{end}."


_LOST = "Lost: the shim that ran it ended without a record (killed, or the machine restarted); the exit is not known."


def _end(facts: dict[str, Any]) -> str:
    if facts.get("oom_killed"):
        return "Killed by the kernel because memory ran out"
    if facts.get("signal") is not None:
        core = ", core dumped" if facts.get("core_dumped") else ""
        return f"Ended by signal {facts['signal']} ({_signal_name(facts['signal'])}{core})"
    return "" if facts.get("code") is None else f"Exited with code {facts['code']}"
