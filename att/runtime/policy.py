"""The restart policy: what follows the end of a run. Pure: times and chance are given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from att.runtime.models import ExitRecord, RestartPolicy
from att.runtime.timings import Timings

__all__ = ["Record", "Verdict", "after_end", "delay_seconds", "forgive", "in_window", "is_failure"]


@dataclass(frozen=True)
class Record:
    """What is remembered of earlier ends: times of failures, and ends in a row without a healthy minute."""

    failures: Sequence[datetime] = ()
    attempts: int = 0


@dataclass(frozen=True)
class Verdict:
    """What to do: restart after `delay_seconds`, or not; `crash_loop` says that it was given up."""

    record: Record
    restart: bool
    crash_loop: bool = False
    delay_seconds: float = 0.0


def is_failure(exit_record: ExitRecord | None) -> bool:
    """Say whether a run ended badly; one whose end nobody saw did."""
    return exit_record is None or exit_record.code != 0


def in_window(failures: Sequence[datetime], at: datetime, timings: Timings) -> list[datetime]:
    """Return the failures that still count at a time."""
    oldest = at - timedelta(seconds=timings.window)
    return [failure for failure in failures if failure > oldest]


def forgive(record: Record, healthy_since: datetime | None, at: datetime, timings: Timings) -> Record:
    """Return an empty record after a healthy minute, otherwise the same one."""
    healthy = healthy_since is not None and at - healthy_since >= timedelta(seconds=timings.forgiven)
    return Record() if healthy else record


def delay_seconds(attempts: int, timings: Timings, chance: Callable[[], float]) -> float:
    """Return the pause before a restart: doubling, bounded, with jitter; `chance` yields 0..1."""
    plain = min(timings.backoff_most, timings.backoff_base * 2.0 ** min(attempts, 32))
    return plain * (1 + timings.backoff_jitter * (2 * chance() - 1))


def after_end(
    policy: RestartPolicy,
    record: Record,
    *,
    failed: bool,
    forced: bool,
    at: datetime,
    timings: Timings,
    chance: Callable[[], float],
) -> Verdict:
    """Decide what follows the end of a run.

    `forced` is the end of a run that a liveness or startup probe gave up: it is restarted under every policy. Only
    failures count towards a crash loop; a good end under `always` merely lengthens the delay.
    """
    failed = failed or forced
    failures = in_window(record.failures, at, timings)
    if failed:
        failures.append(at)
    following = Record(tuple(failures), record.attempts + 1)
    wanted = forced or policy == "always" or (policy == "on_failure" and failed)
    if not wanted:
        return Verdict(following, restart=False)
    if failed and len(failures) >= timings.window_failures:
        return Verdict(following, restart=False, crash_loop=True)
    return Verdict(following, restart=True, delay_seconds=delay_seconds(record.attempts, timings, chance))
