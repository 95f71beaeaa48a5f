"""Read pytest-reportlog: one JSON object per line, one line per phase of each test."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any, cast

from att.errors import Invalid
from att.testing.importers.building import Row, Session, make_failure, session_status, text_of
from att.testing.importers.models import CATEGORIES, ParsedReport, Phase
from att.testing.importers.reading import (
    Source,
    clip,
    open_source,
    parse_time,
    seconds,
    source_name,
    stamp,
    wide_encoding,
)

__all__ = ["parse_reportlog"]

_PHASES = ("setup", "call", "teardown")


def parse_reportlog(source: Source) -> ParsedReport:
    """Parse a pytest-reportlog file.

    A log without its SessionFinish line is of a session that was killed: `complete` is False, the counts are None
    and `tests` holds what had finished. Raises Invalid when the file is not a report log, TooLarge over the limit.
    """
    reader = _Reader()
    for line in _objects(source):
        reader.feed(line)
    if not reader.lines:
        raise Invalid(f"{source_name(source)} is empty: it holds no report log.")
    return reader.report()


def _objects(source: Source) -> Iterator[dict[str, Any]]:
    """Yield each line's object; only an unfinished last line, of a writer that was killed, is left out."""
    with open_source(source) as stream:
        head = stream.read(512)
        stream.seek(0)
        encoding = wide_encoding(head) or "utf-8-sig"
        lines = io.TextIOWrapper(stream, encoding, errors="replace", newline="\n")
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                value = json.loads(line.removeprefix("\ufeff"))
            except (ValueError, RecursionError) as error:
                if number > 1 and not line.endswith("\n"):
                    return
                raise _not_a_log(source, number, str(error)) from None
            if not isinstance(value, dict) or not _report_type(value):
                raise _not_a_log(source, number, "the line has no $report_type")
            yield value


def _report_type(line: dict[str, Any]) -> str:
    """Return the type of a line; pytest-subtests wrote its own under another name until 0.7."""
    return text_of(line.get("$report_type")) or text_of(line.get("_report_type"))


def _not_a_log(source: Source, number: int, why: str) -> Invalid:
    return Invalid(f"{source_name(source)} is not a pytest report log: line {number}: {why}.", line=number)


class _Reader:
    def __init__(self) -> None:
        self.lines = 0
        self._session = Session()
        self._exitcode: int | None = None
        self._finished = False
        self._version: str | None = None
        self._unknown: set[str] = set()
        self._started: list[float] = []
        self._stopped: list[float] = []

    def feed(self, line: dict[str, Any]) -> None:
        self.lines += 1
        kind = _report_type(line)
        if kind == "SessionStart":
            self._version = text_of(line.get("pytest_version")) or None
        elif kind == "SessionFinish":
            self._finished = True
            code = line.get("exitstatus")
            self._exitcode = code if isinstance(code, int) and not isinstance(code, bool) else None
        elif kind == "CollectReport":
            self._collected(line)
        elif kind == "WarningMessage":
            self._session.count("warnings")
        elif kind.lower() == "subtestreport":
            self._subtest(line)
        elif kind == "TestReport":
            self._tested(line)

    def report(self) -> ParsedReport:
        counts = self._session.counts("rerun", "warnings")
        counts |= dict.fromkeys(self._unknown)
        if not self._finished:
            counts = dict.fromkeys(CATEGORIES)
        return ParsedReport(
            kind="reportlog",
            counts=counts,
            tests=self._session.table(),
            complete=self._finished,
            status=session_status(counts, self._exitcode),
            exitcode=self._exitcode,
            duration_seconds=max(self._stopped) - min(self._started) if self._stopped and self._started else None,
            started_at=parse_time(min(self._started)) if self._started else None,
            tool=f"pytest {self._version}" if self._version else "pytest",
        )

    def _collected(self, line: dict[str, Any]) -> None:
        outcome = line.get("outcome")
        if outcome not in ("failed", "skipped"):
            return
        row = self._session.row(text_of(line.get("nodeid")))
        self._session.count("errors" if outcome == "failed" else "skipped", row)
        if outcome == "failed":
            self._fail(row, line, "collect")

    def _tested(self, line: dict[str, Any]) -> None:
        row = self._session.row(text_of(line.get("nodeid")))
        when = line.get("when")
        phase = cast(Phase, when) if when in _PHASES else None
        self._time(row, line, phase)
        category = _category(line, phase)
        if category == "rerun":
            row.attempts += 1
        if category:
            self._session.count(category, row)
        if line.get("outcome") == "failed" or category == "rerun":
            self._fail(row, line, phase, row.attempts - (category == "rerun"))

    def _subtest(self, line: dict[str, Any]) -> None:
        """Count as pytest does: a failed subtest fails. In pytest 9 its verbosity decides about skipped ones."""
        row = self._session.row(text_of(line.get("nodeid")))
        outcome = line.get("outcome")
        if outcome == "failed":
            self._session.count("failed", row)
            self._fail(row, line, "call", row.attempts)
        elif outcome == "passed":
            self._session.count("subtests passed")
        elif self._major() >= 9:
            self._unknown.add("xfailed" if "wasxfail" in line else "skipped")
        elif "wasxfail" in line:
            self._session.count("xfailed" if self._major() < 8 else "subtests xfailed")
        else:
            self._session.count("skipped")

    def _major(self) -> int:
        major = (self._version or "").partition(".")[0]
        return int(major) if major.isascii() and major.isdecimal() and len(major) < 4 else 8

    def _time(self, row: Row, line: dict[str, Any], phase: Phase | None) -> None:
        if phase is not None:
            row.phase_seconds[phase] = seconds(line.get("duration"))
        if worker := text_of(line.get("worker_id")):
            row.worker = worker
        start, stop = stamp(line.get("start")), stamp(line.get("stop"))
        if start:
            self._started.append(start)
            row.started_at = row.started_at or parse_time(start)
        if stop:
            self._stopped.append(stop)

    def _fail(self, row: Row, line: dict[str, Any], phase: Phase | None, attempt: int = 1) -> None:
        message, longrepr = _representation(line.get("longrepr"))
        row.failures.append(make_failure(phase, message, longrepr, _sections(line.get("sections")), attempt))


def _category(line: dict[str, Any], phase: Phase | None) -> str | None:
    """Return the category that pytest's own pytest_report_teststatus gives this report, None for no category."""
    outcome = line.get("outcome")
    if outcome == "rerun":
        return "rerun"
    if "wasxfail" in line and outcome in ("skipped", "passed"):
        return "xfailed" if outcome == "skipped" else "xpassed" if phase == "call" else None
    if outcome == "skipped":
        return "skipped"
    if outcome == "failed":
        return "errors" if phase in ("setup", "teardown") else "failed"
    return "passed" if phase == "call" else None


def _representation(longrepr: object) -> tuple[str, str]:
    """Return (message, text) of a longrepr: a text, a skip's triple, or pytest's exception tree."""
    if isinstance(longrepr, str):
        return longrepr.strip().rpartition("\n")[2], longrepr
    if isinstance(longrepr, list):
        return text_of(longrepr[-1] if longrepr else ""), ""
    if not isinstance(longrepr, dict):
        return "", ""
    crash = longrepr.get("reprcrash")
    message = text_of(crash.get("message")) if isinstance(crash, dict) else ""
    if "longrepr" in longrepr:
        return message or text_of(longrepr["longrepr"]), text_of(longrepr["longrepr"])
    return message, "\n".join(_trace_lines(longrepr.get("reprtraceback")))


def _trace_lines(traceback: object) -> Iterator[str]:
    entries = traceback.get("reprentries") if isinstance(traceback, dict) else None
    for entry in entries if isinstance(entries, list) else ():
        data = entry.get("data") if isinstance(entry, dict) else None
        if not isinstance(data, dict):
            continue
        lines = data.get("lines")
        yield from (line for line in lines if isinstance(line, str)) if isinstance(lines, list) else ()
        where = data.get("reprfileloc")
        if isinstance(where, dict):
            yield f"\n{where.get('path')}:{where.get('lineno')}: {where.get('message')}"


def _sections(value: object) -> tuple[tuple[str, str], ...]:
    pairs = value if isinstance(value, list) else []
    return tuple(
        (text_of(pair[0]), clip(text_of(pair[1]))) for pair in pairs if isinstance(pair, list) and len(pair) == 2
    )
