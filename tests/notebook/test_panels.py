"""Panels without a browser: what is clicked happens to real processes, and what happens is shown."""

from __future__ import annotations

import os
import re
import signal
import socket
from typing import Any

import psutil
import pytest

from att.client.http import HttpTransport
from att.client.project import ProjectHandle
from att.client.session import Session
from att.events.models import Event
from att.models import now
from att.notebook import (
    EventList,
    HealthStrip,
    ProjectPicker,
    RuntimePanel,
    runtime_panel,
)
from att.notebook.event_list import said
from att.notebook.looks import styles
from tests.notebook.showing import shows
from tests.support.waiting import eventually


def test_start_and_stop_by_click_begin_and_end_a_real_process(service: ProjectHandle, opened: Any) -> None:
    panel = opened(RuntimePanel(service))
    shows(panel.head, "stopped")
    eventually(lambda: not panel.start.disabled)
    assert panel.stop.disabled
    panel.start.click()
    shows(panel.head, "● running", "✓ healthy", "memory", "MiB")
    pid = service.runtime.status().pid
    assert pid is not None
    assert psutil.pid_exists(pid)
    assert panel.start.disabled
    panel.stop.click()
    shows(panel.head, "stopped")
    eventually(lambda: not psutil.pid_exists(pid))


def test_a_crash_shows_its_reason_and_last_lines(service: ProjectHandle, opened: Any) -> None:
    panel = opened(RuntimePanel(service))
    pid = service.runtime.start(wait="healthy").pid
    assert pid is not None
    os.kill(pid, signal.SIGSEGV)
    shows(panel.detail, "SIGSEGV", "Last lines", "service is starting", "role='alert'")
    shows(panel.head, "exited", "att-bad")


def test_a_click_that_fails_says_why_until_it_is_dismissed(s: Session, opened: Any) -> None:
    project = s.project("commandless", title="No command")
    panel = opened(RuntimePanel(project))
    eventually(lambda: not panel.start.disabled)
    panel.start.click()
    shows(panel.notice, "✗", "command", "Dismiss")
    eventually(lambda: not panel.start.disabled)
    panel.notice._handle_custom_msg({"type": "act", "name": "dismiss"}, [])
    assert panel.notice.html == ""
    project.delete()


def test_probes_are_ticks_with_a_sentence_for_a_screen_reader(service: ProjectHandle, opened: Any) -> None:
    strip = opened(HealthStrip(service))
    shows(strip.strip, "What probes find stands here while the project runs")
    service.runtime.start(wait="healthy")
    shows(strip.strip, "readiness http", "att-tick-pass", "passed in", "of the last", "role='img'")
    service.runtime.stop()


def test_events_are_told_in_words(service: ProjectHandle, opened: Any) -> None:
    events = opened(EventList(service))
    shows(events.list, "project created")
    service.runtime.start(wait="healthy")
    shows(events.list, "starting → running", "→ healthy")
    service.runtime.stop()


def test_a_defect_behind_a_click_is_shown_and_the_buttons_work_again(service: ProjectHandle, opened: Any) -> None:
    panel = opened(RuntimePanel(service))
    panel.act(lambda: dict[str, int]()["missing"], busy=(panel.start,))
    shows(panel.notice, "Internal error", "KeyError", "missing")
    assert not panel.start.disabled


def test_a_signal_is_named_once_where_a_project_crashed(service: ProjectHandle, opened: Any) -> None:
    panel = opened(RuntimePanel(service))
    pid = service.runtime.start(wait="healthy").pid
    assert pid is not None
    os.kill(pid, signal.SIGSEGV)
    shows(panel.detail, "Ended by signal 11 (SIGSEGV)", "It crashed in native code: invalid memory access.")
    assert panel.detail.html.count("SIGSEGV") == 1


def test_the_last_lines_of_a_crash_fit_without_scrolling() -> None:
    style = styles("widgets.css")
    rule = style[style.index("\n.att pre {") :].partition("}")[0]
    found = {name: re.search(rf"{name}: (\d+)px", rule) for name in ("padding", "max-height", "line-height")}
    padding, most, line = (int(match[1]) for match in found.values() if match)
    assert runtime_panel._SHOWN_LINES * line + 2 * padding <= most


def test_a_panel_whose_server_is_gone_says_only_what_is_true_in_a_panel(opened: Any) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/"
    with Session(HttpTransport(url)) as session:
        picker = opened(ProjectPicker(session))
        shows(picker.said, "cannot be reached", "See whether the Jupyter server runs.", "It is tried again by itself.")
        picker.act(session.health)
        shows(picker.notice, "cannot be reached", "See whether the Jupyter server runs.")
        assert [words for words in (picker.said.html, picker.notice.html) if "connect again" in words] == []


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
