"""Look for an expression in files, in a process that can be killed: an expression can backtrack for ever.

Reads requests and writes answers, one JSON line each. Standard library and `att.errors` only.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from collections.abc import Iterator
from itertools import islice
from typing import Any

from att.code.folder import Folder
from att.errors import ATTError

__all__ = ["Hit", "find", "main"]

_LINE_CHARACTERS = 20_000
"""So much of a line is searched by an expression."""
_TEXT_CHARACTERS = 500
_MEMORY_BYTES = 2 << 30

Hit = tuple[int, int, str]
"""Line from 1, column from 0, text."""


def main() -> None:
    """Answer `{pattern, flags, root, limit_bytes}` with `{invalid}`, then each `{path, after, most}` with `{hits}`."""
    import resource  # not everywhere, and `find` is used where there is none

    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    query = json.loads(sys.stdin.readline())
    try:
        pattern = re.compile(query["pattern"], query["flags"])
    except (re.error, OverflowError, RecursionError) as error:
        _tell(invalid=str(error))
        return
    _tell(invalid=None)
    folder = Folder(query["root"])
    for line in sys.stdin:
        asked = json.loads(line)
        _tell(hits=find(folder, pattern, query["limit_bytes"], clip=_LINE_CHARACTERS, **asked))


def _tell(**values: Any) -> None:
    print(json.dumps(values), flush=True)  # noqa: T201


def find(
    folder: Folder,
    pattern: re.Pattern[str],
    limit_bytes: int,
    *,
    path: str,
    after: int,
    most: int,
    clip: int | None = None,
) -> list[Hit] | None:
    """Return up to `most` lines behind line `after` that match in their first `clip` characters.

    None for a file that is binary, larger than `limit_bytes`, or not to be had.
    """
    try:
        fd = folder.open(path)
    except ATTError:
        return None
    with os.fdopen(fd, "rb") as file:
        data = file.read(limit_bytes + 1)
    if len(data) > limit_bytes or b"\0" in data:
        return None
    return list(islice(_hits(data.decode("utf-8", "replace"), pattern, after, clip), most))


def _hits(text: str, pattern: re.Pattern[str], after: int, clip: int | None) -> Iterator[Hit]:
    for number, ended in enumerate(text.split("\n"), 1):
        if number > after:
            line = ended.removesuffix("\r")
            match = pattern.search(line[:clip])
            if match is not None:
                yield number, match.start(), line[:_TEXT_CHARACTERS]
