"""The tests of a project in the caller's hands: `p.tests`, the run that can be waited for, and what it looks like."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from att.client.histories import fetch_history
from att.client.live import LiveRun, live
from att.client.remote import Group, project_remote, stands_for
from att.client.views import Facts, Table, Text, View, view
from att.client.wording import because, brief, state
from att.errors import TestsFailed
from att.operations import operation_of
from att.terminal import plain
from att.testing.history.operations import TestHistoryOperations
from att.testing.loading.models import RunPer, SentReport
from att.testing.models import MOST_FAILURES, TestRun, TestRunPage, TestStatus
from att.testing.operations import TestOperations

if TYPE_CHECKING:
    import pandas as pd

    from att.testing.history.history import History

__all__ = ["LiveTestRun", "Tests", "unseen"]

_SHOWN_FAILURES, _LISTED_FAILURES = 5, 20
_COUNTS = ("passed", "failed", "errors", "skipped", "xfailed", "xpassed", "rerun", "deselected", "warnings")
_NOTHING = "-"
_ENDS: dict[TestStatus, str] = {
    "passed": "passed",
    "failed": "failed",
    "no_tests": "did not run",
    "usage_error": "did not start",
    "interrupted": "were interrupted",
    "internal_error": "were ended by an error inside pytest",
    "timed_out": "timed out",
    "crashed": "crashed",
    "collect_error": "could not be collected",
    "cancelled": "were cancelled",
}


class LiveTestRun(LiveRun, TestRun):
    """A test run as it was when it was read, with the ways to read it again, wait for it and cancel it."""

    __test__ = False

    def check(self) -> LiveTestRun:
        """Return the run if every test passed, after waiting for its end; for notebooks that have to go red.

        Raises TestsFailed with the counts, the first failures and the run's id otherwise, also when no test ran.
        """
        ended = self.wait() if self.state == "running" else self
        if ended.status != "passed":
            raise TestsFailed(
                _verdict(ended),
                project=ended.project,
                run_id=ended.run_id,
                status=ended.status,
                counts=_counts(ended),
                failures=[
                    {"nodeid": failure.nodeid, "phase": failure.phase, "message": failure.message}
                    for failure in ended.failures[:_SHOWN_FAILURES]
                ],
            )
        return ended


class Tests(Group):
    """The project's tests: `p.tests`."""

    __test__ = False

    run = live(TestOperations.run, LiveTestRun)
    status = live(TestOperations.status, LiveTestRun)
    cancel = live(TestOperations.cancel, LiveTestRun)
    results = project_remote(TestOperations.results)
    runs = project_remote(TestOperations.runs)

    pass_rate = project_remote(TestHistoryOperations.pass_rate)
    flaky = project_remote(TestHistoryOperations.flaky)
    slowest = project_remote(TestHistoryOperations.slowest)
    regressions = project_remote(TestHistoryOperations.regressions)
    first_failed = project_remote(TestHistoryOperations.first_failed)
    compare = project_remote(TestHistoryOperations.compare)
    failure_groups = project_remote(TestHistoryOperations.failure_groups)
    prune = project_remote(TestHistoryOperations.prune)

    def history(
        self,
        since: str | datetime | None = "90d",
        branch: str | None = None,
        until: str | datetime | None = None,
        suite: str | None = None,
    ) -> History:
        """Fetch the history of the project's test runs: `h.runs`, `h.results`, `h.failures`, and what they say.

        `since` is a length of time back from now, an ISO 8601 time or a datetime, None for all there is; `until`
        likewise.
        Raises Invalid for a time that cannot be read, and NotFound when the project is not there.
        """
        return fetch_history(self._session, self._project, since, until, branch, suite)

    @stands_for(TestHistoryOperations.load, on_project=True)
    def load(
        self,
        path: str | os.PathLike[str] | None = None,
        commit: str | None = None,
        branch: str | None = None,
        started_at: datetime | str | None = None,
        ci_url: str | None = None,
        match: str | None = None,
        tz: str = "UTC",
        run_per: RunPer = "auto",
        files: Sequence[str] | None = None,
        reports: Sequence[SentReport] | None = None,
    ) -> pd.DataFrame:
        given = {
            "path": None if path is None else os.fspath(path),
            "commit": commit,
            "branch": branch,
            "started_at": started_at,
            "ci_url": ci_url,
            "match": match,
            "tz": tz,
            "run_per": run_per,
            "files": None if files is None else [*files],
            "reports": None if reports is None else [*reports],
        }
        known = {name: value for name, value in given.items() if value is not None}
        operation = operation_of(TestHistoryOperations.load)
        frame: pd.DataFrame = self._session.call(operation, {"project": self._project, **known}).to_frame()
        return frame


def _counts(run: TestRun) -> dict[str, int]:
    return {name: getattr(run, name) for name in _COUNTS if getattr(run, name)}


def _said(run: TestRun) -> str:
    counts = ", ".join(f"{number} {name}" for name, number in _counts(run).items())
    return counts or "no tests"


def _because(run: TestRun) -> str:
    return because(run.message.rstrip("."), run.status or run.state)


def unseen(run: TestRun, shown: int) -> str:
    """Say how many failing tests the first `shown` failures leave out, and how to get them; nothing for none."""
    names = {item.nodeid for item in run.failures}
    whole = len(names)
    if len(run.failures) >= MOST_FAILURES:  # not all of them came along
        whole = max(whole, (run.failed or 0) + (run.errors or 0))
    more = whole - len({item.nodeid for item in run.failures[:shown]})
    return f"and {more:,} more: p.tests.results(outcomes=['failed', 'error'])" if more > 0 else ""


def _verdict(run: TestRun) -> str:
    """Say in a few lines what is red."""
    first = [
        f"{item.nodeid}: {plain(item.message).strip().partition(chr(10))[0]}" for item in run.failures[:_SHOWN_FAILURES]
    ]
    more = unseen(run, _SHOWN_FAILURES)
    ended = _ENDS.get(run.status, run.status.replace("_", " ")) if run.status else "are running"
    lines = [f"The tests of {run.project} {ended}{_because(run)}: {_said(run)}; run {run.run_id}."]
    return "\n  ".join([*lines, *first, *([more] if more else [])])


@view.register
def _test_run(run: TestRun) -> View:
    pairs = [
        ("project", run.project),
        ("tests", f"{state(run.status or run.state)}{_because(run)}"),
        ("counts", _said(run)),
        ("took", brief(run.duration_seconds, "duration_seconds")),
        ("coverage", _NOTHING if run.coverage_percent is None else _coverage(run)),
        ("commit", _NOTHING if run.commit is None else _commit(run)),
        ("run", run.run_id),
    ]
    failures = [
        [item.nodeid, item.phase, item.message.partition("\n")[0][:200]] for item in run.failures[:_LISTED_FAILURES]
    ]
    shards = [
        [str(item.index), f"{item.finished} of {item.tests}", str(item.failed + item.errors), brief(item.returncode)]
        for item in run.shards
    ]
    parts: list[Table | Text] = []
    if failures:
        note = unseen(run, _LISTED_FAILURES)
        parts.append(Table(["test", "phase", "failure"], failures, note=note, title="failures"))
    if shards:
        parts.append(Table(["shard", "tests", "bad", "exit"], shards))
    return Facts([pair for pair in pairs if pair[1] != _NOTHING], parts=parts)


@view.register
def _test_runs(page: TestRunPage) -> View:
    rows = [
        [
            run.run_id,
            state(run.status or run.state),
            brief(run.started_at),
            brief(run.duration_seconds, "duration_seconds"),
            _said(run),
            _NOTHING if run.commit is None else _commit(run),
        ]
        for run in page.runs
    ]
    note = f"There is more: go on with the cursor {page.cursor}." if page.has_more else ""
    return Table(["run", "status", "started", "took", "counts", "commit"], rows, "No test runs yet.", note)


def _coverage(run: TestRun) -> str:
    verdict = {True: ", ok", False: ", below the threshold", None: ""}[run.coverage_ok]
    return f"{run.coverage_percent:.1f} %{verdict}"


def _commit(run: TestRun) -> str:
    where = f" on {run.branch}" if run.branch else ""
    return f"{(run.commit or '')[:10]}{where}{' with changes' if run.dirty else ''}"
