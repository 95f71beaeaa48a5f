"""Read a project's output over all its runs, from a cursor on, and never skip anything silently."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from att.errors import Invalid, NotFound
from att.runtime.launcher import Launcher
from att.runtime.lines import LineReader, Lines, Position
from att.runtime.models import PROBE_SOURCE, LogLine, LogPage, Stream
from att.runtime.rundir import RunDirectory
from att.runtime.runids import ALPHABET, is_run_id
from att.runtime.runlog import RunLog

__all__ = ["ProjectLogs", "RawPage"]

PAGE_BYTES = 1 << 20
PAGE_LINES = 10_000
SCAN_LINES = 200_000
"""So many hidden lines are passed over in one page."""
_STREAMS: tuple[Literal["stdout"], Literal["stderr"]] = ("stdout", "stderr")
_CURSOR = re.compile(rf"([{ALPHABET}]{{26}}):(\d{{1,19}})(?::(?:o(\d{{1,19}}))?(?:e(\d{{1,19}}))?)?")
_PROBE = PROBE_SOURCE.encode()


@dataclass(frozen=True)
class RawPage:
    """Exact bytes in arrival order, all of one run, with the flags of `LogPage`."""

    data: bytes
    cursor: str | None
    has_more: bool
    truncated: bool
    lost_bytes: int | None
    run_changed: bool
    run_id: str | None


@dataclass(frozen=True)
class _Cursor:
    run_id: str
    position: Position

    @classmethod
    def parse(cls, text: str) -> _Cursor:
        match = _CURSOR.fullmatch(text)
        if match is None or not is_run_id(match[1]):
            raise Invalid(f"{text!r} is not a log cursor; pass back the cursor of an earlier page.", cursor=text)
        out, err = (None if start is None else int(start) for start in match.group(3, 4))
        return cls(match[1], Position(int(match[2]), (out, err)))

    def __str__(self) -> str:
        out, err = self.position.pending
        pending = ("" if out is None else f"o{out}") + ("" if err is None else f"e{err}")
        return f"{self.run_id}:{self.position.offset}" + (f":{pending}" if pending else "")


_BEFORE = _Cursor("0" * 26, Position(0))
"""Where to go on when there was no run yet: at the beginning of the first."""

_Fields = dict[str, Any]
"""The fields of a `LogLine`: a page is validated at once, which costs a fraction of making its lines one by one."""


@dataclass(frozen=True)
class _Filter:
    """Which lines are shown; the others still move the cursor."""

    stream: Stream | None = None
    since: datetime | None = None
    probes: bool = False

    def admits(self, lines: Lines) -> bool:
        """Say whether lines of this stream and time are shown."""
        if self.stream is not None and _STREAMS[lines.stream] != self.stream:
            return False
        return self.since is None or _time(lines) >= self.since

    def hides(self, data: bytes) -> bool:
        """Say whether one line is hidden for what it says."""
        return not self.probes and _PROBE in data

    def fields(self, lines: Lines, run_id: str) -> list[_Fields]:
        """Return those of the lines that are shown."""
        if not self.admits(lines):
            return []
        stream, at, partial = _STREAMS[lines.stream], _time(lines), lines.partial
        return [
            {
                "text": (data if partial else data.removesuffix(b"\r")).decode("utf-8", "replace"),
                "stream": stream,
                "at": at,
                "partial": partial,
                "run_id": run_id,
                "probe": _PROBE in data,
            }
            for data in lines.data
            if self.probes or _PROBE not in data
        ]


def _time(lines: Lines) -> datetime:
    return datetime.fromtimestamp(lines.at_ns / 1e9, UTC)


@dataclass
class _Builder:
    """A page that is being filled."""

    limit: int
    shown: _Filter = _Filter()
    lines: list[_Fields] = field(default_factory=list)
    size: int = 0
    scanned: int = 0
    lost_bytes: int | None = 0
    truncated: bool = False
    has_more: bool = False

    def take(self, lines: Lines, run_id: str) -> int:
        """Add lines and return how many of them, hidden ones included, the page has room for."""
        if self.scanned >= SCAN_LINES:
            return 0
        count = self._room(lines.data) if self.shown.admits(lines) else len(lines.data)
        self.scanned += count
        self.lines += self.shown.fields(lines._replace(data=lines.data[:count]), run_id)
        return count

    def _room(self, data: list[bytes]) -> int:
        """Return how many of the lines fit, and count their bytes; a page without lines has room for any."""
        size = self.size + sum(map(len, data))
        if len(self.lines) + len(data) <= self.limit and size <= PAGE_BYTES:
            self.size = size
            return len(data)
        number = len(self.lines)
        for place, line in enumerate(data):
            if not self.shown.hides(line):
                if number >= self.limit or (number and self.size + len(line) > PAGE_BYTES):
                    return place
                number += 1
                self.size += len(line)
        return len(data)

    def lose(self, amount: int | None) -> None:
        """Note bytes that are gone; None when nobody can know how many."""
        self.truncated = True
        self.lost_bytes = None if amount is None or self.lost_bytes is None else self.lost_bytes + amount

    def page(self, cursor: _Cursor, run_changed: bool = False) -> LogPage:
        return LogPage.model_validate(
            {
                "lines": self.lines,
                "cursor": str(cursor),
                "has_more": self.has_more,
                "truncated": self.truncated,
                "lost_bytes": self.lost_bytes,
                "run_changed": run_changed,
            }
        )


@dataclass
class _Trail:
    """The runs that a read goes through, in order; empty when there is none."""

    runs: list[RunDirectory]
    position: Position
    run_changed: bool = False
    deleted: bool = False


class ProjectLogs:
    """The logs of every project of a launcher. Stateless, and safe to use from several threads."""

    def __init__(self, launcher: Launcher, clock_ns: Callable[[], int] = time.time_ns) -> None:
        self.launcher = launcher
        self._clock_ns = clock_ns

    def read(
        self,
        project: str,
        cursor: str | None = None,
        limit: int = 500,
        *,
        stream: Stream | None = None,
        since: datetime | None = None,
        tail: int | None = None,
        run: str | None = None,
        probes: bool = False,
        kind: str = "app",
    ) -> LogPage:
        """Return up to `limit` (1..10000) lines, at most 1 MiB, from `cursor` on.

        `cursor` None is the oldest kept byte of the latest run (`run` names a past one), or the last `tail` lines. A
        cursor of an older run first delivers the rest of that run, then goes on with the runs after it, and one from
        before the first run with the oldest that is kept. `stream`, `since` and `probes=False` hide lines, which still
        move the cursor. Raises Invalid for a malformed cursor or limit and NotFound for an unknown run.
        """
        _check_range("limit", limit)
        shown = _Filter(stream, since, probes)
        trail = self._trail(project, cursor, run, kind)
        if tail is not None:
            _check_range("tail", tail)
            if cursor is not None:
                raise Invalid("Give either cursor or tail: a cursor already says where to begin.")
            return self._tail(trail.runs[0], tail, shown) if trail.runs else _Builder(limit).page(_BEFORE)
        if cursor is None and since is not None and trail.runs:
            trail.position = _position_at(trail.runs[0], since)
        return self._read(trail, _Builder(limit, shown))

    def raw(
        self,
        project: str,
        cursor: str | None = None,
        max_bytes: int = PAGE_BYTES,
        *,
        run: str | None = None,
        stream: Stream | None = None,
        kind: str = "app",
    ) -> RawPage:
        """Return up to `max_bytes` exact bytes from `cursor` on (of one stream, when named).

        A page ends before a loss, which the next page reports. Raises Invalid and NotFound as `read` does.
        """
        if max_bytes < 1:
            raise Invalid("max_bytes must be at least 1.", max_bytes=max_bytes)
        trail = self._trail(project, cursor, run, kind)
        for place, current in enumerate(trail.runs):
            offset = trail.position.first if place == 0 else RunLog(current.log_dir).oldest()
            last = place == len(trail.runs) - 1
            page = self._raw(current, offset, max_bytes, stream, trail, last)
            if last or page.data or page.has_more or page.truncated or current.phase() == "running":
                return page
        return RawPage(b"", str(_BEFORE), False, False, 0, False, None)

    def last_lines(self, run: RunDirectory, n: int = 20, *, probes: bool = False) -> list[LogLine]:
        """Return the last `n` lines of one run, including an unterminated one: what people want after a crash."""
        return self._tail(run, n, _Filter(probes=probes), over=True).lines

    def _trail(self, project: str, cursor: str | None, run: str | None, kind: str) -> _Trail:
        """Find where a read begins and through which runs it goes."""
        if cursor is None:
            first = self.launcher.latest(project, kind) if run is None else self.launcher.run(project, run)
            return _Trail([first], _oldest(first)) if first else _Trail([], Position(0))
        at = _Cursor.parse(cursor)
        if at == _BEFORE:
            runs = self.launcher.runs(project, kind)
            return _Trail(runs, _oldest(runs[0]) if runs else Position(0), run_changed=len(runs) > 1)
        if run not in (None, at.run_id):
            raise Invalid(f"The cursor belongs to run {at.run_id}, not to {run}; leave one of them out.", cursor=cursor)
        try:
            here = self.launcher.run(project, at.run_id)
        except NotFound:
            return self._after_deleted(project, at, kind)
        _check_end(here, at.position)
        if run is not None:
            return _Trail([here], at.position)
        spec = here.known_spec()
        kind = kind if spec is None else spec.kind
        newer = [other for other in self.launcher.runs(project, kind) if other.run_id > at.run_id]
        return _Trail([here, *newer], at.position, run_changed=bool(newer))

    def _after_deleted(self, project: str, at: _Cursor, kind: str) -> _Trail:
        newer = [run for run in self.launcher.runs(project, kind) if run.run_id > at.run_id]
        elsewhere = any(self.launcher.projects_dir.glob(f"*/runs/{at.run_id}"))
        if elsewhere or not newer:
            where = "belongs to another project" if elsewhere else "names a run that this project never had"
            raise NotFound(f"The cursor {where}; read from the start, or with tail=.", cursor=str(at))
        return _Trail(newer, _oldest(newer[0]), run_changed=True, deleted=True)

    def _read(self, trail: _Trail, page: _Builder) -> LogPage:
        if trail.deleted:
            page.lose(None)
        cursor = _BEFORE
        for place, run in enumerate(trail.runs):
            over = run.phase() != "running"
            start = trail.position if place == 0 else _oldest(run)
            cursor = _Cursor(run.run_id, self._fill(page, run, start, over))
            if page.has_more or not over:
                break
        return page.page(cursor, trail.run_changed)

    def _fill(self, page: _Builder, run: RunDirectory, start: Position, over: bool) -> Position:
        """Add lines of one run until the page is full or the run has no more now; return where to go on."""
        reader = LineReader(RunLog(run.log_dir), start, over=over, now_ns=self._clock_ns())
        position = start
        for lines in reader:
            if lines.lost_bytes and page.lines:
                # What is lost stands before the first line of a page: this one ends here.
                page.has_more = True
                return position
            if lines.lost_bytes:
                page.lose(lines.lost_bytes)
            elif (count := page.take(lines, run.run_id)) < len(lines.data):
                page.has_more = True
                return lines.after(count) if count else position
            position = lines.behind
        position = reader.position
        if over and (lost := _end_offset(run) - position.offset) > 0:
            if page.lines:
                page.has_more = True
                return position
            page.lose(lost)
            return Position(position.offset + lost)
        return position

    def _tail(self, run: RunDirectory, n: int, shown: _Filter, over: bool = False) -> LogPage:
        """Read ever larger parts of the end of the log until `n` lines that are surely whole are found."""
        log = RunLog(run.log_dir)
        over = over or run.phase() != "running"
        oldest, end = log.oldest(), log.end(over)
        window = 64 * 1024
        while True:
            start = max(oldest, end - window)
            reader = LineReader(log, Position(start), over=over, now_ns=self._clock_ns())
            cut = set() if start == oldest else {0, 1}
            found: deque[_Fields] = deque(maxlen=n)
            for lines in reader:
                if lines.data and lines.stream in cut:
                    cut.discard(lines.stream)
                    lines = lines._replace(data=lines.data[1:])
                found.extend(shown.fields(lines, run.run_id))
            if len(found) == n or start == oldest:
                break
            window *= 8
        page = _Builder(n)
        for kept in reversed(found):
            page.size += len(kept["text"].encode())
            if page.lines and page.size > PAGE_BYTES:
                break
            page.lines.append(kept)
        page.lines.reverse()
        return page.page(_Cursor(run.run_id, reader.position))

    def _raw(
        self, run: RunDirectory, offset: int, max_bytes: int, stream: Stream | None, trail: _Trail, last: bool
    ) -> RawPage:
        over = run.phase() != "running"
        lost: int | None = None if trail.deleted else 0
        parts: list[bytes] = []
        room = max_bytes
        more = False
        for block in RunLog(run.log_dir).blocks(offset, over):
            gap = block.offset > offset
            if room == 0 or (gap and parts):
                more = True
                break
            lost = lost + block.offset - offset if lost is not None and gap else lost
            taken = block.data[:room]
            offset = block.offset + len(taken)
            if stream in (None, _STREAMS[block.stream]):
                parts.append(taken)
                room -= len(taken)
            if len(taken) < len(block.data):
                more = True
                break
        if over and not more and (missing := _end_offset(run) - offset) > 0:
            if parts:
                more = True
            else:
                lost = None if lost is None else lost + missing
                offset += missing
        cursor = str(_Cursor(run.run_id, Position(offset)))
        more = more or (over and not last and (bool(parts) or lost != 0))
        return RawPage(b"".join(parts), cursor, more, lost != 0, lost, trail.run_changed, run.run_id)


def _oldest(run: RunDirectory) -> Position:
    return Position(RunLog(run.log_dir).oldest())


def _end_offset(run: RunDirectory) -> int:
    """Return how much an ended run has written, lost bytes included; 0 when nobody has recorded it."""
    return int((run.exit_facts() or {}).get("end_offset", 0))


def _position_at(run: RunDirectory, since: datetime) -> Position:
    """Return a place safely before the first line at that time: lines are dated by their end."""
    log = RunLog(run.log_dir)
    return Position(max(log.oldest(), log.offset_at(int(since.timestamp() * 1e9)) - 64 * 1024))


def _check_range(name: str, value: int) -> None:
    if not 1 <= value <= PAGE_LINES:
        raise Invalid(f"{name} must be between 1 and {PAGE_LINES}, not {value}.", **{name: value})


def _check_end(run: RunDirectory, position: Position) -> None:
    """Refuse a cursor that no page can have given out. Raises Invalid."""
    over = run.phase() != "running"
    end = max(RunLog(run.log_dir).end(over), _end_offset(run))
    starts = [start for start in position.pending if start is not None]
    if position.offset > end or any(start >= position.offset for start in starts):
        raise Invalid(f"The cursor lies behind the end of run {run.run_id}; pass back the cursor of an earlier page.")
