"""What is known about a loaded run beside its report: from arguments first, then from the path, then from the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from att.errors import Invalid
from att.expressions import Expression
from att.testing.importers.models import ParsedReport
from att.testing.importers.reading import in_utc, parse_time

__all__ = ["Labelling", "Labels", "of_report", "zone_named"]

_FROM_FILE = {
    "commit": ("commit", "github_sha", "ci_commit_sha", "git_commit"),
    "branch": ("branch", "github_ref_name", "ci_commit_branch", "git_branch"),
    "ci_url": ("ci_url", "build_url", "ci_job_url"),
    "host": ("hostname",),
    "python": ("python",),
    "os": ("platform",),
}
"""Names under which the importers pass on what reports tell; those of the json-report are variables of CI systems."""


@dataclass(frozen=True, slots=True)
class Labels:
    """What a report cannot say well about its run. None where nobody says it."""

    commit: str | None = None
    branch: str | None = None
    started_at: datetime | None = None
    ci_url: str | None = None
    suite: str | None = None
    python: str | None = None
    os: str | None = None
    host: str | None = None

    def over(self, other: Labels) -> Labels:
        """Return the labels, with those of `other` where there is none."""
        missing = {f.name: getattr(other, f.name) for f in fields(self) if getattr(self, f.name) is None}
        return replace(self, **missing)


_NAMES = tuple(f.name for f in fields(Labels))


class Labelling:
    """Puts labels on runs: given ones, and those that the groups of `match` find in their paths."""

    def __init__(self, given: Labels, match: str | None = None, tz: str = "UTC") -> None:
        """Raises Invalid for a pattern that is none or that names unknown groups, an unknown zone, and a wrong time."""
        self.tz = zone_named(tz)
        self.given = replace(given, started_at=_aware(given.started_at, self.tz))
        self._expression = None if match is None else _compiled(match)

    def of_path(self, inside: str, name: str) -> Labels:
        """Return the given labels and those of a path, looked for below the loaded folder and then in the whole name.

        Raises Invalid when there is a pattern and the path does not match it, or names a time that is none.
        """
        if self._expression is None:
            return self.given
        found = self._expression.search(inside) or self._expression.search(name)
        if found is None:
            raise Invalid(f"Its path does not match {self._expression.pattern!r}, so its labels are not known.")
        return self.given.over(self._labels(found))

    def _labels(self, groups: Mapping[str, str]) -> Labels:
        texts = {name: text for name, text in groups.items() if text and name != "started_at"}
        moment = groups.get("started_at")
        started_at = parse_time(moment, self.tz) if moment else None
        if moment and started_at is None:
            raise Invalid(f"The started_at {moment!r} in its path is no ISO 8601 time between 1990 and now.")
        return Labels(started_at=started_at, **texts)


def of_report(report: ParsedReport) -> Labels:
    """Return what a report itself says of its run."""
    told = {name.lower(): text for name, text in report.metadata.items()}
    texts = {name: next((told[key] for key in keys if told.get(key)), None) for name, keys in _FROM_FILE.items()}
    return Labels(started_at=report.started_at, **texts)


def zone_named(name: str) -> tzinfo:
    """Return a time zone. Raises Invalid for one that is not known."""
    if name.upper() == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError) as error:
        raise Invalid(f"There is no time zone {name!r}; it is a name like 'Europe/Berlin'.", argument="tz") from error


def _aware(time: datetime | None, zone: tzinfo) -> datetime | None:
    if time is None:
        return None
    if (moment := in_utc(time, zone)) is None:
        raise Invalid(f"No test run began at {time}: started_at is a time between 1990 and now.", argument="started_at")
    return moment


def _compiled(match: str) -> Expression:
    expression = Expression(match, "match")
    unknown = sorted(set(expression.groups) - set(_NAMES))
    if unknown or not expression.groups:
        raise Invalid(
            f"match names its groups after what they find, like (?P<branch>[^/]+): {', '.join(_NAMES)}"
            f"{'; not ' + ', '.join(unknown) if unknown else ''}.",
            argument="match",
        )
    return expression
