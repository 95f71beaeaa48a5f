"""Search the text files of a project page by page, within a time that no expression can overrun."""

from __future__ import annotations

import contextlib
import json
import os
import re
import selectors
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from att.code.cursors import Place
from att.code.folder import Folder
from att.code.ignoring import glob
from att.code.models import SearchHit, SearchPage
from att.code.search_worker import Hit, find
from att.code.walking import walk
from att.errors import Invalid
from att.runtime.spec import child_environment

__all__ = ["PAGE_SECONDS", "Query", "search"]

PAGE_SECONDS = 5.0
_BOOT = "import sys; sys.path.append(sys.argv[1]); from att.code.search_worker import main; main()"
_ROOT = str(Path(__file__).parents[2])


@dataclass(frozen=True)
class Query:
    """What to look for and where."""

    text: str
    regex: bool = False
    case_sensitive: bool = False
    folder: str = "."
    pattern: str | None = None
    limit_bytes: int = 10 * 1024 * 1024

    @property
    def flags(self) -> int:
        return 0 if self.case_sensitive else int(re.IGNORECASE)


class _Look(Protocol):
    def __call__(self, *, path: str, after: int, most: int) -> list[Hit] | None: ...


class _OutOfTime(Exception):
    """The page's time is over in the middle of a file."""


def search(folder: Folder, query: Query, cursor: str | None, limit: int, seconds: float = PAGE_SECONDS) -> SearchPage:
    """Return the next hits by path and line.

    A page ends after `limit` hits or `seconds`, whichever comes first, and `has_more` says that it goes on. Raises
    Invalid for a bad expression, and for one that keeps a single file busy all that time.
    """
    place = Place.parse(cursor)
    deadline = time.monotonic() + seconds
    hits: list[SearchHit] = []
    searched = skipped = advanced = 0
    has_more = False
    with _looking(folder, query, deadline) as look:
        for path, after, is_new in _files(folder, query, place):
            if advanced and time.monotonic() > deadline:
                has_more = True
                break
            try:
                found = look(path=path, after=after, most=limit - len(hits) + 1)
            except _OutOfTime:
                if not advanced:
                    raise _too_slow(path, seconds) from None
                has_more = True
                break
            place = place.next(path) if is_new else place
            searched, skipped = searched + (found is not None), skipped + (found is None)
            fitting = (found or [])[: limit - len(hits)]
            hits += [SearchHit(path=path, line=line, column=column, text=text) for line, column, text in fitting]
            if fitting:
                place = place.at_line(fitting[-1][0])
            advanced += is_new or bool(fitting)
            if len(found or []) > len(fitting):
                has_more = True
                break
    end = str(place) if place.prefix else None
    return SearchPage(hits=hits, cursor=end, has_more=has_more, files_searched=searched, files_skipped=skipped)


def _files(folder: Folder, query: Query, place: Place) -> Iterator[tuple[str, int, bool]]:
    """Yield path, line to go on behind, and whether the file is a new one: first the one that `place` is in."""
    wanted = glob(query.pattern) if query.pattern else None
    same = 0
    for entry in walk(folder, query.folder, place=place):
        if entry.kind == "file" and (wanted is None or wanted.match_file(entry.path)):
            relation = place.relation(entry.path)
            same += relation == 0
            if relation == 0 and same == place.count:
                yield entry.path, place.line, False
            elif relation > 0 or (relation == 0 and same > place.count):
                yield entry.path, 0, True


def _too_slow(path: str, seconds: float) -> Invalid:
    return Invalid(
        f"The expression was not done with {path!r} after {seconds:g} s. Make it simpler: repeats inside repeats, such "
        "as (a+)+, take for ever on some lines. Or narrow the search with folder or pattern.",
        path=path,
    )


@contextlib.contextmanager
def _looking(folder: Folder, query: Query, deadline: float) -> Iterator[_Look]:
    """Yield what looks into one file: here for plain text, in a worker that can be killed for expressions."""
    if query.regex:
        with _Worker(folder, query, deadline) as worker:
            yield worker.look
        return
    pattern = re.compile(re.escape(query.text), query.flags)

    def look(*, path: str, after: int, most: int) -> list[Hit] | None:
        return find(folder, pattern, query.limit_bytes, path=path, after=after, most=most)

    yield look


class _Worker:
    """A process that applies an expression. Every answer has to come before the deadline."""

    def __init__(self, folder: Folder, query: Query, deadline: float) -> None:
        self._deadline = deadline
        self._unread = b""
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", _BOOT, _ROOT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=child_environment(os.environ),
            start_new_session=True,
            bufsize=0,
        )
        self._query = {
            "pattern": query.text,
            "flags": query.flags,
            "root": str(folder.root),
            "limit_bytes": query.limit_bytes,
        }

    def __enter__(self) -> _Worker:
        try:
            invalid = self._ask(**self._query)["invalid"]
        except _OutOfTime:
            self._end()
            raise Invalid("The expression could not be prepared in time; make it simpler, or try again.") from None
        except BaseException:
            self._end()
            raise
        if invalid is not None:
            self._end()
            raise Invalid(f"This is no regular expression: {invalid}.", query=self._query["pattern"])
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def look(self, *, path: str, after: int, most: int) -> list[Hit] | None:
        """Return the hits in a file. Raises _OutOfTime."""
        found = self._ask(path=path, after=after, most=most)["hits"]
        return None if found is None else [(line, column, text) for line, column, text in found]

    def _ask(self, **request: Any) -> Any:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
        except BrokenPipeError:
            raise _died() from None
        return json.loads(self._line())

    def _line(self) -> bytes:
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._unread:
                if not selector.select(max(0.0, self._deadline - time.monotonic())):
                    raise _OutOfTime
                block = os.read(self._process.stdout.fileno(), 1 << 16)
                if not block:
                    raise _died()
                self._unread += block
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    def _end(self) -> None:
        self._process.kill()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        self._process.wait()


def _died() -> Invalid:
    return Invalid("The expression needs too much memory; make it simpler.")
