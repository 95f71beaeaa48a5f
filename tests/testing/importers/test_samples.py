"""Every stored report gives the counts that its session had, with and without being told the kind."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from att.errors import Invalid
from att.testing.importers import ParsedReport, parse
from tests.testing.importers.support import CATEGORIES, SAMPLES, manifest


def read(entry: dict[str, Any], kind: Any) -> ParsedReport | None:
    with suppress(Invalid):
        return parse(SAMPLES / entry["file"], kind)
    return None


@pytest.mark.parametrize("told", [False, True], ids=["recognised", "told"])
@pytest.mark.parametrize("entry", manifest(), ids=lambda entry: entry["file"])
def test_a_report_has_the_counts_of_its_session(entry: dict[str, Any], told: bool) -> None:
    report = read(entry, entry["kind"] if told else None)
    if entry["expected"] is None:
        unknown = report is None or all(report.counts.get(name) is None for name in CATEGORIES)
        assert unknown, "what cannot be known is refused or None"
        return
    assert report is not None
    expected = dict(entry["expected"])
    if entry["kind"] == "junit":
        expected["xpassed"] = None
    assert {name: report.counts[name] for name in expected} == expected
    assert report.kind == entry["kind"]
    assert report.complete


def test_no_sample_is_left_out_of_the_manifest() -> None:
    assert {entry["file"] for entry in manifest()} == {path.name for path in SAMPLES.iterdir()} - {"manifest.json"}


@pytest.mark.parametrize(
    "entry",
    [entry for entry in manifest() if entry["expected"] and entry["kind"] in ("junit", "reportlog", "json-report")],
    ids=lambda entry: entry["file"],
)
def test_the_tests_of_a_report_agree_with_its_counts(entry: dict[str, Any]) -> None:
    """A test that failed twice (call and teardown, or subtests) is one test, so tests may be fewer than counts."""
    report = parse(SAMPLES / entry["file"])
    outcomes = list(report.tests.columns["outcome"])
    for name, outcome in (("failed", "failed"), ("xpassed", "xpassed")):
        count = report.counts[name]
        assert count is None or outcomes.count(outcome) <= count
    assert len(outcomes) <= sum(report.counts[name] or 0 for name in CATEGORIES) or report.failed is None
    rows = {len(column) for column in report.tests.columns.values()}
    assert rows == {len(report.tests)}
    assert all(record.failures for record in report.tests if record.outcome in ("failed", "error"))
