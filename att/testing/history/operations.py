"""Operations on the history of test runs: what an analysis says, loading reports, forgetting old runs."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, TypedDict, Unpack

from pydantic import BeforeValidator, Field

from att.errors import Busy, NotFound, PermissionDenied, TooLarge
from att.operations import CallerSide, Limit, Operations, ProjectId, operation
from att.testing.history.models import HistoryPruned
from att.testing.history.table import Table
from att.testing.limits import Growth, MinRuns, OutageShare, Probability, Quantile, Ratio
from att.testing.loading.models import ImportResult, RunPer, SentReport

if TYPE_CHECKING:
    from att.testing.history.manager import HistoryManager

__all__ = ["Branch", "Since", "TestHistoryOperations", "TestSuite", "Until"]

MOST_REPORTS = 10_000

Since = Annotated[
    str,
    Field(
        default="90d",
        min_length=1,
        max_length=40,
        description="Only runs since then: a length of time back from now such as '90d', or an ISO 8601 time; 'all'.",
    ),
]
Until = Annotated[
    str | None,
    Field(default=None, min_length=1, max_length=40, description="Only runs before then, given like `since`."),
]
Branch = Annotated[str | None, Field(default=None, max_length=1000, description="Only runs of this git branch.")]
TestSuite = Annotated[str | None, Field(default=None, max_length=4096, description="Only runs of this suite.")]
Nodeid = Annotated[str, Field(min_length=1, max_length=4096, description="pytest's id of the test.")]
RunName = Annotated[str, Field(min_length=1, max_length=1000, description="A run id, a commit or a branch.")]
Label = Annotated[str | None, Field(min_length=1, max_length=1000)]
LabelPattern = Annotated[
    str | None,
    Field(
        min_length=1,
        max_length=1000,
        description="Regular expression (RE2) for the path below what is loaded; its groups are labels, "
        "like '(?P<branch>[^/]+)/(?P<commit>[^/]+)/'.",
    ),
]
RunIs = Annotated[
    RunPer,
    Field(
        description="What is one run: each 'file', all XML files of a 'folder', or all of this 'load'; 'auto' "
        "takes the TEST-*.xml of a folder together, of which Surefire and Gradle write one a class."
    ),
]
ReportsHere = Annotated[
    str | None,
    CallerSide(),
    Field(description="File, folder, glob or zip where the caller is: it is read there, and sent."),
]
ReportFiles = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=4096)]] | None,
    Field(max_length=1000, description="Files, folders or globs in the project, which ATT reads itself."),
]
SentReports = Annotated[
    list[SentReport] | None, Field(max_length=MOST_REPORTS, description="Reports with their content.")
]


def _runs_or_length(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isascii() and value.isdecimal() else value


Window = Annotated[
    int | str,
    BeforeValidator(_runs_or_length),
    Field(description="A number of runs, or a length of time such as '7d'."),
]


class Which(TypedDict, total=False):
    """Of which runs a question is asked."""

    since: Since
    until: Until
    branch: Branch
    suite: TestSuite


class TestHistoryOperations(Operations):
    """What all test runs together say, the loading of reports from elsewhere, and how long runs are kept."""

    __test__ = False

    def __init__(self, history: HistoryManager) -> None:
        self.history = history

    @operation(
        "test.pass_rate", get="/projects/{project}/test/history/pass_rate", python="p.tests.pass_rate", slow=True
    )
    def pass_rate(
        self,
        project: ProjectId,
        freq: Annotated[
            str, Field(max_length=20, description="Period: h, 6h, D, W, ME, ...; 'run' counts each run by itself.")
        ] = "D",
        limit: Limit = 500,
        **which: Unpack[Which],
    ) -> Table:
        """Count what passed in every period, with the bounds of the pass rate."""
        chosen = self.history.select(project, **which)
        return self.history.pass_rate(chosen, limit, None if freq == "run" else freq)

    @operation(
        "test.flaky",
        get="/projects/{project}/test/history/flaky",
        python="p.tests.flaky",
        slow=True,
        errors=(TooLarge,),
    )
    def flaky(
        self,
        project: ProjectId,
        min_runs: MinRuns = 10,
        outage_share: OutageShare = 0.25,
        limit: Limit = 500,
        **which: Unpack[Which],
    ) -> Table:
        """Score every test by how often it fails although it would pass, flaky tests first."""
        chosen = self.history.select(project, **which)
        return self.history.table(chosen, limit, "flaky", min_runs=min_runs, outage_share=outage_share)

    @operation(
        "test.slowest",
        get="/projects/{project}/test/history/slowest",
        python="p.tests.slowest",
        slow=True,
        errors=(TooLarge,),
    )
    def slowest(
        self,
        project: ProjectId,
        q: Quantile = 0.95,
        limit: Limit = 500,
        **which: Unpack[Which],
    ) -> Table:
        """Rank the tests by their slow executions."""
        chosen = self.history.select(project, **which)
        return self.history.table(chosen, limit, "slowest", q=q)

    @operation(
        "test.regressions",
        get="/projects/{project}/test/history/regressions",
        python="p.tests.regressions",
        slow=True,
        errors=(TooLarge,),
    )
    def regressions(
        self,
        project: ProjectId,
        recent: Window = 10,
        baseline: Window = 50,
        min_ratio: Annotated[Ratio, Field(description="Least growth of the median, as a factor.")] = 1.25,
        min_delta_seconds: Annotated[Growth, Field(description="Least growth of the median, in seconds.")] = 0.1,
        max_p: Probability = 0.01,
        limit: Limit = 500,
        **which: Unpack[Which],
    ) -> Table:
        """Find the tests whose recent passing executions are slower than those before."""
        chosen = self.history.select(project, **which)
        return self.history.table(
            chosen,
            limit,
            "regressions",
            recent=recent,
            baseline=baseline,
            min_ratio=min_ratio,
            min_delta_seconds=min_delta_seconds,
            max_p=max_p,
        )

    @operation(
        "test.first_failed",
        get="/projects/{project}/test/history/first_failed",
        python="p.tests.first_failed",
        slow=True,
        errors=(NotFound, TooLarge),
    )
    def first_failed(
        self,
        project: ProjectId,
        nodeid: Annotated[Nodeid | None, Field(description="The test; null is every test that fails now.")] = None,
        limit: Limit = 500,
        **which: Unpack[Which],
    ) -> Table:
        """Say between which commits tests broke: the newest change from passing to failing, on each branch."""
        chosen = self.history.select(project, **which)
        return self.history.table(chosen, limit, "first_failed", nodeid=nodeid)

    @operation(
        "test.compare",
        get="/projects/{project}/test/history/compare",
        python="p.tests.compare",
        slow=True,
        errors=(NotFound,),
    )
    def compare(
        self,
        project: ProjectId,
        a: RunName,
        b: RunName,
        min_ratio: Annotated[Ratio, Field(description="Least growth of a duration to be told, as a factor.")] = 1.5,
        min_delta_seconds: Annotated[Growth, Field(description="Least growth to be told, in seconds.")] = 0.1,
        unchanged: Annotated[bool, Field(description="Tell the tests without a change, too.")] = False,
        limit: Limit = 500,
        **which: Unpack[Which],
    ) -> Table:
        """Say what differs in run `b` from run `a`: broken, fixed, new, removed and slower tests."""
        chosen = self.history.select(project, **which)
        return self.history.compare(
            chosen, limit, a, b, min_ratio=min_ratio, min_delta_seconds=min_delta_seconds, unchanged=unchanged
        )

    @operation(
        "test.failure_groups",
        get="/projects/{project}/test/history/failure_groups",
        python="p.tests.failure_groups",
        slow=True,
        errors=(TooLarge,),
    )
    def failure_groups(
        self,
        project: ProjectId,
        limit: Limit = 500,
        **which: Unpack[Which],
    ) -> Table:
        """Group failures by their cause, the most frequent first."""
        return self.history.failure_groups(self.history.select(project, **which), limit)

    @operation(
        "test.import",
        post="/projects/{project}/test/import",
        python="p.tests.load",
        slow=True,
        errors=(NotFound, PermissionDenied),
    )
    def load(
        self,
        project: ProjectId,
        path: ReportsHere = None,
        commit: Annotated[Label, Field(description="Commit that was tested; it wins over path and file.")] = None,
        branch: Annotated[Label, Field(description="Branch that was tested; it wins over path and file.")] = None,
        started_at: Annotated[datetime | None, Field(description="When the run began; without a zone in `tz`.")] = None,
        ci_url: Annotated[Label, Field(description="Where the run can be read.")] = None,
        match: LabelPattern = None,
        tz: Annotated[str, Field(max_length=100, description="Time zone of times that name none.")] = "UTC",
        run_per: RunIs = "auto",
        files: ReportFiles = None,
        reports: SentReports = None,
    ) -> ImportResult:
        """Load reports of other runs, of CI for one, into the history: JUnit, CTRF, report logs, JSON, console, zips.

        `run_per` says which reports are one run; the same report is loaded once, alone or among others. What a report
        does not say of its run comes from the arguments, then from the groups of `match`, then from the file. A broken
        report is refused and told, and does not stop the others.
        """
        return self.history.load(
            project,
            files or [],
            reports or [],
            commit=commit,
            branch=branch,
            started_at=started_at,
            ci_url=ci_url,
            match=match,
            tz=tz,
            run_per=run_per,
        )

    @operation(
        "test.prune",
        post="/projects/{project}/test/prune",
        python="p.tests.prune",
        slow=True,
        destructive=True,
        errors=(Busy,),
    )
    def prune(
        self,
        project: ProjectId,
        keep_days: Annotated[int | None, Field(ge=0, le=100_000, description="Delete runs older than this.")] = None,
        keep_runs: Annotated[
            int | None, Field(ge=0, le=1_000_000_000, description="Delete all but so many newest runs.")
        ] = None,
        vacuum: Annotated[bool, Field(description="Give the space back to the disk as well.")] = False,
    ) -> HistoryPruned:
        """Delete old runs of the project from the history; nothing else ever does, unless settings say so."""
        return self.history.prune(project, keep_days, keep_runs, vacuum=vacuum)
