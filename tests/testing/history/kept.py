"""Runs to keep: small ones, with everything that a run can have."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from att.store import Store
from att.testing.history.frames import Frames, assemble
from att.testing.history.records import Selection
from att.testing.history.store import HistoryStore
from att.testing.models import (
    CapturedSection,
    InFlight,
    Outcome,
    TestEnvironment,
    TestFailure,
    TestOutcome,
    TestRequest,
    TestRun,
)

__all__ = ["BEGAN", "failure", "frames", "history_at", "outcome", "outcomes", "run"]

BEGAN = datetime(2026, 3, 1, 6, 0, 0, 123_456, tzinfo=UTC)


def history_at(folder: Path) -> HistoryStore:
    """Open the history of a folder. The store is closed with the process or by `close`."""
    return HistoryStore(Store(folder / "att.db"))


def run(number: int = 0, project: str = "demo", **values: Any) -> TestRun:
    """Return an ended run; each number is a day later."""
    began = BEGAN + timedelta(days=number)
    given: dict[str, Any] = {
        "state": "failed",
        "status": "failed",
        "ended_at": began + timedelta(seconds=3),
        "duration_seconds": 2.5,
        "returncode": 1,
        "passed": 2,
        "failed": 1,
        "collected": 3,
        "finished": 3,
        "complete": True,
        "commit": f"{number:040x}",
        "branch": "main",
        "dirty": False,
        "request": TestRequest(suite="unit", markers="not slow", extra_args=["-x"]),
        "environment": TestEnvironment(
            python="3.12.1", pytest="9.0.0", plugins=["xdist-3"], host="here", os="Linux 6", cpus=2
        ),
        "coverage_percent": 81.5,
    }
    return TestRun(project=project, run_id=f"{project}-{number:04}", started_at=began, **{**given, **values})


def outcome(nodeid: str, ended: Outcome = "passed", seconds: float = 0.25, **values: Any) -> TestOutcome:
    """Return the outcome of a test that had all its phases."""
    given: dict[str, Any] = {
        "started_at": BEGAN + timedelta(microseconds=17),
        "setup": "passed",
        "call": "failed" if ended == "failed" else "passed",
        "teardown": "passed",
        "setup_seconds": 0.001,
        "call_seconds": seconds,
        "teardown_seconds": 0.000_002,
    }
    return TestOutcome(nodeid=nodeid, outcome=ended, **{**given, **values})


def outcomes() -> list[TestOutcome]:
    """Return outcomes with everything that one can have."""
    return [
        outcome("test_a.py::test_one", worker="gw0"),
        outcome("test_a.py::test_two[ü]", "rerun", attempt=1, worker="gw1"),
        outcome("test_a.py::test_two[ü]", "failed", seconds=7_200.000_001, attempt=2, worker="gw1", subtests=3),
        outcome("test_b.py::test_later", "skipped", call=None, call_seconds=None, reason="not yet"),
        TestOutcome(nodeid="test_b.py::test_report", outcome="passed", started_at=None, whole_seconds=1.5),
        TestOutcome(nodeid="test_b.py::test_unknown", outcome="xpassed", started_at=None),
    ]


def failure(nodeid: str = "test_a.py::test_two[ü]", **values: Any) -> TestFailure:
    """Return a failure with everything that one can have."""
    given: dict[str, Any] = {
        "attempt": 2,
        "subtest": "n=1",
        "outcome": "failed",
        "phase": "call",
        "exception_type": "ValueError",
        "message": "first line\nsecond line",
        "longrepr": "E   ValueError: first line\nE   second line",
        "path": "test_a.py",
        "line": 12,
        "sections": [CapturedSection(title="Captured stdout", text="hello")],
        "worker": "gw1",
        "fingerprint": "0123456789ab",
    }
    return TestFailure(nodeid=nodeid, **{**given, **values})


def in_flight(nodeid: str) -> InFlight:
    """Return a test that did not end."""
    return InFlight(nodeid=nodeid, phase="call", started_at=BEGAN)


def frames(history: HistoryStore, **selection: Any) -> Frames:
    """Return the frames of a selection, through the wire's bytes."""
    return assemble(lambda part: b"".join(history.stream(part, Selection(**selection))))


def names(found: Sequence[TestRun]) -> list[str]:
    """Return the ids of runs."""
    return [one.run_id for one in found]
