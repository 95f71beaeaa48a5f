"""Recognise a report and parse it, whatever its format; merge the reports of one zip."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, tzinfo
from functools import partial
from typing import get_args

from att.errors import Invalid
from att.testing.importers.archive import is_archive, read_archive
from att.testing.importers.building import session_status
from att.testing.importers.console import parse_pytest_console
from att.testing.importers.ctrf import is_ctrf, parse_ctrf, parse_ctrf_document
from att.testing.importers.json_report import is_json_report, parse_json_report, parse_pytest_json_report
from att.testing.importers.junit import parse_junit_xml
from att.testing.importers.models import ParsedReport, ReportKind, ReportStatus, TestTable
from att.testing.importers.nodeids import NodeIds
from att.testing.importers.reading import Source, load_json, open_source, source_name
from att.testing.importers.recognizing import HEAD_BYTES, kind_of_broken, text_of_head
from att.testing.importers.reportlog import parse_reportlog

__all__ = ["merge", "parse"]


def parse(
    source: Source, kind: ReportKind | None = None, *, known: Collection[str] | NodeIds = (), tz: tzinfo = UTC
) -> ParsedReport:
    """Parse a test report: a path, bytes or text of one of the formats, or a zip of reports of one format.

    Without `kind` the format is recognised by the content, never by the name. `known` are the nodeids and files of
    the project (JUnit and CTRF), `tz` is the zone of times that name none. Files of a zip that are no report are left
    out. Raises NotFound, TooLarge, or Invalid when the file is no report, is broken, or its totals cannot be known:
    so is a zip of which one report is broken, whose reports `read_archive` tells one by one.
    """
    if kind is not None and kind not in get_args(ReportKind):
        raise Invalid(f"There is no report kind {kind!r}; it is one of {', '.join(get_args(ReportKind))}.")
    return _parse(source, kind, known if isinstance(known, NodeIds) else NodeIds(known), tz)


def merge(reports: Collection[ParsedReport]) -> ParsedReport:
    """Return the sum of reports of one format, as of shards or of one file per suite; raise Invalid otherwise."""
    kinds: set[ReportKind] = {report.kind for report in reports}
    if len(kinds) != 1:
        named = " and ".join(sorted(kinds)) or "no"
        raise Invalid(f"Only reports of one format can be merged, not {named} reports. Name the kind to take.")
    tests = TestTable()
    for report in reports:
        tests.extend(report.tests)
    names = dict.fromkeys(name for report in reports for name in report.counts)
    counts = {name: _total([report.counts.get(name, 0) for report in reports]) for name in names}
    durations = [report.duration_seconds for report in reports if report.duration_seconds is not None]
    return ParsedReport(
        kind=kinds.pop(),
        counts=counts,
        tests=tests,
        complete=all(report.complete for report in reports),
        status=_ended_badly(reports) or session_status(counts),
        duration_seconds=sum(durations) if durations else None,
        started_at=min((report.started_at for report in reports if report.started_at), default=None),
        tool=next((report.tool for report in reports if report.tool), None),
        metadata={name: value for report in reports for name, value in report.metadata.items()},
    )


def _ended_badly(reports: Collection[ParsedReport]) -> ReportStatus | None:
    """Return the status that one session gives to all of them: those which counts do not tell."""
    statuses: tuple[ReportStatus, ...] = ("internal_error", "interrupted", "collect_error")
    return next((status for status in statuses if any(report.status == status for report in reports)), None)


def _total(values: list[int | None]) -> int | None:
    return None if None in values else sum(value for value in values if value is not None)


def _parse(source: Source, kind: ReportKind | None, known: NodeIds, tz: tzinfo) -> ParsedReport:
    with open_source(source) as stream:
        head = stream.read(HEAD_BYTES)
    if is_archive(head):
        return _parse_archive(source, kind, known, tz)
    if kind == "junit" or (kind is None and _starts(head) == "<"):
        return parse_junit_xml(source, known=known, tz=tz)
    if kind == "console":
        return parse_pytest_console(source)
    if kind == "json-report":
        return parse_pytest_json_report(source)
    if kind == "ctrf":
        return parse_ctrf(source, known=known)
    if kind == "reportlog" or (_starts(head) == "{" and b"$report_type" in head.replace(b"\0", b"")):
        return parse_reportlog(source)
    if _starts(head) == "{":
        return _parse_json(source, known)
    return parse_pytest_console(source)


def _parse_json(source: Source, known: NodeIds) -> ParsedReport:
    document, name = load_json(source), source_name(source)
    if is_ctrf(document):
        return parse_ctrf_document(document, name, known=known)
    if is_json_report(document):
        return parse_json_report(document, name)
    raise Invalid(f"{name} is JSON, but neither of pytest-json-report nor CTRF nor a pytest report log.")


def _starts(head: bytes) -> str:
    return text_of_head(head)[:1]


def _parse_archive(source: Source, kind: ReportKind | None, known: NodeIds, tz: tzinfo) -> ParsedReport:
    """Parse every member; those of other formats than `kind`, or that are no reports, are passed over."""
    reports: list[ParsedReport] = []
    refused: list[tuple[tuple[ReportKind, ...], str]] = []
    for member in read_archive(source, partial(_parse_member, known=known, tz=tz)):
        if member.report and kind in (None, member.report.kind):
            reports.append(member.report)
        elif member.error:
            refused.append((kind_of_broken(member.name, member.data), f"{member.name}: {member.error}"))
    name = source_name(source)
    if not reports:
        wanted = f" of kind {kind}" if kind else ""
        reasons = " ".join(reason for _, reason in refused[:3])
        raise Invalid(f"{name} holds no report{wanted}. {reasons}".rstrip())
    broken = [reason for kinds, reason in refused if any(report.kind in kinds for report in reports)]
    if broken:
        raise Invalid(f"{name} holds {len(broken)} broken, so the totals cannot be known. {' '.join(broken[:3])}")
    return reports[0] if len(reports) == 1 else merge(reports)


def _parse_member(data: bytes, *, known: NodeIds, tz: tzinfo) -> ParsedReport:
    if is_archive(data[:4]):
        raise Invalid("A zip inside a zip is not read.")
    return _parse(data, None, known, tz)
