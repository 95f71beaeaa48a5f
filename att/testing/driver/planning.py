"""Divide the collected tests among shards: whole files, the longest first, each to the shard with the least to do."""

from __future__ import annotations

import heapq
import json
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from att.testing.driver.orders import Plan

__all__ = ["Collection", "collected_tests", "plan_shards", "worst"]


class Collection:
    """What pytest found: nodeids by their file, whose paths are relative to `rootdir`."""

    def __init__(self, rootdir: str, nodeids: Sequence[str], skipped: Sequence[str]) -> None:
        self.rootdir = rootdir
        self.files: dict[str, list[str]] = {}
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

    A test without history counts as the mean of the others. The largest shard takes at most 4/3 - 1/(3n) of the best
    possible time (longest processing time first; SIAM Journal on Applied Mathematics 17 (1969)).
    """
    known = [durations[nodeid] for tests in collection.files.values() for nodeid in tests if nodeid in durations]
    mean = sum(known) / len(known) if known else 1.0
    load = {file: sum(durations.get(test, mean) for test in tests) for file, tests in collection.files.items()}
    heap = [(0.0, 0, index) for index in range(shards)]
    parts: dict[int, list[str]] = defaultdict(list)
    for file in sorted(load, key=lambda name: -load[name]):
        seconds, files, index = heap[0]
        heapq.heapreplace(heap, (seconds + load[file], files + 1, index))
        parts[index].append(file)
    filled = [parts[index] for index in sorted(parts)]
    named = _named_tests(cwd, targets)
    return Plan(
        targets=[[word for file in files for word in _words(collection, file, cwd, named)] for files in filled],
        tests=[sum(len(collection.files[file]) for file in files) for files in filled],
        expected_seconds=[round(sum(load[f] for f in files), 3) if known else None for files in filled],
    )


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


def _words(collection: Collection, file: str, cwd: str, named: Mapping[str, list[str]]) -> list[str]:
    path = os.path.realpath(os.path.join(collection.rootdir, file))  # noqa: PTH118
    return named.get(path) or [os.path.relpath(path, os.path.realpath(cwd))]


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
