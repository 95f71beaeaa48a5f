"""The panels without a browser: what is clicked happens to real processes, and what happens is shown."""

from __future__ import annotations

import os
import re
import signal
import socket
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest

import att
from att.client.display import text
from att.client.http import HttpTransport
from att.client.project import ProjectHandle
from att.client.session import Session
from att.errors import TestsFailed, Unavailable
from att.events.models import Event
from att.models import now
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
    runtime_panel,
)
from att.notebook.event_list import said
from att.notebook.history_topic import HistoryTopic, HistoryValue
from att.notebook.looks import styles
from att.notebook.topics import TestsValue
from att.testing.models import TestRun
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
    _shows(panel.failures, "Hello, Ada!", "AssertionError", "test_a_greeting_is_shouted")
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
    _shows(panel.result, "300 failed")
    _shows(panel.failures, "and 250 more: p.tests.results(")
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
    assert "alt='Test history of " in chart.static_html()
    assert f"{chart.heading}: Outcomes and pass rate, 1 run, " in chart.image.tooltip
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


def test_a_dashboard_that_cannot_be_opened_says_why_and_is_tried_again_by_click(
    s: Session, service: ProjectHandle, opened: Any
) -> None:
    cockpit: SessionDashboard = opened(att.dashboard(s, project=service.id))
    first = eventually(lambda: cockpit.dashboard)
    assert first is not None
    cockpit._put(service.id, Unavailable("The server does not answer."))
    _shows(cockpit.instead, f"{service.id} cannot be shown", "does not answer", "Try again")
    assert cockpit.place.children == (cockpit.instead,)
    assert first.comm is None, "nothing of the one before is left to be clicked"
    cockpit.instead._handle_custom_msg({"type": "act", "name": "again", "value": ""}, [])
    eventually(lambda: cockpit.dashboard is not None and cockpit.dashboard.project.id == service.id)


def test_a_traceback_is_left_to_its_reader_while_the_tests_go_on(service: ProjectHandle, opened: Any) -> None:
    panel: TestRunPanel = opened(TestRunPanel(service))
    run = service.tests.run(suite="unit").model_copy(update={"state": "running"})
    written: list[Any] = []
    with panel._drawing:  # nothing else is drawn meanwhile
        panel._draw(TestsValue(run.model_copy(update={"finished": 1})))
        assert "AssertionError" in panel.failures.html
        panel.failures.observe(written.append, "html")
        panel._draw(TestsValue(run.model_copy(update={"finished": 2})))
        panel.failures.unobserve_all()
        assert "2 of" in panel.result.html
    assert written == []


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


def test_a_signal_is_named_once_where_a_project_crashed(service: ProjectHandle, opened: Any) -> None:
    panel = opened(RuntimePanel(service))
    pid = service.runtime.start(wait="healthy").pid
    assert pid is not None
    os.kill(pid, signal.SIGSEGV)
    _shows(panel.detail, "Ended by signal 11 (SIGSEGV)", "It crashed in native code: invalid memory access.")
    assert panel.detail.html.count("SIGSEGV") == 1


def test_the_last_lines_of_a_crash_fit_without_scrolling() -> None:
    style = styles("widgets.css")
    rule = style[style.index("\n.att pre {") :].partition("}")[0]
    found = {name: re.search(rf"{name}: (\d+)px", rule) for name in ("padding", "max-height", "line-height")}
    padding, most, line = (int(match[1]) for match in found.values() if match)
    assert runtime_panel._SHOWN_LINES * line + 2 * padding <= most


def test_a_chart_that_cannot_be_read_anew_stays_as_what_it_was_and_goes_on_by_itself(
    s: Session, service: ProjectHandle, opened: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    chart = opened(TestHistoryChart(service))
    service.tests.run(suite="unit")
    _shows(chart.said, "1 run,")
    before = bytes(chart.image.value)

    def refuse(*_: Any) -> Any:
        raise Unavailable("The disk is away.")

    with monkeypatch.context() as patched:
        patched.setattr(s.transport, "history", refuse)
        chart.kind.value = "slowest"
        _shows(
            chart.said, "The disk is away.", "What stands below is how it was before.", "It is tried again by itself."
        )
        assert bytes(chart.image.value) == before
        assert chart.image.layout.display != "none"
        assert "att-lost" in chart.image._dom_classes
        assert "class='att-lost'" in chart.static_html()
    chart.shared.touch(HistoryTopic(service.id))
    _shows(chart.said, "1 run,")
    eventually(lambda: bytes(chart.image.value) not in (before, b""))
    assert "att-lost" not in chart.image._dom_classes


def test_a_chart_of_a_history_whose_changes_cannot_be_read_is_old_until_they_can(
    service: ProjectHandle, opened: Any
) -> None:
    chart = opened(TestHistoryChart(service))
    service.tests.run(suite="unit")
    _shows(chart.said, "1 run,")
    chart._look(HistoryValue(1, Unavailable("The server is away.")))
    _shows(chart.said, "The server is away.", "What stands below is how it was before.")
    assert "att-lost" in chart.image._dom_classes
    chart.shared.touch(HistoryTopic(service.id))
    _shows(chart.said, "1 run,")
    assert "att-lost" not in chart.image._dom_classes


def test_a_panel_whose_server_is_gone_says_only_what_is_true_in_a_panel(opened: Any) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/"
    with Session(HttpTransport(url)) as session:
        picker = opened(ProjectPicker(session))
        _shows(picker.said, "cannot be reached", "See whether the Jupyter server runs.", "It is tried again by itself.")
        picker.act(session.health)
        _shows(picker.notice, "cannot be reached", "See whether the Jupyter server runs.")
        assert [words for words in (picker.said.html, picker.notice.html) if "connect again" in words] == []


def test_what_is_empty_reads_as_two_lines_without_styles(service: ProjectHandle, opened: Any) -> None:
    panel = opened(TestRunPanel(service))
    _shows(panel.result, "<div><b>No test run yet</b></div><div>Run tests starts pytest")


def test_the_time_that_is_left_is_told_when_it_is_a_second_at_least(service: ProjectHandle, opened: Any) -> None:
    panel = opened(TestRunPanel(service))
    _shows(panel.result, "No test run yet")
    run = TestRun(project=service.id, run_id="run", state="running", started_at=now(), collected=2, eta_seconds=0.19)
    panel._draw(TestsValue(run))
    assert "0 of 2 tests" in panel.result.html
    assert "left" not in panel.result.html
    panel._draw(TestsValue(run.model_copy(update={"eta_seconds": 5.0})))
    assert "about 5.0 s left" in panel.result.html


def test_every_failed_test_is_run_again_however_many_they_are(
    service: ProjectHandle, opened: Any, tmp_path: Path
) -> None:
    cases = "".join(f"<testcase classname='tests.test_a' name='test_{i}'><failure/></testcase>" for i in range(4100))
    (tmp_path / "nightly.xml").write_text(f"<testsuite name='all'>{cases}</testsuite>")
    service.tests.load(tmp_path / "nightly.xml")
    panel = opened(TestRunPanel(service))
    _shows(panel.result, "4100 failed")
    assert panel.latest is not None
    assert len(panel._failed(panel.latest)) == 4100


def test_the_form_of_a_new_project_says_where_it_is_written(
    s: Session, opened: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    picker = opened(ProjectPicker(s))
    picker.more.click()
    eventually(lambda: picker.template.options)
    picker.template.value = "service"
    picker.name.value = "written-here"
    assert picker.folder.placeholder == "written-here"
    assert f"It is written to {tmp_path / 'written-here'}." in picker.about.html
    picker.create.click()
    eventually(lambda: picker.value == "written-here")
    assert picker.project.status().project.path == str(tmp_path / "written-here")
    picker.folder.value = "~/elsewhere"
    assert f"It is written to {Path.home() / 'elsewhere'}." in picker.about.html
    picker.source.value = "Folder"
    assert "is written" not in picker.about.html
    assert picker.folder.placeholder == "an existing folder"
    picker.project.delete()


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({}, ""),
        ({"suite": "unit", "timeout": 60.0}, "unit, at most 1 min 0 s"),
        ({"targets": ["tests/test_a.py"], "markers": "not slow"}, "tests/test_a.py, marked not slow"),
        (
            {"targets": ["a", "b"], "keyword": "cart", "shards": 4, "executor": "dask"},
            "2 chosen, named cart, in 4 shards, on dask",
        ),
        ({"coverage_threshold": 80.0, "extra_args": ["-x", "-q"]}, "coverage of at least 80 %, -x -q"),
    ],
)
def test_an_event_says_in_words_which_tests_were_started(request_: dict[str, Any], words: str) -> None:
    event = Event(id=1, at=now(), kind="test.started", project="demo", data={"request": request_})
    assert said(event) == ("tests started", words)


def test_the_dashboard_of_a_session_says_how_many_projects_it_has_and_exports_the_one_that_is_chosen(
    s: Session, service: ProjectHandle, opened: Any
) -> None:
    cockpit = opened(att.dashboard(s, project=service.id))
    bundle = cockpit._repr_mimebundle_()
    number = len(s.projects.list().projects)
    assert bundle["text/plain"] == f"<ATT: dashboard of {number} {'project' if number == 1 else 'projects'}>"
    assert f"Log of {service.id}" in bundle["text/html"]
    assert "No project chosen" not in bundle["text/html"]
