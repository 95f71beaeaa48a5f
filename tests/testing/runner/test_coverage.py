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


@pytest.mark.parametrize(
    ("counts", "percent"),
    [
        ('lines-valid="10" lines-covered="9" branches-valid="10" branches-covered="4"', 65),
        ('lines-valid="8" lines-covered="7" branches-valid="0" branches-covered="0"', 87.5),
        ('lines-valid="8" lines-covered="7"', 87.5),
        ('lines-valid="0" lines-covered="0"', 90),
        ('branches-valid="10" branches-covered="4"', 90),
    ],
)
def test_branches_count_as_lines_do_in_a_report_that_tells_them(tmp_path: Path, counts: str, percent: float) -> None:
    (tmp_path / "coverage.xml").write_text(f'<coverage line-rate="0.9" branch-rate="0.4" {counts}/>')
    assert measured_percent(tmp_path, [], 0) == percent


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pytest.ini", "[pytest]\naddopts = --cov --cov-report=xml:build/c.out\n"),
        ("setup.cfg", "[tool:pytest]\naddopts = --cov\n    --cov-report xml:build/c.out\n"),
        ("tox.ini", "[pytest]\naddopts = --cov-report='xml:build/c.out'\n"),
        ("pyproject.toml", "[tool.pytest.ini_options]\naddopts = '--cov-report=xml:build/c.out'\n"),
        ("pyproject.toml", "[tool.pytest.ini_options]\naddopts = ['--cov', '--cov-report=xml:build/c.out']\n"),
        ("pyproject.toml", "[tool.pytest]\naddopts = ['--cov-report=xml:build/c.out']\n"),
        ("pytest.toml", "[pytest]\naddopts = ['--cov-report=xml:build/c.out']\n"),
        ("pyproject.toml", "[tool.coverage.xml]\noutput = 'build/c.out'\n"),
        (".coveragerc", "[xml]\noutput = build/c.out\n"),
        ("setup.cfg", "[coverage:xml]\noutput = build/c.out\n"),
        ("tox.ini", "[coverage:json]\noutput = build/c.out\n"),
    ],
)
def test_a_report_is_found_where_the_configuration_puts_it_inside_the_project(
    tmp_path: Path, name: str, text: str
) -> None:
    root = tmp_path / "project"
    (root / "build").mkdir(parents=True)
    (root / "build" / "c.out").write_text(XML)
    assert measured_percent(root, [], 0) is None
    (root / name).write_text(text)
    assert measured_percent(root, [], 0) == 75.5
    (tmp_path / "c.out").write_text(XML)
    (root / name).write_text(text.replace("build/", "../"))
    assert measured_percent(root, [], 0) is None


@pytest.mark.parametrize("text", ["", "[", "[pytest", "[pytest]\naddopts = 'open\n", "[tool]\npytest = 3\n", "\xff"])
def test_a_configuration_that_cannot_be_read_tells_nothing(tmp_path: Path, text: str) -> None:
    for name in ("pytest.ini", "pyproject.toml", ".coveragerc"):
        (tmp_path / name).write_bytes(text.encode("latin-1"))
    (tmp_path / "coverage.xml").write_text(XML)
    assert measured_percent(tmp_path, [], 0) == 75.5
    assert fail_under(tmp_path, []) is None


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
        ("pytest.ini", "[pytest]\naddopts = --cov-fail-under=85\n"),
    ],
)
def test_the_project_s_own_threshold_is_read(tmp_path: Path, name: str, text: str) -> None:
    assert fail_under(tmp_path, []) is None
    (tmp_path / name).write_text(text)
    assert fail_under(tmp_path, []) == 85
    assert fail_under(tmp_path, ["--cov-fail-under=60", "--cov-fail-under", "70"]) == 70
