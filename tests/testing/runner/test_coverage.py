"""Which report tells the coverage of a run, and which threshold the project asks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from att.testing.coverage import fail_under, measured_percent

XML = """<?xml version="1.0" ?>
<!DOCTYPE coverage [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>
<coverage version="7" line-rate="0.755"><packages>&b;</packages>
"""


def test_the_newest_report_after_the_start_counts(tmp_path: Path) -> None:
    (tmp_path / "coverage.json").write_text('{"totals": {"percent_covered": 50}}')
    (tmp_path / "coverage.xml").write_text(XML)
    os.utime(tmp_path / "coverage.json", (100, 100))
    os.utime(tmp_path / "coverage.xml", (200, 200))
    assert measured_percent(tmp_path, [], 50) == 75.5
    assert measured_percent(tmp_path, [], 150) == 75.5
    assert measured_percent(tmp_path, [], 250) is None


def test_a_report_is_found_where_the_arguments_put_it(tmp_path: Path) -> None:
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "c.xml").write_text(XML)
    assert measured_percent(tmp_path, [], 0) is None
    assert measured_percent(tmp_path, ["--cov-report", "xml:build/c.xml"], 0) == 75.5
    assert measured_percent(tmp_path, ["--cov-report=xml:build/c.xml"], 0) == 75.5


@pytest.mark.parametrize("text", ["", "{", "[]", '{"totals": {"percent_covered": null}}'])
def test_a_report_that_cannot_be_read_tells_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "coverage.json").write_text(text)
    (tmp_path / "coverage.xml").write_text(text)
    assert measured_percent(tmp_path, [], 0) is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (".coveragerc", "[report]\nfail_under = 85\n"),
        ("setup.cfg", "[coverage:report]\nfail_under = 85\n"),
        ("pyproject.toml", "[tool.coverage.report]\nfail_under = 85\n"),
    ],
)
def test_the_project_s_own_threshold_is_read(tmp_path: Path, name: str, text: str) -> None:
    assert fail_under(tmp_path, []) is None
    (tmp_path / name).write_text(text)
    assert fail_under(tmp_path, []) == 85
    assert fail_under(tmp_path, ["--cov-fail-under=60", "--cov-fail-under", "70"]) == 70
