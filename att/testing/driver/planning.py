"""Divide the collected tests among shards: whole files, and the parts of a file that is too long for one shard."""

from __future__ import annotations

import json
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from att.testing.driver.orders import Plan
from att.testing.sharing import beyond_share, longest_first

__all__ = ["Collection", "collected_tests", "plan_shards", "worst"]

_WORTH_SECONDS = 1.0
"""A shorter file is not divided: starting another pytest takes as long."""
_NAME = re.compile(r"::[\w.]+(?=::|\[|$)")
_TooLong = Callable[[Sequence[str]], bool]


class Collection:
    """What pytest found: nodeids by their file, whose paths are relative to `rootdir`."""

    def __init__(self, rootdir: str, nodeids: Sequence[str], skipped: Sequence[str]) -> None:
        self.rootdir = rootdir
        self.files: dict[str, list[str]] = {}
        self.partly_skipped = {nodeid.partition("::")[0] for nodeid in skipped}
        for nodeid in nodeids:
            self.files.setdefault(nodeid.partition("::")[0], []).append(nodeid)
        for nodeid in skipped:  # a file that skips itself has no tests, and counts as skipped
            self.files.setdefault(nodeid.partition("::")[0], [])


def collected_tests(stream: Path) -> Collection:
    """Read what the plugin wrote while pytest only collected."""
    rootdir, nodeids, skipped = "", list[str](), list[str]()
    for event in _events(stream):
        if event.get("event") == "session":
            rootdir = event["rootdir"]
        elif event.get("event") == "collected":
            nodeids += event["nodeids"]
        elif event.get("event") == "collect_skip":
            skipped.append(event["nodeid"])
    return Collection(rootdir, nodeids, skipped)


def _events(stream: Path) -> list[dict[str, Any]]:
    try:
        lines = stream.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in lines if line.endswith(b"}")]


def plan_shards(
    collection: Collection, cwd: str, targets: Sequence[str], durations: Mapping[str, float], shards: int
) -> Plan:
    """Return the plan: at most `shards` shards, none of them empty.

    A test without history counts as the mean of the others. Files stay whole, except one of which the history says
    that it takes more than a shard's share: its classes are handed out, and of one that is still too long its tests.
    """
    known = [durations[nodeid] for tests in collection.files.values() for nodeid in tests if nodeid in durations]
    mean = sum(known) / len(known) if known else 1.0

    def seconds(tests: Sequence[str]) -> float:
        return sum(durations.get(test, mean) for test in tests)

    total = sum(seconds(tests) for tests in collection.files.values())

    def too_long(tests: Sequence[str]) -> bool:
        load = seconds(tests)
        return bool(known) and load > _WORTH_SECONDS and bool(beyond_share(load, total, shards))

    named = _named_tests(cwd, targets)
    pieces = dict(_pieces(collection, named, too_long))
    place = longest_first(((name, seconds(tests)) for name, tests in pieces.items()), shards)
    filled = [[name for name in pieces if place[name] == shard] for shard in sorted(set(place.values()))]
    return Plan(
        targets=[[word for name in names for word in _words(collection, name, cwd, named)] for names in filled],
        tests=[sum(len(pieces[name]) for name in names) for names in filled],
        expected_seconds=[round(sum(seconds(pieces[n]) for n in names), 3) if known else None for names in filled],
    )


def _pieces(
    collection: Collection, named: Mapping[str, list[str]], too_long: _TooLong
) -> Iterator[tuple[str, list[str]]]:
    """Yield what goes to one shard: the name of a file, a class or a test, and its tests."""
    for file, tests in collection.files.items():
        # What the parts of a file are called for would be more than what was asked of it, or less.
        whole = file in collection.partly_skipped or _path(collection, file) in named or not file.endswith(".py")
        yield from [(file, tests)] if whole else _divided(file, tests, too_long)


def _divided(name: str, tests: list[str], too_long: _TooLong) -> Iterator[tuple[str, list[str]]]:
    parts = _parts(name, tests) if len(tests) > 1 and too_long(tests) else {}
    if not parts:
        yield name, tests
    for part, inside in parts.items():
        yield from _divided(part, inside, too_long)


def _parts(name: str, tests: Sequence[str]) -> dict[str, list[str]]:
    """Return the tests by the next part of their names; none when one of them cannot be named on a command line."""
    parts: dict[str, list[str]] = {}
    for test in tests:
        part = _NAME.match(test, len(name))
        rest = test[len(name) :]
        if part is not None:
            parts.setdefault(part.string[: part.end()], []).append(test)
        elif rest.startswith("[") and rest.isascii() and rest.isprintable() and "::" not in rest:
            parts.setdefault(test, []).append(test)
        else:
            return {}
    return parts


def _named_tests(cwd: str, targets: Sequence[str]) -> dict[str, list[str]]:
    """Return the targets that name tests by their file, for files that no other target takes in whole."""
    whole = [os.path.realpath(os.path.join(cwd, t)) for t in targets if "::" not in t]  # noqa: PTH118
    named: dict[str, list[str]] = defaultdict(list)
    for target in targets:
        path, colons, _ = target.partition("::")
        real = os.path.realpath(os.path.join(cwd, path))  # noqa: PTH118
        if colons and not any(real == other or real.startswith(other + os.sep) for other in whole):
            named[real].append(target)
    return named


def _words(collection: Collection, name: str, cwd: str, named: Mapping[str, list[str]]) -> list[str]:
    file, colons, inside = name.partition("::")
    path = _path(collection, file)
    return named.get(path) or [os.path.relpath(path, os.path.realpath(cwd)) + colons + inside]


def _path(collection: Collection, file: str) -> str:
    return os.path.realpath(os.path.join(collection.rootdir, file))  # noqa: PTH118


def worst(returncodes: Sequence[int | None]) -> int | None:
    """Return the return code of all shards together: a crash before an inner error, an interrupt and failed tests."""
    for code in returncodes:
        if code is None or code < 0:
            return code
    order = (3, 2, 4, 1)
    found = [code for code in returncodes if code is not None]
    unknown = [code for code in found if code not in (*order, 0, 5)]
    ranked = [code for code in order if code in found]
    return [*ranked, *unknown, 0 if 0 in found else 5][0] if found else None
