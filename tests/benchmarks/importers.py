"""JUnit of 100,000 tests to columns: ATT beside ElementTree's iterparse and junitparser, in interleaved rounds.

The others are used as their documentation shows, and append to plain lists. ATT also reads what they are not asked for:
failures with their texts, attempts, times, whether a name is a known nodeid.

Run it with `python -m tests.benchmarks.importers`; junitparser is compared where it is installed.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from att.testing.importers import parse_junit_xml
from tests.benchmarks.support.table import Row, print_table

ROUNDS = 7
BARS = {"iterparse": 1.0, "junitparser": 0.5}
OUTCOMES = {"failure": "failed", "error": "error", "skipped": "skipped"}
COLUMNS = ("nodeid", "outcome", "classname", "name", "duration_seconds")


def write_report(path: Path, tests: int) -> None:
    """Write a JUnit file as pytest does: 1,000 tests a class, 3 % failed with a traceback, 5 % skipped."""
    chance = random.Random(1)
    with path.open("w") as file:
        file.write('<?xml version="1.0" encoding="utf-8"?><testsuites name="pytest tests">')
        file.write(f'<testsuite name="pytest" tests="{tests}" time="1.0" timestamp="2026-01-01T00:00:00+00:00">')
        for number in range(tests):
            head = (
                f'<testcase classname="tests.unit.test_{number // 1000}.TestIt" name="test_{number}[a-b]" time="0.012"'
            )
            draw = chance.random()
            if draw < 0.03:
                text = "def test(): &#10;&gt; assert 1 == 2&#10;E assert 1 == 2&#10;" * 20
                file.write(f'{head}><failure message="assert 1 == 2">{text}</failure></testcase>')
            elif draw < 0.08:
                file.write(f'{head}><skipped type="pytest.skip" message="no">tests/test.py:1: no</skipped></testcase>')
            else:
                file.write(f"{head} />")
        file.write("</testsuite></testsuites>")


def with_att(path: Path) -> dict[str, list[Any]]:
    """Read with ATT, whose columns are more than those compared."""
    table = parse_junit_xml(path).tests
    return {name: table.columns[name] for name in COLUMNS}


def with_iterparse(path: Path) -> dict[str, list[Any]]:
    """Read the same columns with ElementTree, freeing each element."""
    nodeids, outcomes, classnames, names, durations = _columns()
    for _, element in ElementTree.iterparse(path):
        if element.tag == "testcase":
            outcome = "passed"
            for child in element:
                outcome = OUTCOMES.get(child.tag, outcome)
            classname, name = element.get("classname", ""), element.get("name", "")
            nodeids.append(f"{classname}::{name}")
            outcomes.append(outcome)
            classnames.append(classname)
            names.append(name)
            durations.append(float(element.get("time", 0)))
            element.clear()
    return dict(zip(COLUMNS, (nodeids, outcomes, classnames, names, durations), strict=True))


def with_junitparser(path: Path) -> dict[str, list[Any]]:
    """Read the same columns with junitparser."""
    from junitparser import JUnitXml

    nodeids, outcomes, classnames, names, durations = _columns()
    for suite in JUnitXml.fromfile(str(path)):
        for case in suite:
            outcome = "passed"
            for result in case.result:
                outcome = OUTCOMES[type(result).__name__.lower()]
            classname, name = case.classname, case.name
            nodeids.append(f"{classname}::{name}")
            outcomes.append(outcome)
            classnames.append(classname)
            names.append(name)
            durations.append(case.time)
    return dict(zip(COLUMNS, (nodeids, outcomes, classnames, names, durations), strict=True))


def _columns() -> tuple[list[Any], ...]:
    return tuple([] for _ in COLUMNS)


def measure(path: Path) -> dict[str, float]:
    """Return the best seconds of each reader, their rounds interleaved, after checking that all agree."""
    readers: dict[str, Callable[[Path], dict[str, list[Any]]]] = {"att": with_att, "iterparse": with_iterparse}
    if importlib.util.find_spec("junitparser"):
        readers["junitparser"] = with_junitparser
    expected = with_iterparse(path)
    if any(read(path) != expected for read in readers.values()):
        raise SystemExit("The readers disagree.")
    best = dict.fromkeys(readers, float("inf"))
    for _ in range(ROUNDS):
        for name, read in readers.items():
            gc.collect()  # what one reader leaves behind is not the next one's work
            start = time.process_time()
            columns = read(path)
            best[name] = min(best[name], time.process_time() - start)
            del columns
    return best


def main() -> int:
    """Print the seconds of each reader and ATT's share of it; return 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tests", type=int, default=100_000)
    tests = parser.parse_args().tests
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "junit.xml"
        write_report(path, tests)
        best = measure(path)
    print(f"JUnit of {tests} tests, CPU seconds, best of {ROUNDS} interleaved rounds")
    rows = [
        Row(f"{tests:,} tests of JUnit", best["att"], "s", name, seconds, BARS[name])
        for name, seconds in best.items()
        if name in BARS
    ]
    print_table(rows)
    return int(any(row.holds is False for row in rows))


if __name__ == "__main__":
    sys.exit(main())
