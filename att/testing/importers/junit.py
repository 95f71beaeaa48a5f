"""Read JUnit XML of any tool into columns: testcases are counted, never the totals that suites state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from typing import Any, cast

from att.errors import Invalid
from att.testing.importers.building import make_failure, session_status
from att.testing.importers.junit_xml import EARLIER_TAGS, OUTPUT_TAGS, RESULT_TAGS, Child, RawReport, read_junit
from att.testing.importers.models import Failure, Outcome, ParsedReport, Phase, ReportStatus, TestTable, worst
from att.testing.importers.nodeids import NodeIds
from att.testing.importers.reading import Source, clip, open_source, parse_time, seconds, source_name, stamp

__all__ = ["parse_junit_xml"]

_RESULTS: dict[str, Outcome] = {"failure": "failed", "error": "error", "skipped": "skipped"}
_STATED = ("tests", "failures", "errors", "skipped", "disabled")
_NOT_RUN = frozenset(("notrun", "disabled", "suppressed", "skipped", "ignored"))
_ON_TEARDOWN = ("failed on teardown with ", "test teardown failure")
"""How pytest begins the message of an error in teardown: since 6.0, and before."""
_WITH_PHASE = ("collection ", "failed on ", "test ")
"""How every message begins in which pytest names a phase."""
_PYTEST_SUITE = ["name", "errors", "failures", "skipped", "tests", "time", "timestamp", "hostname"]
"""What pytest writes of a suite, in this order, also where `junit_suite_name` gives it another name."""
_METADATA = {
    "branch": "branch",
    "git.branch": "branch",
    "git_branch": "branch",
    "github_ref_name": "branch",
    "ci_commit_branch": "branch",
    "ci_commit_ref_name": "branch",
    "commit": "commit",
    "git.commit": "commit",
    "git.commit.id": "commit",
    "git_commit": "commit",
    "github_sha": "commit",
    "ci_commit_sha": "commit",
    "revision": "commit",
    "ci_url": "ci_url",
    "build_url": "ci_url",
    "ci_job_url": "ci_url",
}


def parse_junit_xml(source: Source, *, known: Collection[str] | NodeIds = (), tz: tzinfo = UTC) -> ParsedReport:
    """Parse a JUnit XML file of pytest or another tool.

    `known` are the project's nodeids and files, by which classname and name become nodeids; `tz` is the zone of
    times that name none. `xpassed` is None: JUnit cannot express it. A suite's testcases of one name are attempts of
    one test. Raises Invalid when the file is not JUnit XML, is cut off, declares a document type, or states tests
    that it does not list; TooLarge over the limit.
    """
    name = source_name(source)
    with open_source(source) as stream:
        raw = read_junit(stream, name)
    stated = (suite.get(key) for suite in (raw.root, *raw.suites) for key in _STATED)
    if not raw.names and any(stamp(value) for value in stated):
        raise Invalid(f"{name} states a number of tests but lists none, so the totals cannot be known.")
    return _Report(raw, known if isinstance(known, NodeIds) else NodeIds(known), tz).build()


class _Report:
    """Decide outcomes, attempts and counts over what was read."""

    def __init__(self, raw: RawReport, known: NodeIds, tz: tzinfo) -> None:
        self._raw = raw
        self._known = known
        self._tz = tz
        self._suite_of = raw.suite_of()
        self._is_pytest = [_is_pytest(suite, raw.root) for suite in raw.suites]
        self._counts: Counter[str] = Counter()
        self._outcomes: list[Outcome] = ["passed"] * len(raw.names)
        self._attempts = [1] * len(raw.names)
        self._failures: dict[int, tuple[Failure, ...]] = {}
        self._teardowns: set[int] = set()
        self._dropped = self._unfinished()
        self._interrupted = bool(self._dropped)

    def build(self) -> ParsedReport:
        """Return the report; to be called once."""
        for row, attributes in self._raw.more.items():
            self._by_attribute(row, attributes)
        for row, children in self._raw.children.items():
            self._by_children(row, children)
        # pytest writes no testcase for the call that passed before; one that it did write is taken off again
        self._counts["passed"] = self._outcomes.count("passed") - len(self._dropped) + len(self._teardowns)
        columns = self._columns()
        self._fold_attempts(columns["nodeid"])
        counts: dict[str, int | None] = {
            key: self._counts[key] for key in ("passed", "failed", "skipped", "errors", "xfailed")
        }
        return self._report(counts | {"xpassed": None, "rerun": self._counts["rerun"]}, columns)

    def _report(self, counts: dict[str, int | None], columns: dict[str, list[Any]]) -> ParsedReport:
        raw = self._raw
        started = [at for at in map(self._time, (raw.root, *raw.suites)) if at]
        return ParsedReport(
            kind="junit",
            counts=counts,
            tests=self._table(columns),
            status=self._status(counts),
            duration_seconds=self._duration(),
            started_at=min(started, default=None),
            tool="pytest" if any(self._is_pytest) else None,
            metadata=_metadata(raw),
        )

    def _status(self, counts: dict[str, int | None]) -> ReportStatus | None:
        if self._interrupted:
            return "interrupted"
        raw = self._raw
        internal = any(raw.classnames[row] == "pytest" and raw.names[row] == "internal" for row in raw.children)
        return "internal_error" if internal else session_status(counts)

    def _unfinished(self) -> set[int]:
        """Return the testcases that pytest wrote without a name: tests that ran when it was interrupted."""
        raw = self._raw
        nameless = (row for row in raw.more if raw.names[row] is None)
        return {row for row in nameless if row not in raw.children and self._is_pytest_row(row)}

    def _is_pytest_row(self, row: int) -> bool:
        suite = self._suite_of[row]
        return suite >= 0 and self._is_pytest[suite]

    def _by_attribute(self, row: int, attributes: dict[str, str]) -> None:
        """Take GoogleTest's and CTest's word for a test that was not run: they write no <skipped>."""
        words = (attributes.get("status", "").lower(), attributes.get("result", "").lower())
        if row not in self._raw.children and not _NOT_RUN.isdisjoint(words):
            self._outcomes[row] = "skipped"
            self._counts["skipped"] += 1

    def _by_children(self, row: int, children: list[Child]) -> None:
        if len(children) == 1 and children[0].tag in _RESULTS:
            self._by_only_child(row, children[0])
            return
        results = [child for child in children if child.tag in RESULT_TAGS]
        earlier = sum(child.tag in EARLIER_TAGS for child in children)
        self._attempts[row] += earlier
        self._counts["rerun"] += earlier
        if any(child.tag == "skipped" and child.attributes.get("type") == "todo" for child in results):
            results = [child for child in results if child.tag == "skipped"]  # Node lets a test to do fail
        if results:
            self._decide(row, results)
        if len(results) == 1 and results[0].message.startswith(_ON_TEARDOWN):
            self._teardowns.add(row)
        if earlier or any(child.tag != "skipped" for child in results):
            self._failures[row] = tuple(_failures(children, self._attempts[row]))

    def _by_only_child(self, row: int, child: Child) -> None:
        """Do what `_by_children` does for one result and nothing else, as nearly all tests have it."""
        self._outcomes[row] = outcome = _outcome(child)
        self._counts["errors" if outcome == "error" else outcome] += 1
        if child.tag != "skipped":
            self._failures[row] = (_failure(child, 1, ()),)
            if child.message.startswith(_ON_TEARDOWN):
                self._teardowns.add(row)

    def _decide(self, row: int, results: list[Child]) -> None:
        """Set the outcome and count it: once per testcase, though pytest writes one child per report."""
        outcomes: list[Outcome] = [_outcome(child) for child in results]
        outcome = outcomes[0]
        for other in outcomes[1:]:
            outcome = worst(outcome, other)
        self._outcomes[row] = outcome
        for one in outcomes if self._is_pytest_row(row) else [outcome]:
            self._counts["errors" if one == "error" else one] += 1

    def _fold_attempts(self, nodeids: list[str]) -> None:
        """Make one test of the testcases that a suite repeats: attempts of a rerun, or a teardown error of its own."""
        if len(set(nodeids)) == len(nodeids):
            return
        rows_of: dict[tuple[int, str], list[int]] = {}
        for row, key in enumerate(zip(self._suite_of, nodeids, strict=True)):
            if row not in self._dropped and self._raw.names[row]:
                rows_of.setdefault(key, []).append(row)
        for rows in rows_of.values():
            if len(rows) > 1:
                self._fold(rows)

    def _fold(self, rows: list[int]) -> None:
        """Join the rows of one test: bare testcases are attempts, and only count as a pass if no other has a result."""
        teardowns = [row for row in rows if row in self._teardowns]
        attempts = [row for row in rows if row not in self._teardowns]
        bare = sum(self._outcomes[row] == "passed" for row in rows)
        self._counts["passed"] += (bare == len(attempts)) - bare - len(teardowns)
        self._counts["rerun"] += max(len(attempts) - 1, 0)
        last = max(len(attempts), 1)
        numbered = [*enumerate(attempts, start=1), *((last, row) for row in teardowns)]
        kept = rows[-1]
        for _, row in numbered:
            self._outcomes[kept] = worst(self._outcomes[kept], self._outcomes[row])
        self._failures[kept] = tuple(
            replace(failure, attempt=number) for number, row in numbered for failure in self._failures.get(row, ())
        )
        self._attempts[kept] = last
        self._dropped.update(rows[:-1])

    def _table(self, columns: dict[str, list[Any]]) -> TestTable:
        columns |= {"outcome": self._outcomes, "attempts": self._attempts}
        failures = self._failures
        if self._dropped:
            kept = [row for row in range(len(self._outcomes)) if row not in self._dropped]
            columns = {name: [column[row] for row in kept] for name, column in columns.items()}
            failures = {at: self._failures[row] for at, row in enumerate(kept) if row in self._failures}
        return TestTable(columns, failures)

    def _columns(self) -> dict[str, list[Any]]:
        raw = self._raw
        unknown: list[Any] = [None] * len(raw.names)
        files, started = unknown[:], unknown[:]
        for row, attributes in raw.more.items():
            files[row] = attributes.get("file")
            started[row] = self._time(attributes)
        names = [name or "" for name in raw.names] if None in raw.names else cast(list[str], raw.names)
        nodeids, resolved = self._known.resolve_all(raw.classnames, names, files)
        return {
            "nodeid": nodeids,
            "outcome": [],
            "classname": raw.classnames,
            "name": names,
            "file": files,
            "resolved": resolved,
            "attempts": [],
            "setup_seconds": unknown,
            "call_seconds": unknown[:],
            "teardown_seconds": unknown[:],
            "duration_seconds": raw.durations,
            "started_at": started,
            "worker": unknown[:],
        }

    def _time(self, attributes: dict[str, str]) -> datetime | None:
        return parse_time(attributes.get("timestamp"), self._tz)

    def _duration(self) -> float | None:
        if (stated := seconds(self._raw.root.get("time"))) is not None:
            return stated
        known = [time for suite in self._raw.top_suites if (time := seconds(suite.get("time"))) is not None]
        return sum(known) if known else None


def _is_pytest(suite: dict[str, str], root: dict[str, str]) -> bool:
    return suite.get("name") == "pytest" or root.get("name") == "pytest tests" or [*suite] == _PYTEST_SUITE


def _outcome(child: Child) -> Outcome:
    if child.tag == "skipped" and child.attributes.get("type") == "pytest.xfail":
        return "xfailed"
    return _RESULTS[child.tag]


def _failures(children: list[Child], attempts: int) -> Iterator[Failure]:
    """Yield a failure per child that tells of one; Surefire lists attempts that failed before (flaky) or after it."""
    sections = tuple((child.tag, clip(child.body)) for child in children if child.tag in OUTPUT_TAGS and child.text)
    first = 1 if any(child.tag.startswith("rerun") for child in children) else attempts
    earlier = 0
    for child in children:
        if child.tag in EARLIER_TAGS:
            earlier += 1
            yield _failure(child, earlier + child.tag.startswith("rerun"), ())
        elif child.tag in ("failure", "error"):
            yield _failure(child, first, sections)


def _failure(child: Child, attempt: int, sections: tuple[tuple[str, str], ...]) -> Failure:
    body = child.body
    phase, message = _phase(child.message or body.strip().partition("\n")[0])
    return make_failure(phase, message, body, sections, attempt, exception=child.attributes.get("type"))


def _phase(message: str) -> tuple[Phase | None, str]:
    """Return pytest's phase and the exception's own message out of `failed on setup with "..."`."""
    if not message.startswith(_WITH_PHASE):
        return None, message
    if message == "collection failure":
        return "collect", message
    phases: tuple[Phase, ...] = ("setup", "teardown")
    for phase in phases:
        if message == f"test {phase} failure":
            return phase, message
        prefix = f'failed on {phase} with "'
        if message.startswith(prefix):
            return phase, message.removeprefix(prefix).removesuffix('"')
    return None, message


def _metadata(raw: RawReport) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in raw.properties.items():
        if value and (ours := _METADATA.get(name.lower())):
            found.setdefault(ours, clip(value))
    if raw.top_suites and (host := raw.top_suites[0].get("hostname")):
        found["hostname"] = host
    return found
