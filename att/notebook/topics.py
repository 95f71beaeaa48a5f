"""What widgets show: the state of one project, its events, and all projects."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from att.client.session import Session
from att.errors import ATTError, NotFound
from att.events.models import Event, EventPage
from att.projects.models import ProjectPage, ProjectStatus
from att.runtime.models import Diagnostics, HealthSignal, ProbeResult, Resources, RuntimeStatus
from att.testing.models import TestOutcome, TestOutcomePage, TestRun, TestRunPage

__all__ = [
    "EventsTopic",
    "EventsValue",
    "ProjectTopic",
    "ProjectValue",
    "ProjectsTopic",
    "ProjectsValue",
    "TestsTopic",
    "TestsValue",
]

_KEPT_PROBES, _KEPT_USAGE, _KEPT_EVENTS, _KEPT_OUTCOMES = 120, 60, 200, 200
_MOVING_SECONDS, _RUNNING_SECONDS, _RESTING_SECONDS, _FAILED_SECONDS = 0.5, 2.0, 10.0, 2.0
_MOVING = frozenset({"starting", "stopping"})
_NEWS = ["supervisor", "project", "runtime", "code", "test.started", "test.ended", "test.imported"]
_NEWS += ["mcp.added", "mcp.removed", "mcp.state"]  # how each attempt went stands on the card of the server
_BAD_ENDS = frozenset({"exited", "backoff", "crash_loop", "lost"})


@dataclass(frozen=True)
class ProjectValue:
    """A project as it is now; `error` says that it could not be read, and the rest is what was known before."""

    status: RuntimeStatus | None = None
    probes: tuple[ProbeResult, ...] = ()
    usage: tuple[Resources, ...] = ()
    diagnostics: Diagnostics | None = None
    error: ATTError | None = None


@dataclass(frozen=True)
class ProjectTopic:
    """State, health, probes and use of resources."""

    project: str

    @property
    def key(self) -> str:
        return f"project {self.project}"

    def read(self, session: Session, before: ProjectValue | None) -> ProjectValue:
        value, given = before or ProjectValue(), {"project": self.project}
        status: RuntimeStatus = session.caller.ask("runtime.status", {**given, "resources": True})
        same_run = value.status is not None and value.status.run_id == status.run_id
        used = (status.resources,) if status.resources else ()
        probes = value.probes if same_run else ()
        if status.state == "running":
            signal: HealthSignal = session.caller.ask("runtime.health", given)
            probes = _joined(probes, signal.last_results)
        return ProjectValue(
            status=status,
            probes=probes,
            usage=((value.usage if same_run else ()) + used)[-_KEPT_USAGE:],
            diagnostics=self._diagnostics(session, status, value),
        )

    def _diagnostics(self, session: Session, status: RuntimeStatus, before: ProjectValue) -> Diagnostics | None:
        if status.state not in _BAD_ENDS or (status.exit is not None and status.exit.requested):
            return None
        known = before.diagnostics
        if known is not None and known.run_id == status.run_id and known.exit is not None:
            return known
        found: Diagnostics = session.caller.ask("runtime.diagnostics", {"project": self.project})
        return found

    def failed(self, before: ProjectValue | None, error: ATTError) -> ProjectValue:
        return replace(before or ProjectValue(), error=error)

    def seconds(self, value: ProjectValue) -> float:
        if value.error is not None:
            return _RESTING_SECONDS if isinstance(value.error, NotFound) else _FAILED_SECONDS
        state = value.status.state if value.status else "stopped"
        if state in _MOVING:
            return _MOVING_SECONDS
        return _RUNNING_SECONDS if state in ("running", "backoff") else _RESTING_SECONDS

    def concerns(self, event: Event) -> bool:
        return event.project == self.project and event.kind.startswith(("runtime.", "project."))


def _joined(kept: tuple[ProbeResult, ...], fresh: list[ProbeResult]) -> tuple[ProbeResult, ...]:
    known = {(item.at, item.role, item.kind) for item in kept}
    new = [item for item in fresh if (item.at, item.role, item.kind) not in known]
    return (*kept, *new)[-_KEPT_PROBES:]


@dataclass(frozen=True)
class TestsValue:
    """The latest test run of a project, None when there was none; and, when it is over, its first outcomes."""

    __test__ = False

    run: TestRun | None = None
    error: ATTError | None = None
    outcomes: tuple[TestOutcome, ...] = ()


@dataclass(frozen=True)
class TestsTopic:
    """The latest test run with its details."""

    __test__ = False
    project: str

    @property
    def key(self) -> str:
        return f"tests of {self.project}"

    def read(self, session: Session, before: TestsValue | None) -> TestsValue:
        page: TestRunPage = session.caller.ask("test.runs", {"project": self.project, "limit": 1})
        if not page.runs:
            return TestsValue()
        latest, known = page.runs[0], before.run if before else None
        if known is not None and known.run_id == latest.run_id and known.state != "running":
            return replace(before or TestsValue(), error=None)
        given = {"project": self.project, "run": latest.run_id}
        run: TestRun = session.caller.ask("test.status", given)
        if run.state == "running":
            return TestsValue(run)
        results: TestOutcomePage = session.caller.ask("test.results", {**given, "limit": _KEPT_OUTCOMES})
        return TestsValue(run, outcomes=tuple(results.outcomes))

    def failed(self, before: TestsValue | None, error: ATTError) -> TestsValue:
        return replace(before or TestsValue(), error=error)

    def seconds(self, value: TestsValue) -> float:
        if value.error is not None:
            return _RESTING_SECONDS
        return _MOVING_SECONDS if value.run is not None and value.run.state == "running" else _RESTING_SECONDS

    def concerns(self, event: Event) -> bool:
        return event.project == self.project and event.kind.startswith("test.")


@dataclass(frozen=True)
class EventsValue:
    """The newest events, oldest first, and the cursor behind them."""

    events: tuple[Event, ...] = ()
    cursor: str | None = None
    error: ATTError | None = None


@dataclass(frozen=True)
class EventsTopic:
    """What happened in a project, or in all."""

    project: str | None

    @property
    def key(self) -> str:
        return f"events of {self.project or 'all'}"

    def read(self, session: Session, before: EventsValue | None) -> EventsValue:
        value = before or EventsValue()
        given: dict[str, Any] = {"cursor": value.cursor} if value.cursor else {"tail": _KEPT_EVENTS}
        given["kinds"] = _NEWS
        name = "event.list" if self.project is None else "project.events"
        page: EventPage = session.caller.ask(name, given | ({"project": self.project} if self.project else {}))
        return EventsValue((*value.events, *page.events)[-_KEPT_EVENTS:], page.cursor or value.cursor)

    def failed(self, before: EventsValue | None, error: ATTError) -> EventsValue:
        return replace(before or EventsValue(), error=error)

    def seconds(self, value: EventsValue) -> float:
        return _FAILED_SECONDS if value.error is not None else _RESTING_SECONDS

    def concerns(self, event: Event) -> bool:
        told = event.kind in _NEWS or event.kind.partition(".")[0] in _NEWS
        return told and self.project in (None, event.project)


@dataclass(frozen=True)
class ProjectsValue:
    """All projects."""

    projects: tuple[ProjectStatus, ...] = ()
    error: ATTError | None = None


class ProjectsTopic:
    """All projects with their state, for choosing one."""

    key = "projects"

    def read(self, session: Session, before: ProjectsValue | None) -> ProjectsValue:  # noqa: ARG002
        page: ProjectPage = session.caller.ask("project.list", {"limit": 10_000})
        return ProjectsValue(tuple(page.projects))

    def failed(self, before: ProjectsValue | None, error: ATTError) -> ProjectsValue:
        return replace(before or ProjectsValue(), error=error)

    def seconds(self, value: ProjectsValue) -> float:
        if any(item.setup is not None and item.setup.state == "running" for item in value.projects):
            return _MOVING_SECONDS
        return _FAILED_SECONDS if value.error is not None else _RESTING_SECONDS

    def concerns(self, event: Event) -> bool:
        return event.kind.startswith(("project.", "runtime."))
