"""What of a history is asked for, in words: lengths of time back from now, times, a branch, a suite."""

from __future__ import annotations

from datetime import datetime

from att.errors import Invalid
from att.testing.history.records import Selection

__all__ = ["EVERYTHING", "asked", "moment", "selection"]

EVERYTHING = "all"


def selection(
    project: str | None,
    since: str | datetime | None,
    until: str | datetime | None,
    branch: str | None,
    suite: str | None,
) -> Selection:
    """Return the selection. Raises Invalid for a time that cannot be read."""
    return Selection(project, moment(since, "since"), moment(until, "until"), branch, suite)


def moment(text: str | datetime | None, name: str) -> datetime | None:
    """Return the time that lies a length such as `90d` before now, or that is given; None for everything.

    Raises Invalid naming the argument.
    """
    if text is None or text == EVERYTHING:
        return None
    import pandas as pd

    from att.testing.analysis.times import point_in_time

    time = point_in_time(text, pd.Timestamp.now("UTC"), name)
    try:
        return time.floor("us").to_pydatetime()
    except ValueError:
        raise Invalid(f"{name} lies before the calendar begins: {text!r}.", argument=name) from None


def asked(chosen: Selection) -> str:
    """Say in words what was chosen; an empty text when it was everything."""
    words = [
        f"on the branch {chosen.branch!r}" if chosen.branch is not None else "",
        f"of the suite {chosen.suite!r}" if chosen.suite is not None else "",
        f"since {chosen.since:%Y-%m-%d %H:%M} UTC" if chosen.since is not None else "",
        f"before {chosen.until:%Y-%m-%d %H:%M} UTC" if chosen.until is not None else "",
    ]
    return " ".join(word for word in words if word)
