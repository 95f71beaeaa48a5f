"""Operations on the tests of a project."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field

from att.errors import Busy, NotFound, NotSupported, StartFailed
from att.operations import CallerSide, Cursor, Limit, Operations, ProjectId, RunId, Seconds, operation
from att.testing.models import (
    MOST_SHARDS,
    Executor,
    Outcome,
    TestOutcomePage,
    TestRequest,
    TestRun,
    TestRunPage,
)

if TYPE_CHECKING:
    from att.testing.manager import TestManager

__all__ = ["TestOperations"]


def _text_of(path: Any) -> Any:
    return os.fspath(path) if isinstance(path, os.PathLike) else path


PathText = Annotated[str, BeforeValidator(_text_of)]
Suite = Annotated[
    PathText,
    Field(
        min_length=1,
        max_length=4096,
        description="'all', a folder of tests/ (unit, integration, e2e, property), a path in the project or a nodeid.",
    ),
]
Targets = Annotated[
    list[PathText] | None, Field(max_length=10_000, description="Paths or nodeids; they replace the suite.")
]
Expression = Annotated[str | None, Field(min_length=1, max_length=4096)]
Environment = Annotated[
    dict[str, str] | None, Field(max_length=1000, description="More environment variables for the tests.")
]
Shards = Annotated[
    int,
    Field(
        ge=1,
        le=MOST_SHARDS,
        description="Pytest processes among which files, or the tests of a long one, are divided by historic duration.",
    ),
]
Scheduler = Annotated[
    str | None, Field(max_length=500, description="Address of the Dask scheduler; default c.ATT.dask_scheduler.")
]
Percent = Annotated[
    float | None, Field(ge=0, le=100, description="Coverage below it is not ok; default the project's fail_under.")
]
Outcomes = Annotated[
    list[Outcome] | None, Field(max_length=10, description="Only tests that ended like this; default all.")
]
RunOrLatest = Annotated[RunId | None, Field(description="The run; null is the latest.")]


class TestOperations(Operations):
    """Run a project's tests, see how they go, and read what became of each."""

    __test__ = False

    def __init__(self, tests: TestManager) -> None:
        self.tests = tests

    @operation(
        "test.run",
        post="/projects/{project}/test/run",
        python="p.tests.run",
        action="execute",
        errors=(Busy, NotSupported, StartFailed),
    )
    def run(
        self,
        project: ProjectId,
        suite: Suite = "all",
        markers: Annotated[Expression, Field(description="Expression for pytest's -m.")] = None,
        keyword: Annotated[Expression, Field(description="Expression for pytest's -k.")] = None,
        timeout: Annotated[
            Seconds | None, Field(description="Of the suite; then it is interrupted, and ended if need be.")
        ] = None,
        targets: Targets = None,
        extra_args: Annotated[list[str] | None, Field(max_length=1000, description="More for pytest.")] = None,
        env: Environment = None,
        shards: Shards = 1,
        executor: Annotated[Executor, Field(description="Where shards run.")] = "local",
        scheduler: Scheduler = None,
        coverage_threshold: Percent = None,
        parallel: Annotated[bool, Field(description="Begin although other tests of the project run.")] = False,
        wait: Annotated[bool, CallerSide()] = True,
    ) -> TestRun:
        """Run the project's tests with its own Python, and keep every result.

        The caller waits for the end unless `wait=False`; red tests are no error: look at the status.
        """
        request = TestRequest(
            suite=suite,
            targets=targets or [],
            markers=markers,
            keyword=keyword,
            extra_args=extra_args or [],
            env=env or {},
            timeout=timeout,
            shards=shards,
            executor=executor,
            scheduler=scheduler,
            coverage_threshold=coverage_threshold,
        )
        return self.tests.run(project, request, parallel=parallel)

    @operation("test.status", get="/projects/{project}/test/runs/{run}", python="p.tests.status")
    def status(self, project: ProjectId, run: RunId) -> TestRun:
        """Read a test run: its counts, its failures, and how much is left while it goes on."""
        return self.tests.status(project, run)

    @operation("test.cancel", post="/projects/{project}/test/runs/{run}/cancel", python="p.tests.cancel")
    def cancel(self, project: ProjectId, run: RunId) -> TestRun:
        """Cancel a test run; what has finished is kept."""
        return self.tests.cancel(project, run)

    @operation(
        "test.results",
        get="/projects/{project}/test/results",
        resource="att://project/{project}/tests",
        python="p.tests.results",
        errors=(NotFound,),
    )
    def results(
        self,
        project: ProjectId,
        run: RunOrLatest = None,
        outcomes: Outcomes = None,
        cursor: Cursor = None,
        limit: Limit = 500,
    ) -> TestOutcomePage:
        """Read what became of each test of a run, the latest one by default, in the order in which they ended."""
        return self.tests.results(project, run, outcomes, cursor, limit)

    @operation("test.runs", get="/projects/{project}/test/runs", python="p.tests.runs")
    def runs(self, project: ProjectId, cursor: Cursor = None, limit: Limit = 50) -> TestRunPage:
        """List the test runs, newest first, without the details of each."""
        return self.tests.runs(project, cursor, limit)
