"""Small histories written as strings: one letter a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from att.testing.analysis import conform

__all__ = ["history"]

_LETTERS = {"P": "passed", "F": "failed", "E": "error", "S": "skipped", "X": "xfailed", "x": "xpassed"}


def history(
    tests: Mapping[str, str],
    *,
    commits: Sequence[str | None] | None = None,
    branches: Sequence[str | None] | None = None,
    seconds: Mapping[str, Sequence[float]] | None = None,
    **columns: Sequence[Any],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return `(runs, results)`; run i is `r<i>`, one a day, each on a commit of its own unless `commits` says.

    P passed, F failed, E error, S skipped, X xfailed, x xpassed, R failed and passed on retry, `.` not run.
    """
    size = max(map(len, tests.values()))
    runs = pd.DataFrame(
        {
            "run_id": [f"r{i:03d}" for i in range(size)],
            "project": "demo",
            "started_at": pd.Timestamp("2026-03-01", tz="UTC") + pd.to_timedelta(range(size), unit="D"),
            "commit": list(commits) if commits is not None else [f"c{i:03d}" for i in range(size)],
            "branch": list(branches) if branches is not None else ["main"] * size,
            **columns,
        }
    )
    rows = []
    for nodeid, letters in tests.items():
        for i, letter in enumerate(letters):
            outcomes = ["rerun", "passed"] if letter == "R" else [_LETTERS[letter]] if letter != "." else []
            duration = seconds[nodeid][i] if seconds and nodeid in seconds else 0.1
            rows += [(f"r{i:03d}", nodeid, n, outcome, duration) for n, outcome in enumerate(outcomes, 1)]
    results = pd.DataFrame(rows, columns=["run_id", "nodeid", "attempt", "outcome", "duration_seconds"])
    return conform(runs, "runs"), conform(results, "results")
