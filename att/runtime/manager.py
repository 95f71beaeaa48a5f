"""RuntimeManager: run projects, see how they are, and read what they write. A facade over the parts that do it."""

from __future__ import annotations

import logging
import os
import shutil
import socket
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from att.errors import ATTError
from att.models import now
from att.projects.grants import Grants, grant_variables
from att.projects.models import Project
from att.projects.registry import ProjectRegistry
from att.runtime.adapters import Adapter
from att.runtime.checks import Attempt, Target, ask
from att.runtime.controls import Controls
from att.runtime.evidence import Coroner
from att.runtime.launcher import Launcher, child_environment
from att.runtime.lease import Lease
from att.runtime.logs import ProjectLogs, RawPage
from att.runtime.metrics import Metrics
from att.runtime.models import (
    Diagnosis,
    Diagnostics,
    HealthSignal,
    LogPage,
    MetricsSeries,
    RunPage,
    RunSummary,
    RuntimeStatus,
    Stream,
    Supervisor,
)
from att.runtime.rundir import RunDirectory
from att.runtime.starter import Starter, run_facts
from att.runtime.states import Row, StateBook
from att.runtime.supervisor import Supervisor as SupervisorThread
from att.runtime.timings import Timings
from att.runtime.views import View, from_sight, from_store

if TYPE_CHECKING:
    from att.events.manager import EventLog
    from att.settings import ATT
    from att.store import Store
    from att.store.place import Place

__all__ = ["RuntimeManager"]

_log = logging.getLogger("att")


class RuntimeManager:
    """Runs the projects of one data directory, for one process.

    Every process may start, stop and read, each under the project's lock; one of them supervises. Methods may be
    called from any thread.
    """

    def __init__(
        self,
        registry: ProjectRegistry,
        launcher: Launcher,
        store: Store,
        events: EventLog,
        *,
        adapters: Sequence[Adapter],
        settings: ATT,
        place: Place,
        kind: Literal["server", "embedded", "cli"] = "embedded",
        url: str | None = None,
        timings: Timings | None = None,
    ) -> None:
        self._registry = registry
        self._launcher = launcher
        self._settings = settings
        self._kind = kind
        self._timings = timings or Timings()
        self._closed = False
        self._grants = Grants(registry)
        self._book = StateBook(store, events)
        self._logs = ProjectLogs(launcher)
        self._starter = Starter(launcher, self._book, adapters, settings, self._granted)
        self._coroner = Coroner(self._logs, self._starter)
        self._controls = Controls(registry, launcher, self._book, self._starter, self._coroner, self._timings)
        me = Supervisor(pid=os.getpid(), host=socket.gethostname(), kind=kind, url=url, since=now())
        self._supervisor = SupervisorThread(
            me,
            Lease(place.supervisor_lock),
            store,
            registry,
            launcher,
            self._book,
            self._starter,
            self._coroner,
            events,
            self._timings,
        )
        self._metrics = Metrics(settings.metrics_seconds, self._timings.watched, self._supervisor.later)

    def open(self) -> None:
        """Adopt what runs and supervise, if nobody else does."""
        self._supervisor.open()

    def close(self) -> None:
        """Let go; projects keep running, unless a server is set to stop them on shutdown."""
        if self._closed:
            return
        self._closed = True
        if self._settings.stop_on_shutdown and self._kind == "server":
            self._stop_all()
        self._supervisor.close()

    def supervised_by(self) -> Supervisor | None:
        """Return the process that runs probes and restart policies, or None."""
        return self._supervisor.holder()

    def adapter(self, project: Project) -> Adapter | None:
        """Return who knows how to start the project, or None."""
        return self._starter.adapter(project)

    def _granted(self, project: Project) -> Mapping[str, str] | None:
        """Return the variables of a project's token; None when no server is there that would take it."""
        if not project.grant_token:
            return {}
        holder, path = self.supervised_by(), self._settings.mcp_path.strip("/")
        url = holder.url if holder is not None and holder.kind == "server" else None
        if not path or url is None or not url.startswith(("http://", "https://")):
            return None
        return grant_variables(project, self._grants.token(project), f"{url.rstrip('/')}/{path}")

    # Starting and stopping

    def start(self, project_id: str) -> RuntimeStatus:
        """Start the project, or answer its status when it runs already.

        Raises StartFailed, Invalid or NotSupported with what to do, and Busy while a stop takes too long.
        """
        self._controls.start(self._registry.get(project_id))
        self._supervisor.notice(project_id)
        return self.status(project_id)

    def stop(self, project_id: str) -> RuntimeStatus:
        """Stop the project and everything it has started. Raises TimedOut and Busy."""
        self._controls.stop(self._registry.get(project_id))
        self._supervisor.notice(project_id)
        return self.status(project_id)

    def restart(self, project_id: str, trigger: Literal["manual", "watchdog"] = "manual") -> RuntimeStatus:
        """Stop the project when it runs, and start it with its present settings.

        Raises what `start` and `stop` raise.
        """
        self._controls.restart(self._registry.get(project_id), trigger)
        self._supervisor.notice(project_id)
        return self.status(project_id)

    def _stop_all(self) -> None:
        """Stop every project at once, so that it takes as long as the slowest one."""
        with ThreadPoolExecutor(16, "att-stop") as pool:
            list(pool.map(self._stop_quietly, [project.id for project in self._registry.list()]))

    def _stop_quietly(self, project_id: str) -> None:
        try:
            self.stop(project_id)
        except ATTError:
            _log.exception("Project %s could not be stopped on shutdown", project_id)

    def forget(self, project_id: str) -> None:
        """Stop all runs of a project, of every kind, and delete what is kept of it. Raises TimedOut and Busy."""
        self.stop(project_id)
        with self._launcher.project_lock(project_id):
            for run in self._launcher.runs(project_id):
                run.stop()
                run.delete()
            shutil.rmtree(self._launcher.runs_dir(project_id), ignore_errors=True)
            self._book.forget(project_id)
        self._metrics.forget(project_id)
        self._supervisor.notice(project_id)

    # Looking

    def status(self, project_id: str, *, resources: bool = False) -> RuntimeStatus:
        """Return state and health; `resources` samples the process tree."""
        status = self._view(project_id).status
        if resources and status.run_id is not None and status.shim_pid is not None:
            sample = self._metrics.now(project_id, status.run_id, status.shim_pid)
            return status.model_copy(update={"resources": sample})
        return status

    def statuses(self, projects: Iterable[Project]) -> dict[str, RuntimeStatus]:
        """Return the status of many projects with one look at the store."""
        holder, at = self.supervised_by(), now()
        rows: dict[str, Row] | None = None
        found: dict[str, RuntimeStatus] = {}
        for project in projects:
            view = self._seen(project.id, holder, at)
            if view is None:
                rows = self._book.read_all() if rows is None else rows
                row = rows.get(project.id, Row())
                view = from_store(project, row, self._launcher.latest(project.id), holder, at, self._timings)
            found[project.id] = view.status
        return found

    def health_signal(self, project_id: str) -> HealthSignal:
        """Return what watchdogs and deployments decide on."""
        return self._view(project_id).signal()

    def probe(self, project_id: str) -> HealthSignal:
        """Ask every probe once, now; if another process supervises, its counters stay as they are."""
        view = self._view(project_id)
        run = None if view.status.shim_pid is None else self._launcher.latest(project_id)
        if run is None:
            return view.signal()
        probes = run_facts(run).probes
        patience = 5.0 + sum(probe.timeout_seconds for probe in probes)
        if self._supervisor.probe_now(project_id, patience):
            return self._view(project_id).signal()
        env = child_environment(os.environ, self._registry.get(project_id).env)
        target = Target(run_facts(run).cwd, env)
        results = [ask(probe, target, Attempt()) for probe in probes]
        return View(view.status, view.unhealthy_since, results).signal()

    def _view(self, project_id: str) -> View:
        holder, at = self.supervised_by(), now()
        seen = self._seen(project_id, holder, at)
        if seen is not None:
            return seen
        project = self._registry.get(project_id)
        row, run = self._book.read(project_id), self._launcher.latest(project_id)
        return from_store(project, row, run, holder, at, self._timings)

    def _seen(self, project_id: str, holder: Supervisor | None, at: datetime) -> View | None:
        sight = self._supervisor.sight(project_id)
        if sight is None or not sight.fresh():
            return None
        return from_sight(project_id, sight, holder, at, self._timings)

    # What was written and measured

    def logs(
        self,
        project_id: str,
        cursor: str | None = None,
        limit: int = 500,
        *,
        stream: Stream | None = None,
        since: datetime | None = None,
        tail: int | None = None,
        run: str | None = None,
        probes: bool = False,
    ) -> LogPage:
        """Return lines from a cursor on. Raises Invalid and NotFound."""
        self._require(project_id)
        return self._logs.read(project_id, cursor, limit, stream=stream, since=since, tail=tail, run=run, probes=probes)

    def raw_logs(
        self,
        project_id: str,
        cursor: str | None = None,
        max_bytes: int = 1 << 20,
        *,
        run: str | None = None,
        stream: Stream | None = None,
    ) -> RawPage:
        """Return exact bytes from a cursor on. Raises Invalid and NotFound."""
        self._require(project_id)
        return self._logs.raw(project_id, cursor, max_bytes, run=run, stream=stream)

    def runs(self, project_id: str, cursor: str | None = None, limit: int = 50) -> RunPage:
        """Return kept runs, newest first; the cursor is the id of the last one seen."""
        self._require(project_id)
        older = [run for run in reversed(self._launcher.runs(project_id)) if cursor is None or run.run_id < cursor]
        page = [summary for run in older[:limit] if (summary := _summary(run)) is not None]
        last = older[:limit][-1].run_id if older else cursor
        return RunPage(runs=page, cursor=last, has_more=len(older) > limit)

    def metrics(self, project_id: str) -> MetricsSeries:
        """Return CPU and memory of the current run over time, and go on sampling for a minute."""
        status = self._view(project_id).status
        return self._metrics.series(project_id, status.run_id, status.shim_pid)

    def diagnostics(self, project_id: str, run_id: str | None = None) -> Diagnostics:
        """Return why a run ended, and every restart that is kept. Raises NotFound for an unknown run."""
        project = self._registry.get(project_id)
        run = self._launcher.latest(project_id) if run_id is None else self._launcher.run(project_id, run_id)
        restarts = self._book.restarts(project_id)
        if run is None:
            return Diagnostics(
                project=project_id, run_id=None, exit=None, diagnosis=None, last_lines=[], restarts=restarts
            )
        evidence = self._coroner.examine(project, run)
        return Diagnostics(
            project=project_id,
            run_id=run.run_id,
            exit=evidence.exit,
            diagnosis=evidence.diagnosis or (self._ailment(project_id) if evidence.exit is None else None),
            last_lines=evidence.last_lines,
            restarts=restarts,
        )

    def _ailment(self, project_id: str) -> Diagnosis | None:
        """Explain why a project that runs is not well."""
        status = self._view(project_id).status
        if status.health not in ("unhealthy", "transient"):
            return None
        return Diagnosis(
            summary=status.reason,
            remedy="Look at its last lines and at what the probe asks; restart it if it hangs.",
            evidence=[p.last.detail for p in status.probes if p.last is not None and p.last.result != "pass"],
        )

    def _require(self, project_id: str) -> None:
        """Raise NotFound unless the project exists; one that is seen running does."""
        if self._supervisor.sight(project_id) is None:
            self._registry.get(project_id)


def _summary(run: RunDirectory) -> RunSummary | None:
    """Describe a run; None when it was deleted meanwhile, or its start was cut short."""
    spec = run.known_spec()
    if spec is None:
        return None
    record = run.exit()
    return RunSummary(
        run_id=run.run_id,
        kind=spec.kind,
        state=run.phase(),
        started_at=run.created_at() if record is None else record.started_at,
        exit=record,
        command=list(spec.command),
        log_bytes=run.log_bytes(),
    )
