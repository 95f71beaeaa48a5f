"""Choose runs; results and failures follow, because every analysis looks only at those of the chosen runs."""

from __future__ import annotations

import pandas as pd

from att.errors import NotFound
from att.testing.analysis.executions import ordered_runs
from att.testing.analysis.times import point_in_time

__all__ = ["select"]


def select(
    runs: pd.DataFrame,
    *,
    project: str | None = None,
    branch: str | None = None,
    suite: str | None = None,
    source: str | None = None,
    since: str | pd.Timestamp | None = None,
    until: str | pd.Timestamp | None = None,
) -> pd.DataFrame:
    """Return the runs that match all that is given, in time order.

    `since` and `until` are times, or lengths of time back from the newest run such as `"30d"`.
    Raises `NotFound` with close names for a project, branch, suite or source that no run has, and `Invalid` for a time
    that cannot be read.
    """
    chosen = ordered_runs(runs)
    newest = chosen["started_at"].max()
    wanted = {"project": project, "branch": branch, "suite": suite, "source": source}
    for name, value in wanted.items():
        if value is None:
            continue
        known = runs[name].dropna().astype(str).unique() if name in runs else ()
        if value not in known:
            raise NotFound.named(name, value, known)
        chosen = chosen[(chosen[name] == value).fillna(False).astype(bool)]
    if since is not None:
        chosen = chosen[chosen["started_at"] >= point_in_time(since, newest, "since")]
    if until is not None:
        chosen = chosen[chosen["started_at"] <= point_in_time(until, newest, "until")]
    return chosen.reset_index(drop=True)
