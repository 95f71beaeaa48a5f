"""What the driver of a test run is told, and what it leaves behind: small JSON files in the run's directory."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Orders", "Plan", "Result", "collect_stream", "shard_stream", "write_json"]

PLAN = "plan.json"
RESULT = "result.json"


@dataclass(frozen=True)
class Orders:
    """How to run the suite. The environment is the driver's own; it holds secrets and is written nowhere."""

    runs_dir: str
    run_variable: str
    """Variable that holds the id of the run: it is not known when the orders are written."""
    python_command: list[str]
    """Everything of pytest's command line before the targets."""
    targets: list[str]
    cwd: str
    timeout: float | None = None
    interrupt_seconds: float = 10.0
    """From the interrupt, after which pytest sums up, to TERM."""
    terminate_seconds: float = 3.0
    """From TERM to KILL."""
    shards: int = 1
    durations: str | None = None
    """File with earlier seconds by nodeid."""
    scheduler: str | None = None

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Orders:
        return cls(**json.loads(text))


@dataclass(frozen=True)
class Plan:
    """How the tests are divided: for each shard its targets, number of tests and expected seconds."""

    targets: list[list[str]]
    tests: list[int]
    expected_seconds: list[float | None]

    @classmethod
    def read(cls, folder: Path) -> Plan | None:
        """Return the plan of a run, or None before there is one."""
        values = _read(folder / PLAN)
        return None if values is None else cls(**values)

    def write(self, folder: Path) -> None:
        write_json(folder / PLAN, asdict(self))


@dataclass(frozen=True)
class Result:
    """How pytest ended. Written at once when the last process has ended, while others may still be cleaned up."""

    returncode: int | None
    """Of pytest, the worst of all shards; -N when signal N ended it."""
    ended_at: float
    timed_out: bool = False
    stopped: bool = False
    collect_only: bool = False
    """A divided run ended before the shards began."""
    shards: list[int | None] = field(default_factory=list)
    ended: list[float | None] = field(default_factory=list)
    """When the pytest of each shard was gone; None when nobody saw it."""
    workers: list[str | None] = field(default_factory=list)
    coverage_percent: float | None = None
    fail_under: float | None = None
    """The project's own threshold."""
    error: str | None = None
    """Why pytest could not be run."""

    @classmethod
    def read(cls, folder: Path) -> Result | None:
        """Return the result of a run, or None while there is none."""
        values = _read(folder / RESULT)
        return None if values is None else cls(**{k: v for k, v in values.items() if k in cls.__dataclass_fields__})

    def write(self, folder: Path) -> None:
        write_json(folder / RESULT, asdict(self))


def shard_stream(folder: Path, index: int) -> Path:
    """Return the file to which a shard's plugin writes; a run that is not divided has shard 0 only."""
    return folder / f"tests-{index:02}.jsonl"


def collect_stream(folder: Path) -> Path:
    """Return the file to which the collection of a divided run is written."""
    return folder / "collect.jsonl"


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write a file that readers see whole or not at all."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(values))
    part.replace(path)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        values = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return values if isinstance(values, dict) else None
