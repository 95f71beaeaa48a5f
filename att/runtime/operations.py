"""Operations on a project's processes: run them, see whether they are healthy, read what they write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from att.errors import Busy, Invalid, NotSupported, StartFailed, TimedOut
from att.models import Timestamp
from att.operations import CallerSide, Cursor, Limit, Operations, ProjectId, RunId, Seconds, operation
from att.runtime.models import (
    Diagnostics,
    HealthSignal,
    LogPage,
    MetricsSeries,
    RunPage,
    RuntimeStatus,
    Stream,
)

if TYPE_CHECKING:
    from att.runtime.manager import RuntimeManager

__all__ = ["RuntimeOperations"]

Wait = Annotated[Literal["running", "healthy"] | None, CallerSide()]
Patience = Annotated[Seconds, CallerSide()]


class RuntimeOperations(Operations):
    """Start and stop a project, and see how it is."""

    def __init__(self, runtime: RuntimeManager) -> None:
        self.runtime = runtime

    @operation(
        "runtime.start",
        post="/projects/{project}/runtime/start",
        action="execute",
        errors=(StartFailed, Busy, NotSupported, Invalid),
    )
    def start(self, project: ProjectId, wait: Wait = None, timeout: Patience = 60.0) -> RuntimeStatus:
        """Start the project, or answer its status when it runs already.

        With `wait` the caller goes on until it is running or healthy, and raises StartFailed with the diagnosis, the
        remedy and the last lines if it ends before that, TimedOut after `timeout` seconds.
        """
        return self.runtime.start(project)

    @operation(
        "runtime.stop",
        post="/projects/{project}/runtime/stop",
        action="execute",
        slow=True,
        destructive=True,
        errors=(Busy, TimedOut),
    )
    def stop(self, project: ProjectId) -> RuntimeStatus:
        """Stop the project and every process it has started; answers when none is left."""
        return self.runtime.stop(project)

    @operation(
        "runtime.restart",
        post="/projects/{project}/runtime/restart",
        action="execute",
        slow=True,
        errors=(StartFailed, Busy, NotSupported, Invalid),
    )
    def restart(self, project: ProjectId, wait: Wait = None, timeout: Patience = 60.0) -> RuntimeStatus:
        """Stop the project when it runs, and start it with its present settings."""
        return self.runtime.restart(project)

    @operation("runtime.status", get="/projects/{project}/runtime/status", resource="att://project/{project}/status")
    def status(
        self,
        project: ProjectId,
        resources: Annotated[bool, Field(description="Sample CPU and memory of the process tree.")] = False,
    ) -> RuntimeStatus:
        """Read state, health, probes, restarts and the end of the latest run."""
        return self.runtime.status(project, resources=resources)

    @operation("runtime.health", get="/projects/{project}/runtime/health")
    def health(self, project: ProjectId) -> HealthSignal:
        """Read the signal that watchdogs and deployments decide on."""
        return self.runtime.health_signal(project)

    @operation("runtime.probe", post="/projects/{project}/runtime/probe", action="execute", slow=True)
    def probe(self, project: ProjectId) -> HealthSignal:
        """Run every probe once, now, and answer the signal with the fresh results."""
        return self.runtime.probe(project)

    @operation(
        "runtime.logs",
        get="/projects/{project}/runtime/logs",
        resource="att://project/{project}/logs",
        python="p.logs.read",
    )
    def logs(
        self,
        project: ProjectId,
        cursor: Cursor = None,
        limit: Limit = 500,
        stream: Annotated[Stream | None, Field(description="Only this stream.")] = None,
        since: Annotated[Timestamp | None, Field(description="Only lines written at this time or later.")] = None,
        tail: Annotated[int | None, Field(ge=1, le=10_000, description="Start at the last N lines.")] = None,
        run: Annotated[RunId | None, Field(description="A past run; default the latest.")] = None,
        probes: Annotated[bool, Field(description="Show the lines that ATT's own probes caused.")] = False,
    ) -> LogPage:
        """Read the project's output from a cursor on, else the latest run's; nothing is ever skipped silently.

        The cursor of a page that came before the first run leads through all runs that came since.
        """
        return self.runtime.logs(project, cursor, limit, stream=stream, since=since, tail=tail, run=run, probes=probes)

    @operation("runtime.runs", get="/projects/{project}/runtime/runs")
    def runs(self, project: ProjectId, cursor: Cursor = None, limit: Limit = 50) -> RunPage:
        """List the kept runs, newest first."""
        return self.runtime.runs(project, cursor, limit)

    @operation("runtime.metrics", get="/projects/{project}/runtime/metrics")
    def metrics(self, project: ProjectId) -> MetricsSeries:
        """Read CPU and memory of the process tree over time; asking starts the sampling."""
        return self.runtime.metrics(project)

    @operation("runtime.diagnostics", get="/projects/{project}/runtime/diagnostics")
    def diagnostics(
        self,
        project: ProjectId,
        run: Annotated[RunId | None, Field(description="A past run; default the latest.")] = None,
    ) -> Diagnostics:
        """Read why the run ended: exit record, diagnosis with remedy, last lines, and every restart kept."""
        return self.runtime.diagnostics(project, run)
