"""Gather what is known of how a run ended: its record, a diagnosis, and its last lines."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from att.projects.models import Project
from att.runtime.command import project_python
from att.runtime.diagnosis import Scene, explain
from att.runtime.logs import ProjectLogs
from att.runtime.models import Diagnosis, ExitRecord, LogLine
from att.runtime.rundir import RunDirectory
from att.runtime.starter import Starter
from att.terminal import plain

__all__ = ["Coroner", "Evidence"]

LAST_LINES = 50
STDERR_LINES = 500


@dataclass(frozen=True)
class Evidence:
    """How a run ended, and what explains it; `exit` is None while it runs, `lost` when nobody saw the end."""

    exit: ExitRecord | None
    diagnosis: Diagnosis | None
    last_lines: list[LogLine]
    lost: bool = False

    @classmethod
    def unreadable(cls, error: Exception) -> Evidence:
        """Return what is left to say when the run's directory cannot be read any more."""
        summary = f"The run's records cannot be read: {error}"
        return cls(None, Diagnosis(summary=summary, remedy="Look at the data directory."), [], lost=True)


class Coroner:
    """Looks at ended runs."""

    def __init__(self, logs: ProjectLogs, starter: Starter) -> None:
        self._logs = logs
        self._starter = starter

    def examine(self, project: Project, run: RunDirectory) -> Evidence:
        """Return the evidence of a run; a loss that nobody has recorded yet is recorded."""
        ended = run.phase() != "running"
        record = run.wait(0.0) if ended else None
        lines = self._logs.last_lines(run, LAST_LINES)
        diagnosis = self._diagnose(project, run, record) if ended else None
        return Evidence(record, diagnosis, lines, lost=run.phase() == "lost")

    def _diagnose(self, project: Project, run: RunDirectory, record: ExitRecord | None) -> Diagnosis | None:
        if record is not None and record.requested:
            return None
        page = self._logs.read(project.id, limit=STDERR_LINES, stream="stderr", tail=STDERR_LINES, run=run.run_id)
        stderr = [plain(line.text) for line in page.lines]
        adapter = self._starter.adapter(project)
        found = None if adapter is None else adapter.diagnose(project, record, stderr)
        if found is not None:
            return found
        lines = stderr or [plain(line.text) for line in self._logs.last_lines(run, LAST_LINES)]
        python = str(project_python(project) or sys.executable)
        spec = run.known_spec()
        return explain(record, lines, Scene(python, Path(project.path or "."), None if spec is None else spec.port))
