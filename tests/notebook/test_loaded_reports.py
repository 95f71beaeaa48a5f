"""Reports that are loaded are shown at once by what was open before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from att.client.project import ProjectHandle
from att.notebook import EventList, TestHistoryChart, TestRunPanel
from tests.notebook.showing import shows
from tests.testing.history.reports import junit

TESTS = {"ci.CartTest::adds": "P", "ci.CartTest::removes": "P", "ci.CartTest::pays": "F"}


def _build(folder: Path, days: float) -> Path:
    """Write the reports of a build of so many days ago."""
    folder.mkdir()
    began = datetime.now(UTC) + timedelta(days=-days)
    for number in range(2):
        at = (began + timedelta(seconds=number)).isoformat()
        (folder / f"TEST-{number}.xml").write_text(junit(TESTS, at=at))
    return folder


def test_a_chart_is_drawn_again_when_older_runs_are_loaded(service: ProjectHandle, tmp_path: Path) -> None:
    service.tests.load(_build(tmp_path / "new", days=1))
    chart = TestHistoryChart(service)
    try:
        shows(chart.said, "1 run,", "6 results")
        service.tests.load(_build(tmp_path / "old", days=20))
        shows(chart.said, "2 runs,", "12 results")
    finally:
        chart.close()


def test_the_test_panel_and_the_events_tell_what_was_loaded(service: ProjectHandle, tmp_path: Path) -> None:
    panel, events = TestRunPanel(service), EventList(service)
    try:
        shows(panel.result, "No test run yet")
        shows(events.list, "project created")
        service.tests.load(_build(tmp_path / "new", days=1))
        shows(panel.result, "4 passed", "2 failed")
        shows(panel.failures, "ci.CartTest::pays")
        shows(events.list, "1 test run loaded", "6 results of junit")
    finally:
        panel.close()
        events.close()
