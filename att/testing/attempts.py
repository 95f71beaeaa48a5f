"""One try at a test: what its phases tell, and what is kept of it and of its failures."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, cast

from att.testing.fingerprint import cause_of, fingerprint
from att.testing.models import CapturedSection, Outcome, PhaseOutcome, TestFailure, TestOutcome
from att.testing.records import FailureDetail

__all__ = ["Attempt", "failure_of", "moment", "phase_outcome", "verdict"]

_PHASE_OUTCOMES = frozenset({"passed", "failed", "skipped", "rerun"})
_WORST_FIRST: tuple[Outcome, ...] = ("failed", "error", "rerun", "xpassed", "xfailed", "skipped", "passed")


@dataclass(slots=True)
class Attempt:
    """One try at a test while its phases arrive."""

    number: int
    started_at: float
    phase: str | None
    worker: str | None = None
    outcomes: dict[str, PhaseOutcome] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    verdicts: list[Outcome] = field(default_factory=list)
    reason: str | None = None
    subtests: int = 0
    failed_subtests: int = 0

    @property
    def outcome(self) -> Outcome:
        """The worst of its phases and subtests; an attempt that is run again is that, whatever its subtests said."""
        worst = min(self.verdicts, key=_WORST_FIRST.index)
        return "failed" if self.failed_subtests and worst != "rerun" else worst

    def result(self, nodeid: str) -> TestOutcome:
        """Return what is kept of it once it has ended."""
        return TestOutcome(
            nodeid=nodeid,
            attempt=self.number,
            outcome=self.outcome,
            started_at=moment(self.started_at),
            worker=self.worker,
            setup=self.outcomes.get("setup"),
            call=self.outcomes.get("call"),
            teardown=self.outcomes.get("teardown"),
            setup_seconds=self.seconds.get("setup"),
            call_seconds=self.seconds.get("call"),
            teardown_seconds=self.seconds.get("teardown"),
            reason=self.reason,
            subtests=self.subtests,
        )


def failure_of(
    detail: FailureDetail, nodeid: str, outcome: Literal["failed", "error", "rerun"], phase: str, rootdir: str
) -> TestFailure:
    """Return a failure with its cause and a fingerprint that other runs of the project share."""
    cause = cause_of(detail)
    return TestFailure(
        nodeid=nodeid,
        outcome=outcome,
        phase=phase,
        exception_type=cause.exception_type,
        message=cause.message,
        longrepr=detail.longrepr,
        path=cause.path,
        line=cause.line,
        sections=[CapturedSection(title=title, text=text) for title, text in detail.sections],
        fingerprint=fingerprint(cause, rootdir),
    )


def phase_outcome(told: str) -> PhaseOutcome:
    """Return what a phase tells of itself; what a plugin made up stands for a failure."""
    return cast("PhaseOutcome", told if told in _PHASE_OUTCOMES else "failed")


def verdict(category: str, outcome: PhaseOutcome) -> Outcome:
    """Return the outcome of a phase: pytest's category, or what it means for a category that a plugin made up."""
    return category if category in _WORST_FIRST else outcome


def moment(at: float) -> datetime:
    """Return the time of an event in UTC."""
    return datetime.fromtimestamp(at, UTC)
