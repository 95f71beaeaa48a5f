from pathlib import Path

import pytest

from att.errors import Invalid
from att.testing.importers import parse
from att.testing.sample_reports import sample_reports

NODEIDS = [f"tests/test_shop.py::test_{name}" for name in ("a", "b", "c", "d", "e", "f", "g", "h")]


def test_sample_reports_tell_of_the_given_tests_and_are_the_same_every_time(tmp_path: Path) -> None:
    first, second = (sample_reports(tmp_path / name, NODEIDS, 12) for name in "ab")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    reports = [parse(path) for path in first]
    assert len(reports) == 12
    assert all(sorted(test.nodeid for test in report.tests) == NODEIDS for report in reports)
    assert all(report.started_at and "commit" not in report.metadata for report in reports)
    last = {test.nodeid: test.outcome for test in reports[-1].tests}
    assert (last[NODEIDS[-4]], last[NODEIDS[-3]], last[NODEIDS[-2]]) == ("failed", "skipped", "xfailed")


def test_too_few_tests_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="six tests"):
        sample_reports(tmp_path, NODEIDS[:5])
