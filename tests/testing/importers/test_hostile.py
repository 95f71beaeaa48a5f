"""Whatever bytes come, a report is read or refused with an error of ATT, never with another exception."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from att.errors import ATTError
from att.testing.importers import ParsedReport, parse
from att.testing.importers.models import CATEGORIES, MAX_ATTEMPTS
from att.testing.importers.reading import MAX_COUNT, MAX_SECONDS
from tests.testing.importers.support import sample

SEEDS = [
    sample(name)
    for name in (
        "console__mixed-p9.txt",
        "console__none-p9-q.txt",
        "junit__mixed-p9.xml",
        "junit__rerun-p8.xml",
        "reportlog__skipmod-p74.jsonl",
        "json-report__rerun-p9.json",
        "ctrf__cls-p8.json",
    )
]
KINDS = [None, "console", "json-report", "junit", "reportlog", "ctrf"]
FAST = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


def attempt(data: bytes, kind: Any = None) -> None:
    with suppress(ATTError):
        check(parse(data, kind))


def check(report: ParsedReport) -> None:
    for count in (report.counts[name] for name in {**report.counts, **dict.fromkeys(CATEGORIES)}):
        assert count is None or 0 <= count <= MAX_COUNT
    assert report.duration_seconds is None or 0 <= report.duration_seconds <= MAX_SECONDS
    for record in report.tests:
        record.nodeid.encode()
        assert 1 <= record.attempts <= MAX_ATTEMPTS
        for phase in (record.setup_seconds, record.call_seconds, record.teardown_seconds):
            assert phase is None or 0 <= phase <= MAX_SECONDS
        assert record.duration_seconds is None or 0 <= record.duration_seconds <= 3 * MAX_SECONDS


@FAST
@given(st.binary(max_size=300), st.sampled_from(KINDS))
def test_random_bytes(data: bytes, kind: Any) -> None:
    attempt(data, kind)


@FAST
@given(st.sampled_from(SEEDS), st.data())
def test_real_reports_with_bytes_changed(seed: bytes, data: st.DataObject) -> None:
    changed = bytearray(seed)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(changed) - 1))
        kind = data.draw(st.integers(0, 3))
        if kind == 0:
            changed[at] = data.draw(st.integers(0, 255))
        elif kind == 1:
            del changed[at : at + data.draw(st.integers(1, 40))]
        elif kind == 2:
            changed[at:at] = changed[: data.draw(st.integers(0, 60))]
        else:
            changed[at:at] = data.draw(
                st.sampled_from([b"\0", b"\xff\xfe", b"<!DOCTYPE a>", b"NaN", b"\\ud800", b"]]>"])
            )
        if not changed:
            break
    attempt(bytes(changed), data.draw(st.sampled_from(KINDS)))


NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")
NUMBERS = [
    *(b"9" * 30, b"9" * 400, b"9" * 5000, b"2147483648", b"9223372036854775808", b"10000000", b"99", b"-5", b"-1.5"),
    *(b"1e15", b"1e300", b"1e400", b"NaN", b"Infinity", b"-Infinity", b'"5"', b"null", b"true", b"[]", b"9999", b"0"),
]
CTRF = (
    b'{"results":{"summary":{"start":1772359200000,"duration":5},"tests":[{"name":"a.py::b","status":"passed","retries"'
    b':3,"start":1772359200000,"duration":5,"retryAttempts":[{"attempt":1,"status":"failed"}]}]}}'
)


@settings(FAST, max_examples=400)
@given(st.sampled_from([*SEEDS, CTRF]), st.data())
def test_real_reports_with_other_numbers_in_them(seed: bytes, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 3))):
        if not (places := list(NUMBER.finditer(seed))):
            break
        place = data.draw(st.sampled_from(places))
        seed = seed[: place.start()] + data.draw(st.sampled_from(NUMBERS)) + seed[place.end() :]
    attempt(seed)


def paths_of(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path to every value inside a JSON document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(deeper for key, one in inner for deeper in paths_of(one, (*path, key)))]


DOCUMENTS = [json.loads(sample(name)) for name in ("json-report__rerun-p9.json", "ctrf__cls-p8.json")]
DOCUMENTS += [json.loads(line) for line in sample("reportlog__mixed-p9.jsonl").splitlines() if b'"failed"' in line][:2]


@FAST
@given(st.sampled_from(DOCUMENTS), st.data())
def test_json_reports_with_values_of_the_wrong_type(document: Any, data: st.DataObject) -> None:
    copy = json.loads(json.dumps(document))
    path = data.draw(st.sampled_from(paths_of(copy)[1:]))
    target = copy
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = data.draw(VALUES)
    attempt(json.dumps(copy).encode())


@pytest.mark.parametrize(
    "text",
    [
        "=" * 300_000,
        "1 passed, " * 30_000,
        "a::" * 100_000,
        "a:: PASSED (" * 30_000,
        "FAILED " + "- " * 100_000,
        "[ " * 100_000,
        "\x1b]" * 100_000,
        "tests/test_a.py . [100%]\n" * 50_000,
        "============================= test session starts ==============================\n" * 5_000,
        "============================= test session starts ==============================\n" * 50_000
        + "=========================== short test summary info ============================\n"
        + f"{'=' * 31} 9 passed in 1.0s {'=' * 32}\n" * 20_000,
    ],
    ids=lambda text: text[:12],
)
def test_long_lines_take_no_more_than_linear_time(text: str) -> None:
    """Quadratic matching would not end here within the suite's timeout."""
    end = f"\n{'=' * 31} 1 passed in 1.0s {'=' * 31}\n"
    assert len(end.strip()) == 80
    attempt(f"{'=' * 29} test session starts {'=' * 30}\n{text}{end}".encode())
    attempt(f"2026-01-01T00:00:00Z {text}{end}".encode(), "console")


def test_a_classname_of_many_parts_takes_no_more_than_linear_time() -> None:
    name = "a." * 200_000
    report = parse(f'<testsuite><testcase classname="{name}" name="n"/></testsuite>', known=["tests/a.py"])
    assert not report.tests[0].resolved
