"""Start test runs: each is a run of the launcher like any other, with a driver of its own as the main process."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from att.errors import Busy, Invalid, StartFailed
from att.models import now
from att.projects.masking import masked
from att.projects.models import Project
from att.runtime.command import project_python, virtual_env_variables
from att.runtime.launcher import Launcher
from att.runtime.rundir import RUN_MARK
from att.runtime.spec import MIB, LaunchSpec
from att.testing.command import STREAM_VARIABLE, pytest_environment, pytest_options, pytest_targets
from att.testing.driver.orders import Orders
from att.testing.executors import driver_command, executor_for
from att.testing.models import TestRequest, TestRun
from att.testing.provenance import GitFactory, commit_of, this_environment
from att.testing.suiterun import KIND, META, SuiteRun

if TYPE_CHECKING:
    from att.settings import ATT

__all__ = ["INTERRUPT_SECONDS", "TERMINATE_SECONDS", "TestRunner"]

INTERRUPT_SECONDS = 10.0
"""From the interrupt, after which pytest still sums up, to TERM."""
TERMINATE_SECONDS = 3.0
"""From TERM to KILL."""
_MARGIN_SECONDS = 3.0
_log = logging.getLogger("att")


class TestRunner:
    """Starts the tests of projects. Safe in several threads and processes: a start holds the project's lock."""

    __test__ = False

    def __init__(
        self,
        launcher: Launcher,
        git: GitFactory,
        settings: ATT,
        *,
        interrupt_seconds: float = INTERRUPT_SECONDS,
        terminate_seconds: float = TERMINATE_SECONDS,
    ) -> None:
        self._launcher = launcher
        self._git = git
        self._settings = settings
        self._ladder = (interrupt_seconds, terminate_seconds)

    def start(
        self, project: Project, request: TestRequest, durations: Mapping[str, float], *, parallel: bool = False
    ) -> SuiteRun:
        """Start the project's tests. `durations` are earlier seconds by nodeid, by which a run is divided.

        Raises Busy while another run of the project goes on, unless `parallel`; Invalid, NotFound, NotSupported and
        StartFailed for what can be known before.
        """
        root, python = _place(project)
        spec = self._spec(project, root, python, request)
        with self._launcher.project_lock(project.id):
            if not parallel:
                self._refuse_second(project.id)
            if request.shards > 1:
                _write_private(self._durations_file(project.id), json.dumps(dict(durations)))
            run = self._launcher.launch(project.id, spec)
            self._prune(project.id)
        return SuiteRun(run)

    def _refuse_second(self, project: str) -> None:
        for run in self._launcher.runs(project, KIND):
            if not SuiteRun(run).ended():
                raise Busy(
                    f"Tests of {project!r} are running (run {run.run_id}); wait for them, cancel them, or give "
                    "parallel=True.",
                    project=project,
                    run_id=run.run_id,
                )

    def _spec(self, project: Project, root: Path, python: Path, request: TestRequest) -> LaunchSpec:
        executor = executor_for(request, self._settings.dask_scheduler)
        orders = Orders(
            runs_dir=str(self._launcher.runs_dir(project.id).absolute()),
            run_variable=RUN_MARK,
            python_command=pytest_options(python, root, request),
            targets=pytest_targets(root, request),
            cwd=str(root),
            timeout=request.timeout,
            interrupt_seconds=self._ladder[0],
            terminate_seconds=self._ladder[1],
            shards=request.shards,
            durations=str(self._durations_file(project.id)) if request.shards > 1 else None,
            scheduler=executor.scheduler(request),
        )
        limit = self._settings.log_limit_bytes
        return LaunchSpec(
            kind=KIND,
            command=driver_command(executor, orders),
            cwd=root,
            env=_environment(project, request),
            grace_seconds=sum(self._ladder) + _MARGIN_SECONDS,
            log_limit_bytes=limit,
            segment_bytes=min(4 * MIB, max(MIB // 4, limit // 4)),
            meta={META: self._begun(project, root, request).model_dump_json()},
        )

    def _begun(self, project: Project, root: Path, request: TestRequest) -> TestRun:
        at = commit_of(root, self._git)
        return TestRun(
            project=project.id,
            run_id="",  # known once it is launched
            state="running",
            started_at=now(),
            message="Starting pytest",
            request=request.model_copy(update={"env": masked(request.env)}),
            environment=this_environment(),
            commit=at.commit,
            branch=at.branch,
            dirty=at.dirty,
        )

    def _durations_file(self, project: str) -> Path:
        return self._launcher.runs_dir(project).parent / "durations.json"

    def _prune(self, project: str) -> None:
        try:
            self._launcher.prune(project, self._settings.keep_runs, self._settings.keep_run_bytes)
        except (OSError, Busy):
            _log.warning("Old runs of %s could not be deleted", project, exc_info=True)


def _place(project: Project) -> tuple[Path, Path]:
    """Return the project's folder and Python. Raises Invalid and StartFailed."""
    if project.path is None:
        raise Invalid(f"Project {project.id!r} has no folder; set its path.")
    root = Path(project.path)
    if not root.is_dir():
        raise StartFailed(f"The folder {root} does not exist; create it, or set another path.", reason="missing_cwd")
    python = project_python(project) or Path(sys.executable)
    if not os.access(python, os.X_OK):
        raise StartFailed(
            f"There is no Python {python}; make the environment, or set the project's python.",
            reason="missing_executable",
        )
    return root, python


def _environment(project: Project, request: TestRequest) -> dict[str, str]:
    """Return the driver's environment, which is that of the tests; each shard gets its own stream."""
    base = {**os.environ, **virtual_env_variables(project_python(project)), **project.env}
    environment = pytest_environment(base, Path("unused"), request.env)
    del environment[STREAM_VARIABLE]
    return environment


def _write_private(path: Path, text: str) -> None:
    part = path.with_suffix(".part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "w") as file:
        file.write(text)
    part.replace(path)
