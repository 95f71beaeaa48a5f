"""The panels without a browser: what is clicked happens to real processes, and what happens is shown."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest

import att
from att.client.display import text
from att.client.project import ProjectHandle
from att.client.session import Session
from att.errors import TestsFailed
from att.notebook import (
    Dashboard,
    EventList,
    HealthStrip,
    Panel,
    ProjectPicker,
    RuntimePanel,
    SessionDashboard,
    TestHistoryChart,
    TestRunPanel,
)
from tests.support.waiting import eventually


def _shows(markup: Any, *words: str) -> None:
    """Wait until all the words are shown."""
    eventually(lambda: all(word in markup.html for word in words), timeout=90)


@pytest.fixture
def opened() -> Any:
    """Keeps panels and closes them in the end."""
    made: list[Panel] = []

    def keep(panel: Any) -> Any:
        made.append(panel)
        return panel

    yield keep
    for panel in made:
        panel.close()


def test_start_and_stop_by_click_begin_and_end_a_real_process(service: ProjectHandle, opened: Any) -> None:
    panel = opened(RuntimePanel(service))
    _shows(panel.head, "stopped")
    eventually(lambda: not panel.start.disabled)
    assert panel.stop.disabled
    panel.start.click()
    _shows(panel.head, "● running", "✓ healthy", "memory", "MiB")
    pid = service.runtime.status().pid
    assert pid is not None
    assert psutil.pid_exists(pid)
    assert panel.start.disabled
    panel.stop.click()
    _shows(panel.head, "stopped")
    eventually(lambda: not psutil.pid_exists(pid))


def test_a_crash_shows_its_reason_and_last_lines(service: ProjectHandle, opened: Any) -> None:
    panel = opened(RuntimePanel(service))
    pid = service.runtime.start(wait="healthy").pid
    assert pid is not None
    os.kill(pid, signal.SIGSEGV)
    _shows(panel.detail, "SIGSEGV", "Last lines", "service is starting", "role='alert'")
    _shows(panel.head, "exited", "att-bad")


def test_a_click_that_fails_says_why_until_it_is_dismissed(s: Session, opened: Any) -> None:
    project = s.project("commandless", title="No command")
    panel = opened(RuntimePanel(project))
    eventually(lambda: not panel.start.disabled)
    panel.start.click()
    _shows(panel.notice, "✗", "command", "Dismiss")
    eventually(lambda: not panel.start.disabled)
    panel.notice._handle_custom_msg({"type": "act", "name": "dismiss"}, [])
    assert panel.notice.html == ""
    project.delete()


def test_probes_are_ticks_with_a_sentence_for_a_screen_reader(service: ProjectHandle, opened: Any) -> None:
    strip = opened(HealthStrip(service))
    _shows(strip.strip, "What probes find stands here while the project runs")
    service.runtime.start(wait="healthy")
    _shows(strip.strip, "readiness http", "att-tick-pass", "passed in", "of the last", "role='img'")
    service.runtime.stop()


def test_tests_run_by_click_and_show_the_same_counts_and_the_traceback(service: ProjectHandle, opened: Any) -> None:
    panel = opened(TestRunPanel(service))
    _shows(panel.result, "No test run yet")
    panel.suite.value = "unit"
    panel.run.click()
    _shows(panel.result, "Hello, Ada!", "AssertionError", "test_a_greeting_is_shouted")
    eventually(lambda: panel.latest is not None and panel.latest.state != "running", timeout=90)
    told = service.tests.runs().runs[0]
    _shows(panel.result, f"✓ {told.passed} passed", f"✗ {told.failed} failed", f"↷ {told.skipped} skipped")
    eventually(lambda: not panel.rerun.disabled)
    panel.rerun.click()
    eventually(
        lambda: len(service.tests.runs().runs) == 2 and service.tests.runs().runs[0].state != "running", timeout=90
    )
    again = service.tests.runs().runs[0]
    assert again.collected == told.failed
    assert again.failed  # one of them is flaky on purpose


def test_three_hundred_failures_are_counted_and_the_rest_is_told(
    service: ProjectHandle, opened: Any, tmp_path: Path
) -> None:
    cases = "".join(f"<testcase classname='tests.test_a' name='test_{i}'><failure/></testcase>" for i in range(300))
    report = tmp_path / "nightly.xml"
    report.write_text(f"<testsuite name='all'>{cases}</testsuite>")
    service.tests.load(report, match=r"(?P<suite>nightly)\.xml")
    panel = opened(TestRunPanel(service))
    _shows(panel.result, "300 failed", "and 250 more: p.tests.results(")
    run = service.tests.status(service.tests.runs().runs[0].run_id)
    assert "and 280 more: p.tests.results(" in text(run)
    with pytest.raises(TestsFailed, match="and 295 more"):
        run.check()
    chart = opened(TestHistoryChart(service))
    eventually(lambda: [value for _, value in chart.suite.options] == ["", "nightly"])


def test_a_timeout_that_is_no_number_is_refused_before_anything_runs(service: ProjectHandle, opened: Any) -> None:
    panel = opened(TestRunPanel(service))
    panel.timeout.value = "soon"
    panel.run.click()
    _shows(panel.notice, "number of seconds", "soon")
    assert service.tests.runs().runs == []


def test_a_chart_is_drawn_from_the_history_and_again_after_the_next_run(service: ProjectHandle, opened: Any) -> None:
    chart = opened(TestHistoryChart(service))
    _shows(chart.said, "No test runs in this time")
    service.tests.run(suite="unit")
    _shows(chart.said, "1 run,")
    assert bytes(chart.image.value).startswith(b"\x89PNG")
    assert "data:image/png;base64," in chart.static_html()
    first = bytes(chart.image.value)
    chart.kind.value = "slowest"
    eventually(lambda: bytes(chart.image.value) not in (first, b""), timeout=60)


def test_events_are_told_in_words(service: ProjectHandle, opened: Any) -> None:
    events = opened(EventList(service))
    _shows(events.list, "project created")
    service.runtime.start(wait="healthy")
    _shows(events.list, "starting → running", "→ healthy")
    service.runtime.stop()


def test_a_project_is_made_by_the_form_and_chosen(s: Session, opened: Any, tmp_path: Any) -> None:
    picker = opened(ProjectPicker(s))
    picker.more.click()
    eventually(lambda: picker.template.options)
    picker.template.value = "service"
    picker.create.click()
    _shows(picker.notice, "needs a name")
    picker.name.value, picker.folder.value = "made-here", str(tmp_path / "made-here")
    picker.create.click()
    eventually(lambda: picker.value == "made-here")
    assert picker.project is not None
    picker.project.delete()
    eventually(lambda: picker.value == "")


def test_the_dashboard_of_a_session_follows_the_choice(s: Session, service: ProjectHandle, opened: Any) -> None:
    cockpit = opened(att.dashboard(s))
    assert isinstance(cockpit, SessionDashboard)
    eventually(lambda: service.id in [value for _, value in cockpit.picker.menu.options])
    cockpit.picker.menu.value = service.id
    first = eventually(lambda: cockpit.dashboard)
    assert first is not None
    assert first.project.id == service.id
    cockpit.picker.menu.value = ""
    eventually(lambda: cockpit.dashboard is None)
    assert first.comm is None


def test_the_dashboard_is_that_of_the_last_choice_however_fast_one_chooses(
    s: Session, service: ProjectHandle, opened: Any
) -> None:
    other = s.project("other", title="Another")
    cockpit = opened(att.dashboard(s))
    for _ in range(5):
        cockpit.picker.value = service.id
        cockpit.picker.value = other.id
    eventually(lambda: cockpit.dashboard is not None and cockpit.dashboard.project.id == other.id)
    threads = [thread for thread in threading.enumerate() if thread.name.startswith("att-action")]
    cockpit.close()
    for thread in threads:
        thread.join(30)
    assert cockpit.dashboard is not None
    assert cockpit.dashboard.project.id == other.id
    other.delete()


def test_a_defect_behind_a_click_is_shown_and_the_buttons_work_again(service: ProjectHandle, opened: Any) -> None:
    panel = opened(RuntimePanel(service))
    panel.act(lambda: dict[str, int]()["missing"], busy=(panel.start,))
    _shows(panel.notice, "Internal error", "KeyError", "missing")
    assert not panel.start.disabled


def test_an_export_of_a_dashboard_shows_state_log_and_tests(service: ProjectHandle, opened: Any) -> None:
    service.runtime.start(wait="healthy")
    service.tests.run(suite="unit")
    board: Dashboard = opened(service.dashboard())
    _shows(board.runtime.head, "running")
    _shows(board.tests.result, "failed")
    page = board._repr_mimebundle_()["text/html"]
    assert [word for word in ("● running", "service is starting", " failed") if word not in page] == []
    assert len(page) < 50_000
    service.runtime.stop()
