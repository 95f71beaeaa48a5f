"""The panels of test runs and their history without a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from att.client.display import text
from att.client.project import ProjectHandle
from att.client.session import Session
from att.errors import TestsFailed, Unavailable
from att.models import now
from att.notebook import (
    TestHistoryChart,
    TestRunPanel,
)
from att.notebook.history_topic import HistoryTopic, HistoryValue
from att.notebook.topics import TestsValue
from att.testing.models import TestRun
from tests.notebook.showing import shows
from tests.support.waiting import eventually


def test_tests_run_by_click_and_show_the_same_counts_and_the_traceback(service: ProjectHandle, opened: Any) -> None:
    panel = opened(TestRunPanel(service))
    shows(panel.result, "No test run yet")
    panel.suite.value = "unit"
    panel.run.click()
    shows(panel.failures, "Hello, Ada!", "AssertionError", "test_a_greeting_is_shouted")
    eventually(lambda: panel.latest is not None and panel.latest.state != "running", timeout=90)
    told = service.tests.runs().runs[0]
    shows(panel.result, f"✓ {told.passed} passed", f"✗ {told.failed} failed", f"↷ {told.skipped} skipped")
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
    shows(panel.result, "300 failed")
    shows(panel.failures, "and 250 more: p.tests.results(")
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
    shows(panel.notice, "number of seconds", "soon")
    assert service.tests.runs().runs == []


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


def test_what_is_empty_reads_as_two_lines_without_styles(service: ProjectHandle, opened: Any) -> None:
    panel = opened(TestRunPanel(service))
    shows(panel.result, "<div><b>No test run yet</b></div><div>Run tests starts pytest")


def test_the_time_that_is_left_is_told_when_it_is_a_second_at_least(service: ProjectHandle, opened: Any) -> None:
    panel = opened(TestRunPanel(service))
    shows(panel.result, "No test run yet")
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
    shows(panel.result, "4100 failed")
    assert panel.latest is not None
    assert len(panel._failed(panel.latest)) == 4100


def test_a_chart_is_drawn_from_the_history_and_again_after_the_next_run(service: ProjectHandle, opened: Any) -> None:
    chart = opened(TestHistoryChart(service))
    shows(chart.said, "No test runs in this time")
    service.tests.run(suite="unit")
    shows(chart.said, "1 run,")
    assert bytes(chart.image.value).startswith(b"\x89PNG")
    assert "alt='Test history of " in chart.static_html()
    assert f"{chart.heading}: Outcomes and pass rate, 1 run, " in chart.image.tooltip
    first = bytes(chart.image.value)
    chart.kind.value = "slowest"
    eventually(lambda: bytes(chart.image.value) not in (first, b""), timeout=60)


def test_a_chart_that_cannot_be_read_anew_stays_as_what_it_was_and_goes_on_by_itself(
    s: Session, service: ProjectHandle, opened: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    chart = opened(TestHistoryChart(service))
    service.tests.run(suite="unit")
    shows(chart.said, "1 run,")
    before = bytes(chart.image.value)

    def refuse(*_: Any) -> Any:
        raise Unavailable("The disk is away.")

    with monkeypatch.context() as patched:
        patched.setattr(s.transport, "history", refuse)
        chart.kind.value = "slowest"
        shows(
            chart.said, "The disk is away.", "What stands below is how it was before.", "It is tried again by itself."
        )
        assert bytes(chart.image.value) == before
        assert chart.image.layout.display != "none"
        assert "att-lost" in chart.image._dom_classes
        assert "class='att-lost'" in chart.static_html()
    chart.shared.touch(HistoryTopic(service.id))
    shows(chart.said, "1 run,")
    eventually(lambda: bytes(chart.image.value) not in (before, b""))
    assert "att-lost" not in chart.image._dom_classes


def test_a_chart_of_a_history_whose_changes_cannot_be_read_is_old_until_they_can(
    service: ProjectHandle, opened: Any
) -> None:
    chart = opened(TestHistoryChart(service))
    service.tests.run(suite="unit")
    shows(chart.said, "1 run,")
    chart._look(HistoryValue(1, Unavailable("The server is away.")))
    shows(chart.said, "The server is away.", "What stands below is how it was before.")
    assert "att-lost" in chart.image._dom_classes
    chart.shared.touch(HistoryTopic(service.id))
    shows(chart.said, "1 run,")
    assert "att-lost" not in chart.image._dom_classes
