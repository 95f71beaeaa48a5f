"""Export runs as CTRF, the Common Test Report Format."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd

from att.testing.exports.reports import Attempt, FailureText, ReportedRun, ReportedTest, write_reports

__all__ = ["to_ctrf"]

_STATUSES: Mapping[str, str] = MappingProxyType(
    {"passed": "passed", "failed": "failed", "error": "failed", "rerun": "failed", "skipped": "skipped"}
)
_ENVIRONMENT: Mapping[str, str] = MappingProxyType(
    {"project": "appName", "branch": "branchName", "commit": "commit", "ci_url": "buildUrl", "os": "osPlatform"}
)
_EXTRA = ("run_id", "suite", "python", "host", "source", "status", "complete")


def to_ctrf(runs: pd.DataFrame, results: pd.DataFrame, failures: pd.DataFrame, target: str | Path) -> list[Path]:
    """Write runs as CTRF: one run into a `.json` file, or each into `<run_id>.json` of a folder; return the paths.

    The last attempt of a test counts, earlier ones are its `retryAttempts`. An error is `failed`; an expected failure
    and an unexpected pass are `other`, since CTRF has no word for them; `rawStatus` keeps the outcome. A file that
    could not be collected is a failed test of its name. A run without tests, as of a console log, has its counts in the
    summary. What the run counted is in `extra`, and comes back when ATT loads the file. Times are milliseconds, as the
    format wants them.
    Raises `Invalid` when a file is named and there is not exactly one run. Source: the schema of ctrf.io, 0.0.0.
    """
    return write_reports((runs, results, failures), target, ".json", _write)


def _write(run: ReportedRun, path: Path) -> None:
    path.write_text(json.dumps(_document(run), ensure_ascii=False, indent=1), encoding="utf-8", errors="replace")


def _document(reported: ReportedRun) -> dict[str, Any]:
    run = reported.run
    tests = [_test(test) for test in reported.tests]
    tests += [_not_collected(name, failure) for name, failure in reported.collect_failures]
    tool = {"name": "pytest"} | ({"version": run["pytest"]} if "pytest" in run else {})
    environment = {theirs: str(run[ours]) for ours, theirs in _ENVIRONMENT.items() if ours in run}
    return {
        "reportFormat": "CTRF",
        "specVersion": "0.0.0",
        "reportId": str(uuid.uuid5(uuid.NAMESPACE_URL, f"att:{run['project']}/{run['run_id']}")),
        "generatedBy": "jupyter-att",
        "results": {
            "tool": tool,
            "summary": _summary(run, reported, tests),
            "tests": tests,
            "environment": environment,
            "extra": {name: str(run[name]) for name in _EXTRA if name in run} | {"counts": reported.counts},
        },
    }


def _summary(run: Mapping[str, Any], reported: ReportedRun, tests: list[dict[str, Any]]) -> dict[str, int]:
    statuses = Counter(test["status"] for test in tests) if tests else _counted(reported.counts)
    duration = _milliseconds(run.get("duration_seconds", 0.0))
    start = _time(run["started_at"]) if "started_at" in run else 0
    return {
        "tests": statuses.total(),
        **{status: statuses[status] for status in ("passed", "failed", "pending", "skipped", "other")},
        "flaky": sum(test.retried for test in reported.tests),
        "start": start,
        "stop": start + duration,
        "duration": duration,
    }


def _counted(counts: Mapping[str, int]) -> Counter[str]:
    """Return the number of tests by status in a run of which only the counts are known."""
    statuses: Counter[str] = Counter()
    for outcome, number in counts.items():
        if outcome != "rerun":
            statuses[_STATUSES.get("error" if outcome == "errors" else outcome, "other")] += number
    return statuses


def _test(test: ReportedTest) -> dict[str, Any]:
    file, classes, _ = test.names()
    suite = [part for part in (file, *classes) if part]
    last = test.last
    more: dict[str, Any] = {}
    if last.worker is not None:
        more["threadId"] = str(last.worker)
    if len(test.attempts) > 1:
        earlier = enumerate(test.attempts[:-1], start=1)
        more["retries"] = len(test.attempts) - 1
        more["retryAttempts"] = [{"attempt": number, **_attempt(attempt)} for number, attempt in earlier]
    return {
        "name": test.nodeid,
        **_attempt(last),
        "rawStatus": last.outcome,
        "flaky": test.retried,
        **({"suite": suite} if suite else {}),
        **({"filePath": file} if file else {}),
        **more,
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    known: dict[str, Any] = {
        "status": _STATUSES.get(attempt.outcome, "other"),
        "duration": _milliseconds(attempt.seconds or 0.0),
    }
    if attempt.started_at is not None:
        start = _time(attempt.started_at)
        known |= {"start": start, "stop": start + known["duration"]}
    return known | _texts(attempt.failure())


def _texts(failure: FailureText) -> dict[str, str]:
    message = ": ".join(part for part in (failure.exception, failure.message) if part)
    return {name: text for name, text in (("message", message), ("trace", failure.longrepr)) if text}


def _not_collected(name: str, failure: FailureText) -> dict[str, Any]:
    # Its name is the file's: readers put a filePath before the name, and would find a test in the file.
    return {"name": name, "status": "failed", "duration": 0, "rawStatus": "error", **_texts(failure)}


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def _time(at: pd.Timestamp) -> int:
    return int(at.value // 1_000_000) if at.unit == "ns" else round(at.timestamp() * 1000)
