"""Read what pytest prints: only the session's own last summary line counts, whatever else looks like one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from att.errors import Invalid
from att.testing.importers.building import session_status
from att.testing.importers.console_progress import Progress
from att.testing.importers.console_results import COLLECTION, RESULTS, results_of, uncounted, why_unfinished
from att.testing.importers.console_tests import SECTION, tests_of
from att.testing.importers.logs import clean_lines
from att.testing.importers.models import CATEGORIES, ParsedReport, ReportStatus
from att.testing.importers.reading import Source, read_text, seconds, source_name

__all__ = ["parse_pytest_console"]

_KNOWN = ("failed", "passed", "skipped", "deselected", "xfailed", "xpassed", "warnings", "errors")

_STATISTIC = r"\d+ [a-z][a-z _-]*"
_COLLECTED = (
    rf"(?:no tests collected|\d+(?:/\d+)? tests? collected)(?: \((?P<out>\d+) deselected\))?(?:, {_STATISTIC})*"
)
_SUMMARY = re.compile(
    rf"(?:(?P<collected>{_COLLECTED})|no tests ran|(?P<stats>{_STATISTIC}(?:, {_STATISTIC})*))"
    r" in (?P<seconds>\d+(?:\.\d+)?) ?s(?:econds)?(?: \((?:\d+ days?, )?\d+:\d\d:\d\d\))?"
)
_COUNT = re.compile(r"(\d+) ([a-z][a-z _-]*)")
_FENCED = re.compile(r"([=!])\1* (.*\S) \1+")
_FENCE = re.compile(r"(=+) (.*\S) (=+)")
_HEADER = re.compile(r"[.FEsxXRu,y-]*(=+ test session starts =+)")
"""With -s the header of a session that a test ran stands behind the progress of the session around it."""
_BLOCK = re.compile(r"_{2,} \S.* _{2,}")
_CAPTURED = re.compile(r"-+ Captured .* -+")
_PROGRESS = re.compile(
    r"(?:\S.* )?(?:[.FEsxXRu,y-]+|PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS|RERUN|SUB\w+)(?: \(.*\))?"
    r" *\[ *(?:\d+%|\d+/\d+)\]"
    r"|\[gw\d+\] \[ *\d+%\] [A-Z]+ \S.*"
)
_LETTERS = re.compile(r"[.FEsxXRu,y-]+")
_STOPPED = re.compile(r"INTERNALERROR> |!+ (?:\S+\.)?(?:KeyboardInterrupt|Exit: |Interrupted: |stopping after )")
_UNFINISHED = re.compile(r"\S+\.\w+(?: [.FEsxXRu,y-]*)?|\S+::\S.*")
_NO_SESSION = re.compile(r"ERROR: usage: |.*: error: unrecognized arguments: |ImportError while loading conftest ")
_MIN_WIDTH = 60
_MAX_NESTED = 8
"""Sessions run inside each other no deeper; a log of many that were killed would take quadratic time."""
_MAX_LINE = 4_000
"""Longer lines are no line of pytest's own, and matching them could take quadratic time."""


def parse_pytest_console(source: Source) -> ParsedReport:
    """Parse the output of a pytest run: of any verbosity but `-qq`, with colours, and with the prefixes of CI logs.

    `tests` holds what the output names: every test with `-v`, those of the short summary otherwise. Of several
    sessions in one log the last counts. Raises Invalid when the last session has no summary line of its own.
    """
    name = source_name(source)
    lines, started_at = clean_lines(read_text(source))
    log = _Log()
    lines = [line if len(line) <= _MAX_LINE else line[:_MAX_LINE] + "..." for line in lines]
    for line in lines:
        log.feed(line)
    session = log.last()
    final = session.final or _results(session) or _last_line(session) if session else None
    if session is None or final is None or _never_began(session, lines):
        raise Invalid(why_unfinished(name, log.headers, lines))
    return _report(session, final, started_at)


def _results(session: _Open) -> re.Match[str] | None:
    return _SUMMARY.fullmatch(results_of(session.lines) or "")


def _last_line(session: _Open) -> re.Match[str] | None:
    """Return the summary that a log ends with though its fence has another width: it was typed, copied or wrapped."""
    ends = [at for at, line in enumerate(session.lines) if line][-1:]
    if not ends or session.captured or _is_unfinished(session, session.lines[ends[0] - 1] if ends[0] else ""):
        return None
    fence = _FENCE.fullmatch(session.lines[ends[0]])
    if fence is None or len(fence[3]) < len(fence[1]) - 2:
        return None
    return _possible(session, _ordered(_SUMMARY.fullmatch(fence[2])))


def _never_began(session: _Open, lines: list[str]) -> bool:
    """Return whether pytest stopped before its session, so that what looks like a final line was printed by others."""
    return not (session.headed or session.seen) and any(_NO_SESSION.match(line) for line in lines)


@dataclass(slots=True)
class _Open:
    """One session while its lines arrive."""

    headed: bool
    """Whether the session has a header. One without, as with -q, may end with a bare summary line."""
    width: int | None = None
    """Width of every full line."""
    state: str = "progress"
    final: re.Match[str] | None = None
    doubted: bool = False
    """The final line came inside captured output or went before more progress: a later one is better."""
    revoked: bool = False
    """More came after a final line: perhaps a session without a header goes on around this one, or follows it."""
    previous: str = ""
    captured: bool = False
    quoted: bool = False
    """Captured output was shown: lines that look like pytest's own may still be of it."""
    seen: bool = False
    """Whether pytest's own lines came: without a header, what comes before them is no session."""
    stop: str = ""
    internal_error: bool = False
    progress: Progress = field(default_factory=Progress)
    lines: list[str] = field(default_factory=list)


class _Log:
    """The sessions of a log. A session that starts inside an open one is nested: a test ran pytest."""

    def __init__(self) -> None:
        self._stack: list[_Open] = []
        self.headers = 0

    def feed(self, line: str) -> None:
        if header := _HEADER.fullmatch(line):
            self._begin(header[1])
            return
        if not self._stack:
            self._stack.append(_Open(headed=False))
        session = self._stack[-1]
        if len(self._stack) > 1:
            self._close(line)
            session = self._stack[-1]
        _advance(session, line)

    def last(self) -> _Open | None:
        """Return the session that the log ends with; of one whose end was printed by a test, that around it."""
        for session in self._stack[:-1]:
            if session.captured and session.final is None and _possible(session, self._stack[-1].final) is None:
                return session
        return self._stack[-1] if self._stack else None

    def _begin(self, line: str) -> None:
        self.headers += 1
        if self._stack and self._stack[-1].final is not None:
            self._stack.pop()
        self._stack.append(_Open(headed=True, width=len(line)))

    def _close(self, line: str) -> None:
        """Close the sessions inside the one that the line belongs to."""
        inner = self._stack[-1]
        if inner.final is not None:
            if self._goes_on(self._stack[-2], line):
                self._stack.pop()
        elif line.endswith(("s", ")", "=")):
            around = (
                at
                for at, outer in enumerate(self._stack[: min(len(self._stack) - 1, _MAX_NESTED)])
                if _outlives(outer, inner, line)
            )
            del self._stack[next(around, len(self._stack)) + 1 :]

    @staticmethod
    def _goes_on(outer: _Open, line: str) -> bool:
        """Return whether the line belongs to the session around one that is over."""
        return _is_evidence(line) or ((outer.headed or outer.seen) and _final_text(line, outer) is not None)


def _outlives(outer: _Open, inner: _Open, line: str) -> bool:
    """Return whether the line ends a session in which one was killed: one of another kind, or with other results."""
    final = _final_text(line, outer)
    if final is None or _possible(outer, final) is None:
        return False
    if not outer.headed:
        return inner.state == "short test summary info" and not line.startswith("=")
    return outer.captured and inner.progress.contradicts(_stated(final))


def _advance(session: _Open, line: str) -> None:
    """Take one line of a session: the final line ends it, and pytest's own lines after that show it was a fake."""
    final = _final_of(session, line)
    is_better = session.doubted or (final is not None and final["collected"] is not None and not session.seen)
    if final is not None and (session.final is None or is_better):
        session.doubted = (session.captured and session.final is None) or (session.headed and line[:1] != "=")
        session.final = final
    elif _is_evidence(line) or (session.doubted and (_BLOCK.fullmatch(line) or RESULTS.fullmatch(line))):
        if session.final is not None:
            _revoke(session)
        session.final = None
    elif session.final is not None and (_LETTERS.fullmatch(line) or _STOPPED.match(line)):
        session.doubted = True
        _revoke(session)
    if session.final is None:
        _observe(session, line)
    session.previous = line


def _revoke(session: _Open) -> None:
    session.revoked = True
    session.progress = Progress()


def _observe(session: _Open, line: str) -> None:
    session.lines.append(line)
    if session.state == "progress" and not session.captured:
        session.progress.feed(line)
    session.seen = session.seen or _is_evidence(line)
    if match := SECTION.fullmatch(line):
        session.state, session.captured = match[1], False
        session.width = session.width or len(line)
    elif _CAPTURED.fullmatch(line):
        session.captured = session.quoted = True
    elif line.startswith("!") and (fence := _FENCED.fullmatch(line)):
        session.stop, session.captured = fence[2], False
    elif line.startswith("INTERNALERROR>"):
        session.internal_error = True


def _is_evidence(line: str) -> bool:
    return bool(SECTION.fullmatch(line) or _CAPTURED.fullmatch(line) or _PROGRESS.fullmatch(line))


def _final_of(session: _Open, line: str) -> re.Match[str] | None:
    if not line.endswith(("s", ")", "=")):
        return None
    final = _final_text(line, session)
    return None if _is_unfinished(session, session.previous) else _possible(session, final)


def _possible(session: _Open, final: re.Match[str] | None) -> re.Match[str] | None:
    is_doubtful = session.quoted or not (session.headed or session.progress.names_files)
    return None if final and is_doubtful and session.progress.contradicts(_stated(final)) else final


def _is_unfinished(session: _Open, line: str) -> bool:
    """Return whether a file's progress is not at its end, so that what comes next was printed by a test."""
    return session.state == "progress" and bool(_UNFINISHED.fullmatch(line)) and not _LETTERS.fullmatch(line)


def _final_text(line: str, session: _Open) -> re.Match[str] | None:
    """Return the match of a summary line: fenced to the exact width of the session, or bare where it has no header."""
    if not line.startswith("="):
        return None if session.headed and not session.revoked else _ordered(_SUMMARY.fullmatch(line))
    fence = _FENCED.fullmatch(line)
    if fence is None or not (session.headed or session.seen):
        return None
    if line != _fence(fence[2], session.width or max(len(line), _MIN_WIDTH)):
        return None
    return _ordered(_SUMMARY.fullmatch(fence[2]))


def _fence(text: str, width: int) -> str:
    """Return the text between `=` as pytest's TerminalWriter.sep draws it."""
    fill = "=" * max((width - len(text) - 2) // 2, 1)
    line = f"{fill} {text} {fill}"
    return line + "=" if len(line) + 1 <= width else line


def _ordered(match: re.Match[str] | None) -> re.Match[str] | None:
    """Return the match when its categories stand in pytest's own order."""
    if match is None or not match["stats"]:
        return match
    names = [_category(name) for _, name in _COUNT.findall(match["stats"])]
    ranks = [_KNOWN.index(name) for name in names if name in _KNOWN]
    return match if ranks and ranks == sorted(set(ranks)) else None


def _report(session: _Open, final: re.Match[str], started_at: datetime | None) -> ParsedReport:
    counts = _counts(session, final)
    return ParsedReport(
        kind="console",
        counts=counts,
        tests=tests_of(session.lines),
        status=_status(session, final, counts) or session_status(counts),
        duration_seconds=seconds(final["seconds"]),
        started_at=started_at,
        tool=_tool(session.lines),
    )


def _counts(session: _Open, final: re.Match[str]) -> dict[str, int | None]:
    """Return the counts of a final line; what it leaves out did not happen, except that of a mere collection."""
    counts: dict[str, int | None] = dict.fromkeys(CATEGORIES, 0)
    if final["collected"] is not None:
        counts |= {"deselected": int(final["out"] or 0), "skipped": _skipped_modules(session)}
    counts |= _stated(final)
    missing = uncounted(session.lines) if session.final is None else {}
    return counts | {name: (counts[name] or 0) + number for name, number in missing.items()}


def _stated(final: re.Match[str]) -> dict[str, int]:
    collected: str | None = final["collected"]
    stated = collected.partition(", ")[2] if collected is not None else final["stats"] or ""
    return {_category(name): int(number) for number, name in _COUNT.findall(stated)}


def _category(name: str) -> str:
    return f"{name}s" if name in ("warning", "error") else name


def _skipped_modules(session: _Open) -> int | None:
    """Return how many modules a collection skipped, which only its header tells."""
    for line in session.lines:
        if COLLECTION.match(line):
            match = re.search(r" / (\d+) skipped", line)
            return int(match[1]) if match else 0
    return None


def _status(session: _Open, final: re.Match[str], counts: dict[str, int | None]) -> ReportStatus | None:
    """Return how the session ended where its counts alone do not tell."""
    if session.internal_error:
        return "internal_error"
    if re.match(r"Interrupted: \d+ errors? during collection", session.stop):
        return "collect_error"
    if session.stop.endswith("KeyboardInterrupt") or "Exit: " in session.stop:
        return "interrupted"
    if counts["errors"]:
        return None
    if any((match := COLLECTION.match(line)) and match[1] == "0" for line in session.lines):
        return "no_tests"
    return "passed" if (final["collected"] or "no tests")[:8] != "no tests" else None


def _tool(lines: Iterable[str]) -> str:
    for line in lines:
        if line.startswith("platform ") and (match := re.search(r" (pytest-[\w.+]+)", line)):
            return match[1].replace("-", " ")
    return "pytest"
