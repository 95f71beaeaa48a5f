"""Runs of the history as the runs that travel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from att.models import RunState
from att.testing.history.records import RunRecord
from att.testing.models import TestEnvironment, TestRequest, TestRun

__all__ = ["run_from", "run_of"]

_SAME = (
    "project",
    "run_id",
    "started_at",
    "status",
    "returncode",
    "commit",
    "branch",
    "dirty",
    "duration_seconds",
    "source",
    "ci_url",
)
_ALWAYS_KNOWN = ("passed", "failed", "skipped")
_COUNTS = ("errors", "xfailed", "xpassed", "rerun", "deselected", "warnings", "subtests")


def run_from(detail: str) -> TestRun:
    """Return a run as it was kept."""
    return TestRun.model_validate_json(detail, extra="ignore")


def run_of(record: RunRecord, outcomes: Sequence[str]) -> TestRun:
    """Return an imported run as one that travels.

    Where its source does not tell how many passed, failed and were skipped, the outcomes are counted, of a session
    without an end those of the tests that finished; other counts stay None.
    """
    counts = Counter(outcomes)
    same: dict[str, Any] = {name: getattr(record, name) for name in (*_SAME, *_COUNTS)}
    known: dict[str, Any] = {name: _or(getattr(record, name), counts[name]) for name in _ALWAYS_KNOWN}
    seconds = record.duration_seconds
    return TestRun(
        **same,
        **known,
        state=_state(record, counts),
        ended_at=None if seconds is None else record.started_at + timedelta(seconds=seconds),
        message=_message(record),
        collected=record.tests_collected,
        finished=len(outcomes) - counts["rerun"],
        no_tests_collected=record.status == "no_tests",
        timed_out=record.status == "timed_out",
        complete=bool(record.complete),
        request=TestRequest(
            suite=record.suite, markers=record.markers, keyword=record.keyword, extra_args=list(record.args)
        ),
        environment=TestEnvironment(
            python=record.python,
            pytest=record.pytest,
            plugins=list(record.plugins),
            host=record.host,
            os=record.os,
            cpus=record.cpus,
        ),
        coverage_percent=record.coverage,
    )


def _message(record: RunRecord) -> str:
    lost = (
        " Its end is missing: the counts are those of the tests that were reported." if record.complete is False else ""
    )
    return f"Imported from {record.source}.{lost}"


def _state(record: RunRecord, outcomes: Mapping[str, int]) -> RunState:
    """Return green only for a run that is known to be; a run that lacks its end is not."""
    if record.complete is False and record.status != "cancelled":
        return "failed"
    if record.status is None:
        red = record.failed or record.errors or outcomes["failed"] or outcomes["error"]
        return "failed" if red else "succeeded"
    return {"passed": "succeeded", "cancelled": "cancelled"}.get(record.status, "failed")  # type: ignore[return-value]


def _or(value: int | None, otherwise: int) -> int:
    return otherwise if value is None else value
