"""What the history takes in and what is asked of it: a run, its results as columns, a selection of runs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from operator import itemgetter
from typing import Any, Literal

from att.testing.importers.reading import clean
from att.testing.models import (
    Outcome,
    PhaseOutcome,
    TestEnvironment,
    TestOutcome,
    TestRequest,
    TestRun,
    TestStatus,
)

__all__ = ["PARTS", "Part", "ResultColumns", "RunRecord", "Selection"]

Part = Literal["runs", "tests", "results", "failures"]
PARTS: tuple[Part, ...] = ("runs", "results", "failures", "tests")
"""The parts of a history in the order in which to read them: whatever the others name, `tests` then knows."""


@dataclass(frozen=True)
class Selection:
    """Which runs: `since` <= started_at < `until`; None selects all."""

    project: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    branch: str | None = None
    suite: str | None = None


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """One ended run, from the runner or from a report. A count is None when the source cannot know it."""

    run_id: str
    project: str
    started_at: datetime
    duration_seconds: float | None = None
    status: TestStatus | None = None
    returncode: int | None = None
    signal: int | None = None
    """Number of the signal that ended pytest."""
    complete: bool | None = None
    passed: int | None = None
    failed: int | None = None
    skipped: int | None = None
    errors: int | None = None
    xfailed: int | None = None
    xpassed: int | None = None
    rerun: int | None = None
    deselected: int | None = None
    warnings: int | None = None
    subtests: int | None = None
    tests_collected: int | None = None
    suite: str | None = None
    branch: str | None = None
    commit: str | None = None
    dirty: bool | None = None
    source: str = "runner"
    python: str | None = None
    pytest: str | None = None
    os: str | None = None
    host: str | None = None
    cpus: int | None = None
    ci_url: str | None = None
    coverage: float | None = None
    """Percent."""
    parent: str | None = None
    shard: str | None = None
    markers: str | None = None
    """Expression that was given to pytest's -m."""
    keyword: str | None = None
    args: Sequence[str] = ()
    plugins: Sequence[str] = ()
    in_flight: Sequence[str] = ()
    """Nodeids of the tests that began and did not end."""
    digest: str | None = None
    """Of the file that was imported: the same file is kept once a project."""
    reports: Collection[str] = field(default=(), repr=False)
    """Digests of the files, when there are several: each is kept once a project."""
    unresolved: Collection[str] = field(default=(), repr=False)
    """Those of the run's nodeids that are `classname::name` until their test is known."""

    @classmethod
    def of(cls, run: TestRun) -> RunRecord:
        """Return the record of a run of the runner."""
        request = run.request or TestRequest(suite=None)
        environment = run.environment or TestEnvironment()
        code = run.returncode
        same = {f.name for f in fields(cls)} & set(TestRun.model_fields) - {"in_flight"}
        return cls(
            **{name: getattr(run, name) for name in same},
            signal=-code if code is not None and code < 0 else None,
            tests_collected=run.collected,
            suite=" ".join(request.targets) or request.suite,
            python=environment.python,
            pytest=environment.pytest,
            os=environment.os,
            host=environment.host,
            cpus=environment.cpus,
            plugins=environment.plugins,
            coverage=run.coverage_percent,
            markers=request.markers,
            keyword=request.keyword,
            args=request.extra_args,
            in_flight=[test.nodeid for test in run.in_flight],
        )

    def cleaned(self) -> RunRecord:
        """Return the record with texts that every store can hold."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return replace(self, **{name: _cleaned(value) for name, value in values.items()})


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    return [clean(text) for text in value] if isinstance(value, Collection) else value


@dataclass(frozen=True)
class ResultColumns:
    """Results of one run as columns of equal length, in the order in which the tests ended.

    A column that is None is unknown for every row; `attempt` then is 1. Seconds may be numpy arrays.
    """

    nodeid: Sequence[str]
    outcome: Sequence[Outcome]
    attempt: Sequence[int] | None = None
    started_at: Sequence[datetime | None] | None = None
    worker: Sequence[str | None] | None = None
    setup: Sequence[PhaseOutcome | None] | None = None
    call: Sequence[PhaseOutcome | None] | None = None
    teardown: Sequence[PhaseOutcome | None] | None = None
    setup_seconds: Sequence[float | None] | None = None
    call_seconds: Sequence[float | None] | None = None
    teardown_seconds: Sequence[float | None] | None = None
    duration_seconds: Sequence[float | None] | None = None
    """Of the whole attempt; it counts where no phase is known."""
    reason: Sequence[str | None] | None = None
    subtests: Sequence[int] | None = None

    @classmethod
    def of(cls, outcomes: Sequence[TestOutcome]) -> ResultColumns:
        """Return the columns of outcomes."""
        # Fields lie in the `__dict__` of a model, where they are found several times as fast as by `getattr`.
        values = list(map(vars, outcomes))
        names = {f.name: f.name for f in fields(cls)} | {"duration_seconds": "whole_seconds"}
        columns = {name: list(map(itemgetter(its), values)) for name, its in names.items()}
        return cls(
            **{name: column for name, column in columns.items() if column.count(None) < len(column) or not column}
        )

    def __len__(self) -> int:
        return len(self.nodeid)
