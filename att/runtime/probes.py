"""What the answers of probes mean: Kubernetes' semantics over the probes of one run. Pure: no clock and no I/O.

Startup probes gate the others and are asked until they pass. Readiness decides whether the project is healthy. A failed
liveness or startup probe gives the run up, and puts every probe on hold until the next run. While a probe has not
passed yet in a run it is asked more often than its period, so that health is seen soon; these extra failures count
only once a period.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Literal

from att.runtime.models import Health, Probe, ProbeResult, ProbeStatus
from att.runtime.timings import Timings

__all__ = ["ProbeBoard", "Tracker", "describe"]

TrackerState = Literal["waiting", "passing", "transient", "failed", "on_hold"]
PERIOD_SLACK = 0.9
"""A failure counts when this share of the period has passed since the one counted before."""


def describe(probe: Probe) -> str:
    """Name a probe in a sentence."""
    target = {"http": probe.url, "tcp": probe.port and f"port {probe.port}", "process": None}.get(
        probe.kind, " ".join(probe.command or ())
    )
    return f"{probe.role} probe ({probe.kind}{f' {target}' if target else ''})"


class Tracker:
    """The counters of one probe in one run. Ages are seconds since the run started."""

    def __init__(self, probe: Probe, timings: Timings, due: float) -> None:
        self.probe = probe
        self._timings = timings
        self.due = due
        self.successes = 0
        self.failures = 0
        self.errors = 0
        self.passed = False
        self.failed = False
        self.last: ProbeResult | None = None
        self._counted = float("-inf")

    def take(self, result: ProbeResult, age: float) -> None:
        """Count an answer, and say when to ask again."""
        self.last = result
        if result.result == "pass":
            self._pass()
        elif result.result == "fail":
            self._fail(age)
        else:
            self.errors += 1
        self.due = age + self._pause(result, age)

    def _pass(self) -> None:
        self.successes += 1
        self.failures = 0
        self._counted = float("-inf")
        if self.successes >= self.probe.success_threshold:
            self.passed, self.failed = True, False

    def _fail(self, age: float) -> None:
        self.successes = 0
        if self.passed or age - self._counted >= self.probe.period_seconds * PERIOD_SLACK:
            self.failures += 1
            self._counted = age
        if self.failures >= self.probe.failures_allowed:
            self.failed = True

    def _pause(self, result: ProbeResult, age: float) -> float:
        period = self.probe.period_seconds
        if self.passed or self.failed or result.result == "pass":
            return period
        return min(period, max(self._timings.eager, age * self._timings.eager_share))

    @property
    def state(self) -> TrackerState:
        if self.failed:
            return "failed"
        if not self.passed:
            return "transient" if self.failures and self.probe.role == "liveness" else "waiting"
        return "transient" if self.failures else "passing"

    def status(self, on_hold: bool) -> ProbeStatus:
        """Return the counters as they travel."""
        return ProbeStatus(
            probe=self.probe,
            state="on_hold" if on_hold else self.state,
            successes=self.successes,
            failures=self.failures,
            errors=self.errors,
            last=self.last,
        )


class ProbeBoard:
    """All probes of one run, and the health that follows from them."""

    def __init__(
        self, probes: Sequence[Probe], timings: Timings, *, age: float = 0.0, startup_passed: bool = False
    ) -> None:
        self._timings = timings
        first = max(age, timings.first_probe)
        self.trackers = [
            Tracker(probe, timings, first) for probe in probes if not (startup_passed and probe.role == "startup")
        ]
        self.startup_passed = startup_passed
        self.on_hold = False

    def of(self, role: str) -> list[Tracker]:
        """Return the trackers of a role."""
        return [tracker for tracker in self.trackers if tracker.probe.role == role]

    @property
    def starting(self) -> bool:
        """Whether a startup probe has still to pass."""
        return any(not tracker.passed for tracker in self.of("startup"))

    def asked(self) -> list[Tracker]:
        """Return the probes that are to be asked in turn now."""
        if self.on_hold:
            return []
        if self.starting:
            return [tracker for tracker in self.of("startup") if not tracker.passed]
        return [tracker for tracker in self.trackers if tracker.probe.role != "startup"]

    def take(self, tracker: Tracker, result: ProbeResult, age: float) -> None:
        """Count an answer; one that comes while on hold is too late."""
        if self.on_hold:
            return
        tracker.take(result, age)
        if self.of("startup") and not self.starting and not self.startup_passed:
            self.startup_passed = True
            for other in self.asked():
                other.due = age
        if self.given_up() is not None:
            self.on_hold = True

    def given_up(self) -> Tracker | None:
        """Return the liveness or startup probe that failed: the run is to be restarted."""
        return next((t for t in self.trackers if t.failed and t.probe.role in ("liveness", "startup")), None)

    def next_due(self, age: float, asking: Container[Tracker] = ()) -> float | None:
        """Return the age at which something is to be done next: a probe asked, or health settled.

        `asking` are those that have not answered yet.
        """
        ages = [tracker.due for tracker in self.asked() if tracker not in asking]
        if not self.trackers_decide() and age < self._timings.settle:
            ages.append(self._timings.settle)
        return min(ages, default=None)

    def trackers_decide(self) -> bool:
        """Say whether probes tell that the project is ready; otherwise running for a moment does."""
        return self.startup_passed or any(t.probe.role in ("startup", "readiness") for t in self.trackers)

    def health(self, age: float) -> tuple[Health, str]:
        """Return the health at an age of the run, and why."""
        bad = self.given_up() or next((t for t in self.trackers if t.failed), None)
        if bad is not None:
            return "unhealthy", _failure(bad)
        waiting = [t for t in (*self.of("startup"), *self.of("readiness")) if not t.passed]
        if waiting:
            return "starting", _waiting(waiting[0])
        shaky = next((t for t in self.trackers if t.failures and t.probe.role != "startup"), None)
        if shaky is not None:
            return "transient", _failure(shaky)
        if not self.trackers_decide() and age < self._timings.settle:
            return "starting", "Just started."
        return "healthy", ""

    def statuses(self) -> list[ProbeStatus]:
        """Return every probe with its counters."""
        return [tracker.status(self.on_hold) for tracker in self.trackers]


def _failure(tracker: Tracker) -> str:
    detail = f": {tracker.last.detail}" if tracker.last is not None and tracker.last.detail else ""
    return f"The {describe(tracker.probe)} failed {tracker.failures} times in a row{detail}"


def _waiting(tracker: Tracker) -> str:
    detail = f": {tracker.last.detail}" if tracker.last is not None and tracker.last.result != "pass" else ""
    return f"Waiting for the {describe(tracker.probe)}{detail}"
