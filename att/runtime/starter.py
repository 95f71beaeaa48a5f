"""Launch a project's run and write down what that changes; for starts by hand and for the restart policy."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from att.errors import ATTError, Busy, Invalid, StartFailed
from att.projects.models import Project
from att.runtime.adapters import Adapter, LaunchPlan
from att.runtime.command import project_python
from att.runtime.launcher import Launcher, LaunchSpec, child_environment
from att.runtime.models import Probe, RestartRecord
from att.runtime.ports import LOOPBACK, choose_port
from att.runtime.proctree import host_name
from att.runtime.rundir import RunDirectory
from att.runtime.states import Change, Row, StateBook

if TYPE_CHECKING:
    from att.settings import ATT

__all__ = ["RunFacts", "Starter", "fingerprint", "run_facts"]

MIB = 1024 * 1024
_APPLIED_AT_START = {"path", "command", "nat_config", "python", "env", "port", "probes"}
NO_TOKEN = "It has no token: no Jupyter server that serves MCP supervises this data directory."  # noqa: S105
"""Told with the start of a project whose token would lead nowhere."""
Granted = Callable[[Project], Mapping[str, str] | None]
"""Returns the variables of a project's token, of which there may be none, or None when there is no place to use it."""
_PROBES = TypeAdapter(list[Probe])
_log = logging.getLogger("att")


def fingerprint(project: Project) -> str:
    """Return a digest of the settings that a run is started with and that a change leaves as they are."""
    settings = project.model_dump(mode="json", include=_APPLIED_AT_START)
    if project.granted_at is not None:  # another grant is another token
        settings["granted_at"] = project.granted_at.isoformat()
    text = json.dumps(settings, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


class RunFacts:
    """What a run was started with, read from its directory."""

    def __init__(self, spec: LaunchSpec) -> None:
        self.port = spec.port
        self.cwd = spec.cwd
        self.url = spec.meta.get("url")
        self.fingerprint = spec.meta.get("fingerprint")
        try:
            self.probes: Sequence[Probe] = _PROBES.validate_json(spec.meta.get("probes", "[]"), extra="ignore")
        except ValidationError:  # written by another version
            _log.warning("The probes of a run in %s cannot be read and are not asked", spec.cwd)
            self.probes = ()


def run_facts(run: RunDirectory) -> RunFacts:
    """Read what a run was started with. Raises FileNotFoundError when it is gone."""
    return RunFacts(run.spec())


class Starter:
    """Launches runs. The caller holds the project's lock, and knows that none of the project's runs is alive."""

    def __init__(
        self, launcher: Launcher, book: StateBook, adapters: Sequence[Adapter], settings: ATT, granted: Granted
    ) -> None:
        self._launcher = launcher
        self._book = book
        self._adapters = adapters
        self._settings = settings
        self._granted = granted

    def adapter(self, project: Project) -> Adapter | None:
        """Return who knows how to start the project, or None."""
        return next((adapter for adapter in self._adapters if adapter.detects(project)), None)

    def launch(
        self, project: Project, previous: RunDirectory | None, *, by_hand: bool, record: RestartRecord | None = None
    ) -> tuple[RunDirectory, Row]:
        """Start a new run and return it with the row; `record` is written when this restarts another run.

        A start by hand forgets earlier failures. Raises StartFailed, Invalid or NotSupported with what to do; the
        project is then stopped if this was by hand, and left starting otherwise.
        """
        granted = self._granted(project)
        spec = self._spec(project, previous, granted)

        def begin(row: Row, _at: object) -> Change:
            counters: dict[str, Any] = {"restarts": row.snapshot.restarts + 1}
            if by_hand:
                counters = {"restarts": 0, "failures": [], "attempts": 0}
                if record is None:
                    counters["pending"] = None
            reason = "Started by hand." if by_hand else f"Restarted ({row.snapshot.pending or 'exit'})."
            return Change(
                row.to(
                    "starting",
                    reason if granted is not None else f"{reason} {NO_TOKEN}",
                    desired="running",
                    host=host_name(),
                    next_restart_at=None,
                    **_UNSEEN,
                    **counters,
                ),
                record,
            )

        restart_id = self._book.change(project.id, begin).snapshot.restart_id
        try:
            run = self._launcher.launch(project.id, spec, lambda run_id: self._name(restart_id, run_id))
        except ATTError as error:
            self._name(restart_id, None)
            if by_hand:
                reason = f"Could not be started: {error.message}"
                self._book.change(
                    project.id,
                    lambda row, _at: row.to(
                        "stopped", reason, desired="stopped", pending=None, restart_id=None, **_GONE
                    ),
                )
            raise
        return run, self._launched(project, run, restart_id)

    def _name(self, restart_id: int | None, run_id: str | None) -> None:
        """Complete the restart's record, so that nobody sees the new run alive and does not find it there."""
        if restart_id is not None:
            self._book.name_restarted(restart_id, run_id)

    def _launched(self, project: Project, run: RunDirectory, restart_id: int | None) -> Row:
        """Say that the run is there, tell of the restart, and delete old runs."""
        row = self._book.change(
            project.id,
            lambda row, _at: row.to(
                "running", row.snapshot.reason, run_id=run.run_id, pending=None, restart_id=None, results=[]
            ),
        )
        if restart_id is not None:
            self._book.tell_restarted(project.id, restart_id)
        try:
            self._launcher.prune(project.id, self._settings.keep_runs, self._settings.keep_run_bytes)
        except (OSError, Busy):
            _log.warning("Old runs of %s could not be deleted", project.id, exc_info=True)
        return row

    def _spec(
        self, project: Project, previous: RunDirectory | None, granted: Mapping[str, str] | None = None
    ) -> LaunchSpec:
        """Say what to launch. Raises StartFailed, Invalid or NotSupported."""
        adapter = self.adapter(project)
        if adapter is None:
            raise Invalid(
                f"Nobody knows how to start project {project.id!r}: set its command, or nat_config for a NeMo Agent "
                "Toolkit app.",
                project=project.id,
            )
        if project.path is not None and not Path(project.path).is_dir():
            remedy = "Create it, or set another path."
            raise StartFailed(
                f"The folder {project.path} does not exist. {remedy}",
                reason="missing_cwd",
                project=project.id,
                remedy=remedy,
            )
        port = choose_port(project.port, None if previous is None else previous.spec().port)
        plan = adapter.plan(project, port)
        limit = self._settings.log_limit_bytes
        return LaunchSpec(
            command=tuple(plan.command),
            cwd=plan.cwd,
            env=child_environment(os.environ, {**(granted or {}), **plan.env}),
            grace_seconds=project.grace_seconds,
            log_limit_bytes=limit,
            segment_bytes=min(4 * MIB, max(MIB // 4, limit // 4)),
            private_tmp=plan.private_tmp,
            port=plan.port,
            meta=_meta(plan, project, adapter),
        )


_UNSEEN: dict[str, Any] = {
    "health": "starting",
    "health_reason": "Just started.",
    "observer": None,
    "healthy_since": None,
    "unhealthy_since": None,
    "startup_passed": False,
    "probes": [],
}
"""What is known of a run that nobody has looked at yet."""
_GONE: dict[str, Any] = {**_UNSEEN, "health": "unknown", "health_reason": ""}


def _meta(plan: LaunchPlan, project: Project, adapter: Adapter) -> dict[str, str]:
    python = str(project_python(project) or sys.executable)
    probes = [_resolved(probe, plan.port, python) for probe in plan.probes]
    meta = {
        "adapter": adapter.name,
        "fingerprint": fingerprint(project),
        "probes": _PROBES.dump_json(probes, exclude_defaults=True).decode(),
    }
    return meta if plan.url is None else {**meta, "url": plan.url}


def _resolved(probe: Probe, port: int | None, python: str) -> Probe:
    """Return the probe with its target written out, so that it can be asked without knowing the project."""

    def filled(text: str) -> str:
        text = text.replace("{python}", python)
        return text if port is None else text.replace("{port}", str(port))

    if probe.url is not None:
        url = filled(probe.url)
        if url.startswith("/") and port is not None:
            url = f"http://{LOOPBACK}:{port}{url}"
        return probe.model_copy(update={"url": url})
    if probe.command is not None:
        return probe.model_copy(update={"command": [filled(word) for word in probe.command]})
    return probe.model_copy(update={"port": probe.port or port}) if probe.kind == "tcp" else probe
