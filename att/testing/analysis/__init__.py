"""Analysis of test history: pure functions over the frames `runs`, `results` and `failures` (see `frames`)."""

from att.testing.analysis.balancing import balance
from att.testing.analysis.breakage import compare, find_run, first_failed, timeline
from att.testing.analysis.durations import slowest
from att.testing.analysis.flakiness import flaky, outages
from att.testing.analysis.frames import conform, describe, empty, validate
from att.testing.analysis.grouping import failure_groups
from att.testing.analysis.rates import pass_rate
from att.testing.analysis.regression import regressions
from att.testing.analysis.selection import select
from att.testing.analysis.statistics import change_point, wilson

__all__ = [
    "balance",
    "change_point",
    "compare",
    "conform",
    "describe",
    "empty",
    "failure_groups",
    "find_run",
    "first_failed",
    "flaky",
    "outages",
    "pass_rate",
    "regressions",
    "select",
    "slowest",
    "timeline",
    "validate",
    "wilson",
]
