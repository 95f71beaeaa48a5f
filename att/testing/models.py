"""Values of testing: what to run, a test run, its failures and the outcome of each test."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from att.models import Model, Page, Run, Timestamp

__all__ = [
    "MOST_FAILURES",
    "MOST_SHARDS",
    "CapturedSection",
    "Executor",
    "InFlight",
    "Outcome",
    "PhaseOutcome",
    "TestEnvironment",
    "TestFailure",
    "TestOutcome",
    "TestOutcomePage",
    "TestRequest",
    "TestRun",
    "TestRunPage",
    "TestShard",
    "TestStatus",
]

TestStatus = Literal[
    "passed",
    "failed",
    "no_tests",
    "usage_error",
    "interrupted",
    "internal_error",
    "timed_out",
    "crashed",
    "collect_error",
    "cancelled",
]
Outcome = Literal["passed", "failed", "skipped", "error", "xfailed", "xpassed", "rerun"]
PhaseOutcome = Literal["passed", "failed", "skipped", "rerun"]
Executor = Literal["local", "dask"]
MOST_FAILURES = 100
MOST_SHARDS = 32


class TestRequest(Model):
    """Which tests to run, and how."""

    __test__ = False

    suite: str | None = Field(
        default="all", description="unit, integration, e2e, property, all, a path in the project or a nodeid."
    )
    targets: list[str] = Field(default_factory=list, description="Paths or nodeids; they replace the suite.")
    markers: str | None = Field(default=None, description="Expression for pytest's -m.")
    keyword: str | None = Field(default=None, description="Expression for pytest's -k.")
    extra_args: list[str] = Field(default_factory=list, description="More arguments for pytest.")
    env: dict[str, str] = Field(default_factory=dict, description="More environment variables.")
    timeout: Annotated[float, Field(gt=0)] | None = Field(default=None, description="Of the suite, in seconds.")
    shards: Annotated[int, Field(ge=1, le=MOST_SHARDS)] = Field(
        default=1,
        description="Pytest processes among which files, or the tests of a long one, are divided by historic duration.",
    )
    executor: Executor = Field(default="local", description="Where the shards run.")
    scheduler: str | None = Field(default=None, description="Address of the Dask scheduler.")
    coverage_threshold: Annotated[float, Field(ge=0, le=100)] | None = Field(
        default=None, description="Percent below which coverage is not ok; default the project's own fail_under."
    )


class CapturedSection(Model):
    """Output that pytest captured; the title says of what and in which phase."""

    title: str
    text: str


class TestFailure(Model):
    """Why a test, one of its subtests, or the collection of a file did not pass."""

    __test__ = False

    nodeid: str
    attempt: int = Field(default=1, description="From 1; more when a plugin runs the test again.")
    subtest: str | None = Field(default=None, description="Description of the subtest that failed.")
    outcome: Literal["failed", "error", "rerun"] = Field(description="What pytest counts it as.")
    phase: str = Field(description="collect, setup, call, teardown, or worker when a worker of xdist died.")
    exception_type: str | None = Field(default=None, description="As pytest prints it; null when it does not.")
    message: str = Field(description="The exception's own words.")
    longrepr: str = Field(description="What pytest shows, clipped at 64 KiB.")
    path: str | None = Field(default=None, description="File in which the exception left the test.")
    line: int | None = Field(default=None, description="Line in that file, counted from 1.")
    sections: list[CapturedSection] = Field(default_factory=list)
    worker: str | None = None
    fingerprint: str = Field(description="The same for failures that look alike.")


class TestOutcome(Model):
    """How one attempt of one test ended."""

    __test__ = False

    nodeid: str
    attempt: int = 1
    outcome: Outcome = Field(
        description="The worst of its phases and subtests; a failed teardown makes a passed test an error."
    )
    started_at: Timestamp | None = Field(description="Null when a report does not tell it.")
    worker: str | None = None
    setup: PhaseOutcome | None = None
    call: PhaseOutcome | None = None
    teardown: PhaseOutcome | None = None
    setup_seconds: float | None = None
    call_seconds: float | None = None
    teardown_seconds: float | None = None
    whole_seconds: float | None = Field(default=None, description="Of all phases, when they are not known apart.")
    reason: str | None = Field(default=None, description="Why it was skipped or expected to fail.")
    subtests: int = Field(default=0, description="Subtests that it reported, whatever their outcome.")

    @property
    def duration_seconds(self) -> float:
        """Seconds of all phases together."""
        return (
            (self.whole_seconds or 0.0)
            + (self.setup_seconds or 0.0)
            + (self.call_seconds or 0.0)
            + (self.teardown_seconds or 0.0)
        )


class TestOutcomePage(Page):
    """Outcomes in the order in which the tests finished."""

    __test__ = False
    items_field: ClassVar[str] = "outcomes"

    outcomes: list[TestOutcome]


class InFlight(Model):
    """A test that began and did not finish."""

    nodeid: str
    attempt: int = 1
    phase: str | None = Field(description="setup, call or teardown; null when a worker of xdist had not told it.")
    worker: str | None = Field(default=None, description="Worker of xdist; null when it had not reported yet.")
    started_at: Timestamp


class TestEnvironment(Model):
    """What the tests ran in."""

    __test__ = False

    python: str | None = None
    pytest: str | None = None
    plugins: list[str] = Field(default_factory=list)
    host: str | None = None
    os: str | None = None
    cpus: int | None = None


class TestShard(Model):
    """One of the pytest processes of a divided run."""

    __test__ = False

    index: int = Field(description="From 0.")
    targets: list[str] = Field(description="The files that it runs, or the classes and tests in them.")
    tests: int = Field(description="Tests that were assigned to it.")
    expected_seconds: float | None = Field(default=None, description="From earlier runs; null without history.")
    finished: int = 0
    passed: int = 0
    failed: int = 0
    errors: int = 0
    duration_seconds: float | None = None
    returncode: int | None = Field(default=None, description="Of its pytest; null while it runs or when unknown.")
    worker: str | None = Field(default=None, description="Address of the Dask worker.")


class TestRun(Run):
    """A run of a test suite: its counts are pytest's own, and grow while it runs."""

    __test__ = False
    status_operation: ClassVar[str] = "test.status"
    cancel_operation: ClassVar[str] = "test.cancel"

    status: TestStatus | None = Field(default=None, description="How it ended; null while it runs.")
    source: str = Field(default="runner", description="Who ran it: runner, or the kind of the report, junit, ctrf, ...")
    ci_url: str | None = Field(default=None, description="Where the run of the build server can be read.")
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    errors: int | None = Field(default=0, description="This and what follows is null when a report cannot tell it.")
    xfailed: int | None = 0
    xpassed: int | None = 0
    rerun: int | None = 0
    deselected: int | None = 0
    warnings: int | None = 0
    subtests: int | None = Field(default=0, description="Subtests that pytest counts apart from tests.")
    other_counts: dict[str, int] = Field(default_factory=dict, description="Categories that plugins added.")
    collected: int | None = Field(default=None, description="Tests selected to run; null before they are known.")
    finished: int = Field(default=0, description="Tests that ended.")
    no_tests_collected: bool = False
    timed_out: bool = False
    returncode: int | None = Field(
        default=None, description="Of pytest; 124 when it timed out, -N when signal N ended it, null when unknown."
    )
    complete: bool = Field(default=False, description="Pytest ended in order and every selected test has a result.")
    in_flight: list[InFlight] = Field(default_factory=list, description="Running now, or running when it ended.")
    duration_seconds: float | None = None
    eta_seconds: float | None = Field(default=None, description="Estimated from earlier runs and from this one.")
    failures: list[TestFailure] = Field(
        default_factory=list, description=f"The first {MOST_FAILURES} of them, in order."
    )
    request: TestRequest | None = None
    environment: TestEnvironment | None = None
    commit: str | None = Field(default=None, description="Commit of the project when the run began.")
    branch: str | None = None
    dirty: bool | None = Field(
        default=None, description="The work tree had changes, or Python files, that are not in the commit."
    )
    shards: list[TestShard] = Field(default_factory=list, description="Of a divided run; else empty.")
    coverage_percent: float | None = Field(
        default=None, description="From a coverage.json or coverage.xml that the run wrote; null without one."
    )
    coverage_ok: bool | None = Field(default=None, description="At or above the threshold; null without one.")

    @property
    def exit_code(self) -> int:
        """What a command that has waited for the run exits with: pytest's code, and never 0 for what is not green."""
        if self.state in ("running", "succeeded"):
            return 0
        if self.returncode is None or self.returncode == 0:
            return 1
        return self.returncode if self.returncode > 0 else 128 - self.returncode


class TestRunPage(Page):
    """Test runs, newest first."""

    __test__ = False
    items_field: ClassVar[str] = "runs"

    runs: list[TestRun]
