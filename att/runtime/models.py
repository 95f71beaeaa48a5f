"""Values of the runtime: probes, restart policy, exit records, log pages and status."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from att.models import Model, Page, Timestamp

__all__ = [
    "PROBE_SOURCE",
    "Diagnosis",
    "Diagnostics",
    "ExitRecord",
    "Health",
    "HealthSignal",
    "LogLine",
    "LogPage",
    "MetricsSample",
    "MetricsSeries",
    "Probe",
    "ProbeKind",
    "ProbeResult",
    "ProbeRole",
    "ProbeStatus",
    "ProcessState",
    "Resources",
    "RestartPolicy",
    "RestartRecord",
    "RunPage",
    "RunSummary",
    "RuntimeStatus",
    "Stream",
    "Supervisor",
]

ProcessState = Literal["stopped", "starting", "running", "stopping", "exited", "backoff", "crash_loop", "lost"]
Health = Literal["unknown", "starting", "healthy", "transient", "unhealthy"]
RestartPolicy = Literal["never", "on_failure", "always"]
ProbeKind = Literal["process", "http", "tcp", "command"]
ProbeRole = Literal["startup", "readiness", "liveness"]
Stream = Literal["stdout", "stderr"]

PROBE_SOURCE = "127.0.0.77"
"""Loopback address that ATT's own probes connect from (Linux), by which their lines in a log are known."""


class Probe(Model):
    """A question asked of a running project again and again, with the semantics of Kubernetes probes."""

    kind: ProbeKind
    role: ProbeRole = "readiness"
    url: str | None = Field(default=None, description="http: full URL or a path on the project's own port.")
    port: int | None = Field(default=None, ge=1, le=65535, description="tcp: port; default the project's own.")
    command: list[str] | None = Field(default=None, min_length=1, description="command: argument list; 0 passes.")
    statuses: list[int] | None = Field(default=None, description="http: accepted statuses; default 200-399.")
    body_pattern: str | None = Field(default=None, description="http: regular expression (RE2) the body must contain.")
    body_without: str | None = Field(
        default=None, description="http: regular expression (RE2) the body must not contain."
    )
    period_seconds: Annotated[float, Field(gt=0, le=3600)] = 5.0
    timeout_seconds: Annotated[float, Field(gt=0, le=300)] = 2.0
    success_threshold: Annotated[int, Field(ge=1, le=100)] = 1
    failure_threshold: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        default=None, description="Failures in a row that count; default 30 for startup and 3 otherwise."
    )

    @model_validator(mode="after")
    def _kind_has_its_target(self) -> Probe:
        if self.kind == "http" and self.url is None:
            raise ValueError("an http probe needs url, for example '/health'")
        if self.kind == "command" and self.command is None:
            raise ValueError("a command probe needs command, an argument list")
        return self

    @property
    def failures_allowed(self) -> int:
        """Failures in a row after which the probe counts as failed."""
        return self.failure_threshold or (30 if self.role == "startup" else 3)


class ProbeResult(Model):
    """One answer of a probe. `error` means that the probe itself could not run."""

    at: Timestamp
    role: ProbeRole
    kind: ProbeKind
    result: Literal["pass", "fail", "error"]
    milliseconds: float
    detail: str = ""


class ProbeStatus(Model):
    """A probe with its counters in the current run."""

    probe: Probe
    state: Literal["waiting", "passing", "transient", "failed", "on_hold"]
    successes: int = Field(description="In a row.")
    failures: int = Field(description="In a row.")
    errors: int = Field(description="Times the probe itself could not run, in this run.")
    last: ProbeResult | None = None


class ExitRecord(Model):
    """How a run ended: durable, and the same for ever."""

    code: int | None = Field(description="Exit code; null when a signal ended it or when it is not known.")
    signal: int | None = Field(description="Number of the signal that ended it.")
    signal_name: str | None = None
    core_dumped: bool = False
    oom_killed: bool = False
    requested: bool = Field(default=False, description="ATT was asked to stop it.")
    reason: str = Field(description="One sentence for a person.")
    started_at: Timestamp
    exited_at: Timestamp | None = Field(description="Null when nobody saw the end (lost).")
    uptime_seconds: float | None = None
    user_cpu_seconds: float | None = None
    system_cpu_seconds: float | None = None
    max_rss_bytes: int | None = None
    stdout_bytes: int | None = None
    stderr_bytes: int | None = None
    dropped_bytes: int | None = None
    leftovers_killed: int | None = Field(default=None, description="Descendants ended after the main process.")


class LogLine(Model):
    """One line of output, decoded as UTF-8 with replacement characters for invalid bytes."""

    text: str
    stream: Stream
    at: Timestamp
    partial: bool = Field(default=False, description="The line goes on in the next element.")
    run_id: str
    probe: bool = Field(default=False, description="Written because ATT's own probe asked; hidden by default.")


class LogPage(Page):
    """Lines from a cursor on. Nothing is ever skipped silently."""

    items_field: ClassVar[str] = "lines"

    lines: list[LogLine]
    truncated: bool = Field(default=False, description="Bytes between the cursor and the first line are gone.")
    lost_bytes: int | None = Field(default=0, description="How many; null when it cannot be known.")
    run_changed: bool = Field(default=False, description="The cursor belonged to another run than the latest.")


class Resources(Model):
    """What the whole process tree uses at one moment."""

    at: Timestamp
    cpu_percent: float | None = Field(description="Of one core, since the sample before; null in the first.")
    rss_bytes: int
    threads: int
    open_files: int | None
    processes: int


class MetricsSample(Resources):
    """A point of a series."""


class MetricsSeries(Model):
    """Resource use of the current run over time."""

    run_id: str | None
    interval_seconds: float
    samples: list[MetricsSample]


class Supervisor(Model):
    """The process that runs probes and restart policies for a data directory."""

    pid: int
    host: str
    kind: Literal["server", "embedded", "cli"]
    url: str | None = None
    since: Timestamp


class Diagnosis(Model):
    """Why something failed, and what to do."""

    summary: str
    remedy: str = ""
    evidence: list[str] = Field(default_factory=list, description="The lines that gave it away.")


class RuntimeStatus(Model):
    """State and health of a project's process now."""

    project: str
    state: ProcessState
    health: Health
    reason: str = Field(default="", description="Why it is so, in one line.")
    pid: int | None = Field(default=None, description="The app's own process; its parent is the shim.")
    shim_pid: int | None = None
    run_id: str | None = Field(default=None, description="The latest run.")
    port: int | None = None
    url: str | None = None
    started_at: Timestamp | None = None
    uptime_seconds: float | None = None
    exit: ExitRecord | None = Field(default=None, description="How the latest run ended; null while it runs.")
    restarts: int = Field(default=0, description="Automatic restarts since the last start by hand.")
    restarts_in_window: int = 0
    next_restart_at: Timestamp | None = None
    probes: list[ProbeStatus] = Field(default_factory=list)
    resources: Resources | None = None
    supervised_by: Supervisor | None = None
    observed_at: Timestamp
    restart_to_apply: bool = Field(default=False, description="Settings changed since this run was started.")


class HealthSignal(Model):
    """What a watchdog reads: the gate of deployments."""

    project: str
    state: ProcessState
    health: Health
    run_id: str | None
    restarts_in_window: int
    unhealthy_since: Timestamp | None
    last_reason: str
    observed_at: Timestamp
    last_results: list[ProbeResult] = Field(default_factory=list, description="The newest probe results, oldest first.")


class RestartRecord(Model):
    """The evidence of one restart."""

    at: Timestamp
    old_run_id: str
    new_run_id: str | None
    trigger: Literal["exit", "liveness", "startup", "manual", "watchdog"]
    exit: ExitRecord | None
    diagnosis: Diagnosis | None = None
    probes: list[ProbeResult]
    delay_seconds: float
    count_in_window: int
    last_lines: list[LogLine]


class Diagnostics(Model):
    """Why the project is in the state it is in: the last end, its diagnosis, and every restart that is kept."""

    project: str
    run_id: str | None
    exit: ExitRecord | None
    diagnosis: Diagnosis | None
    last_lines: list[LogLine]
    restarts: list[RestartRecord]


class RunSummary(Model):
    """One past or present run of the project."""

    run_id: str
    kind: str
    state: Literal["running", "exited", "lost"]
    started_at: Timestamp
    exit: ExitRecord | None
    command: list[str]
    log_bytes: int = Field(description="Kept on disk.")


class RunPage(Page):
    """Runs, newest first."""

    items_field: ClassVar[str] = "runs"

    runs: list[RunSummary]
