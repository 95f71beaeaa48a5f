"""What a person sees of a value, as text and as HTML."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest

from att.client.display import html, register_formatters, text
from att.client.tests import LiveTestRun
from att.client.wording import brief, line_of
from att.code.models import CodeDiff, FileContent, FilePage, SearchPage
from att.errors import TestsFailed
from att.events.models import Event, EventPage
from att.models import Model
from att.projects.models import ProjectPage, ProjectSetup, TemplateList
from att.runtime.models import Diagnostics, HealthSignal, LogPage, RunPage, RuntimeStatus
from att.system.models import OperationList, SystemHealth
from att.testing.history.table import Table
from att.testing.loading.models import ImportResult
from att.testing.models import TestRun, TestRunPage
from tests.client.scripted import health
from tests.support.shell import interactive_shell

AT = "2026-01-01T00:00:00Z"
EXIT = {"code": 7, "signal": None, "reason": "exit code 7", "started_at": AT, "exited_at": AT}
LINE = {"text": "<b>boom</b>", "stream": "stderr", "at": AT, "run_id": "run-00001"}
RESULT = {"at": AT, "role": "readiness", "kind": "tcp", "result": "fail", "milliseconds": 1.5, "detail": "refused"}
STATUS: dict[str, Any] = {
    "project": "demo",
    "state": "running",
    "health": "unhealthy",
    "reason": "readiness failed 3 times",
    "pid": 42,
    "url": "http://127.0.0.1:8000/",
    "uptime_seconds": 3725,
    "restarts": 2,
    "observed_at": AT,
    "restart_to_apply": True,
    "probes": [
        {
            "probe": {"kind": "tcp"},
            "state": "failed",
            "successes": 0,
            "failures": 3,
            "errors": 0,
            "last": {
                "at": AT,
                "role": "readiness",
                "kind": "tcp",
                "result": "fail",
                "milliseconds": 1.5,
                "detail": "refused",
            },
        }
    ],
    "resources": {"at": AT, "cpu_percent": 12.4, "rss_bytes": 3 << 20, "threads": 1, "open_files": 3, "processes": 2},
}
PAGE: dict[str, Any] = {"cursor": "c9", "has_more": True}
PROJECT = {"id": "demo", "command": ["python", "app.py"], "created_at": AT, "updated_at": AT}
SETUP = {
    "project": "demo",
    "run_id": "setup-0001",
    "state": "failed",
    "started_at": AT,
    "message": "Installing",
    "steps": [{"title": "clone", "state": "succeeded", "seconds": 1.25}],
    "diagnosis": {"summary": "No network", "remedy": "Connect"},
    "last_lines": ["fatal: x"],
}

SHOWN: list[tuple[type[Model], dict[str, Any], list[str]]] = [
    (
        RuntimeStatus,
        STATUS,
        [
            "● running (readiness failed 3 times)",
            "✗ unhealthy",
            "1 h 2 min",
            "12 % CPU, 3.0 MiB, 2 processes",
            "restart to apply",
            "refused",
            "nobody: no probes",
        ],
    ),
    (
        ProjectPage,
        {**PAGE, "projects": [{"project": PROJECT, "runtime": STATUS, "adapter": "command"}]},
        ["demo", "● running", "✗ unhealthy", "go on with the cursor c9"],
    ),
    (ProjectPage, {"projects": [], "cursor": None, "has_more": False}, ["No projects yet"]),
    (ProjectSetup, SETUP, ["✗ failed (Installing)", "No network", "Connect", "clone", "1.2 s", "fatal: x"]),
    (
        Diagnostics,
        {
            "project": "demo",
            "run_id": "run-00001",
            "exit": EXIT,
            "diagnosis": {"summary": "Port taken"},
            "last_lines": [LINE],
            "restarts": [],
        },
        ["exit code 7", "Port taken", "err | "],
    ),
    (
        HealthSignal,
        {
            "project": "demo",
            "state": "crash_loop",
            "health": "unknown",
            "run_id": None,
            "restarts_in_window": 5,
            "unhealthy_since": None,
            "last_reason": "5 ends in 120 s",
            "observed_at": AT,
        },
        ["✖ crash_loop", "? unknown (5 ends in 120 s)"],
    ),
    (
        LogPage,
        {**PAGE, "lines": [LINE], "truncated": True, "lost_bytes": 9},
        ["(9 bytes before this are gone)", "err |"],
    ),
    (LogPage, {**PAGE, "lines": []}, ["No output."]),
    (
        RunPage,
        {
            **PAGE,
            "runs": [
                {
                    "run_id": "run-00001",
                    "kind": "app",
                    "state": "exited",
                    "started_at": AT,
                    "exit": EXIT,
                    "command": ["a"],
                    "log_bytes": 2048,
                }
            ],
        },
        ["□ exited", "exit code 7", "2.0 KiB"],
    ),
    (
        EventPage,
        {**PAGE, "events": [{"id": 1, "at": AT, "kind": "runtime.started", "project": "demo", "data": {"pid": 1}}]},
        ["runtime.started", "pid=1"],
    ),
    (TemplateList, {"templates": []}, ["No templates."]),
    (FilePage, {**PAGE, "files": [{"path": "a.py", "kind": "file", "size_bytes": 10}]}, ["a.py", "10 B"]),
    (SearchPage, {**PAGE, "hits": [], "files_searched": 1, "files_skipped": 0}, ["Nothing."]),
    (
        Table,
        {
            "columns": [
                {"name": "nodeid", "kind": "string"},
                {"name": "p50_seconds", "kind": "number"},
                {"name": "change_at", "kind": "time"},
            ],
            "records": [{"nodeid": "test_a.py::test_a", "p50_seconds": 75.0, "change_at": None}],
            "rows": 1200,
        },
        ["p50", "test_a.py::test_a", "1 min 15 s", "1,199 more of 1,200 rows"],
    ),
    (Table, {"columns": [{"name": "nodeid", "kind": "string"}], "records": [], "rows": 0}, ["Nothing to tell"]),
    (
        ImportResult,
        {"reports": [{"path": "a.xml", "result": "refused", "reason": "It is cut off."}]},
        ["a.xml", "It is cut off.", "1 refused."],
    ),
    (CodeDiff, {"base": "HEAD", "diff": "", "files": []}, ["No difference to HEAD."]),
    (
        FileContent,
        {"path": "a", "content": "AA==", "encoding": "base64", "size_bytes": 1, "hash": "0", "modified_at": AT},
        ["(binary, 1 bytes"],
    ),
    (SystemHealth, health(notices=["slow disk"]), ["API 1.0", "nobody: no probes", "slow disk"]),
    (OperationList, {"operations": []}, ["Nothing."]),
]


@pytest.mark.parametrize(("model", "fields", "words"), SHOWN, ids=lambda value: getattr(value, "__name__", ""))
def test_a_value_is_shown_in_words(model: type[Model], fields: dict[str, Any], words: list[str]) -> None:
    shown = text(model.model_validate(fields))
    assert [word for word in words if word not in shown] == []
    drawn = html(model.model_validate(fields))
    assert [word for word in words if word not in drawn] == []


TEST_RUN = {"project": "demo", "run_id": "run-00001", "state": "failed", "started_at": AT}


@pytest.mark.parametrize(
    ("status", "message", "shown"),
    [
        ("passed", "Passed.", "✓ passed"),
        ("failed", "Failed.", "✗ failed"),
        ("failed", "Failed; in flight: a, b.", "✗ failed (in flight: a, b)"),
        ("timed_out", "Timed out.", "✗ timed_out"),
        ("crashed", "Pytest ended without finishing: SIGKILL.", "✗ crashed (Pytest ended without finishing: SIGKILL)"),
    ],
)
def test_how_a_test_run_ended_is_told_once_with_its_symbol(status: str, message: str, shown: str) -> None:
    run = TestRun.model_validate({**TEST_RUN, "status": status, "message": message, "passed": 1})
    assert [line for line in text(run).splitlines() if line.startswith("tests ")] == [f"tests    {shown}"]


@pytest.mark.parametrize(
    ("status", "message", "said"),
    [
        ("failed", "Failed.", "The tests of demo failed: 3 passed, 1 failed; run run-00001."),
        ("timed_out", "Timed out.", "The tests of demo timed out: 3 passed, 1 failed; run run-00001."),
        ("no_tests", "No tests were selected.", "The tests of demo did not run (No tests were selected): 3 passed"),
    ],
)
def test_a_run_that_had_to_be_green_says_in_a_sentence_how_it_was_not(status: str, message: str, said: str) -> None:
    values = {**TEST_RUN, "status": status, "message": message, "passed": 3, "failed": 1}
    with pytest.raises(TestsFailed) as caught:
        LiveTestRun.model_validate(values).check()
    assert str(caught.value).startswith(said)


def test_a_stopped_project_tells_its_end_once() -> None:
    reason = "Stopped on request: exited with code 0."
    ended = {"project": "demo", "state": "stopped", "health": "unknown", "observed_at": AT, "reason": reason}
    stopped = RuntimeStatus.model_validate({**ended, "exit": {**EXIT, "reason": reason}})
    assert text(stopped).count("exited with code 0") == 1
    other = RuntimeStatus.model_validate({**ended, "reason": "Its runs are gone.", "exit": EXIT})
    assert "exit code 7" in text(other)


FAILURE = {
    "nodeid": "test_a.py::test_a",
    "outcome": "failed",
    "phase": "call",
    "message": "assert 1 == 2",
    "longrepr": "x" * 400,
    "fingerprint": "abc",
}


def test_a_run_with_many_failures_is_one_line_in_python_and_a_short_table_in_print() -> None:
    run = TestRun.model_validate({**TEST_RUN, "status": "failed", "failed": 150, "failures": [FAILURE] * 150})
    assert repr(run) == (
        "TestRun(project='demo', run_id='run-00001', state='failed', started_at=2026-01-01T00:00:00Z, "
        "status='failed', failed=150, failures=[150 TestFailure])"
    )
    assert str(run) == f"{run}" == text(run)
    assert len(str(run)) < 2000


@pytest.mark.parametrize(("model", "fields", "words"), SHOWN, ids=lambda value: getattr(value, "__name__", ""))
def test_every_value_is_one_short_line_in_python_and_is_printed_as_it_is_shown(
    model: type[Model], fields: dict[str, Any], words: list[str]
) -> None:
    value = model.model_validate(fields)
    assert len(repr(value)) <= 310
    assert "\n" not in repr(value)
    assert repr(value).startswith(f"{model.__name__}(")
    assert [word for word in words if word not in str(value)] == []


def test_a_repr_tells_what_is_in_a_page_before_where_it_goes_on() -> None:
    runs = TestRunPage.model_validate({**PAGE, "runs": [{**TEST_RUN, "passed": 1}] * 4})
    assert repr(runs) == "TestRunPage(runs=[4 TestRun], cursor='c9', has_more=True)"


def test_a_repr_loads_nothing_and_print_whatever_knows_the_value() -> None:
    script = (
        "import sys, att.client; from att.testing.models import TestRun; from att.models import now\n"
        "run = TestRun(project='demo', run_id='run-00001', state='failed', started_at=now(), failed=1)\n"
        "assert 'failed=1' in repr(run), repr(run)\n"
        "assert 'att.client.views' not in sys.modules\n"
        "assert '1 failed' in str(run), str(run)\n"
    )
    subprocess.run([sys.executable, "-c", script], timeout=60, check=True)


def test_html_takes_its_colours_from_the_page_and_escapes_what_a_program_wrote() -> None:
    drawn = html(LogPage.model_validate({**PAGE, "lines": [LINE]}))
    assert "&lt;b&gt;boom" in drawn
    assert "color:inherit" in drawn
    assert "#fff" not in drawn


def test_output_has_a_font_of_equal_widths_wherever_it_is_read() -> None:
    drawn = html(LogPage.model_validate({**PAGE, "lines": [LINE]}))
    style = drawn.partition("<pre style='")[2].partition("'")[0]
    font = dict(part.split(":", 1) for part in style.split(";"))["font-family"]
    assert font.startswith("var(--jp-code-font-family,")
    assert font.endswith(",monospace)")


def test_addresses_are_links_in_html() -> None:
    assert '<a href="http://127.0.0.1:8000/"' in html(RuntimeStatus.model_validate(STATUS))


def test_wide_tables_are_clipped_to_the_terminal() -> None:
    page = FilePage.model_validate({**PAGE, "files": [{"path": "x" * 200, "kind": "file"}]})
    assert {len(line) for line in text(page, width=40).splitlines() if "x" in line} == {40}


@pytest.mark.parametrize(
    ("value", "name", "shown"),
    [
        (None, "", "-"),
        (True, "", "yes"),
        (0, "uptime_seconds", "0 ms"),
        (0.0004, "uptime_seconds", "0.4 ms"),
        (0.042, "uptime_seconds", "42 ms"),
        (0.9996, "uptime_seconds", "1.0 s"),
        (2.55, "uptime_seconds", "2.5 s"),
        (59.96, "uptime_seconds", "1 min 0 s"),
        (75, "uptime_seconds", "1 min 15 s"),
        (-0.3, "change_seconds", "-300 ms"),
        (5 << 30, "size_bytes", "5.0 GiB"),
        (3, "", "3"),
        (1 / 3, "", "0.3333"),
        ([], "", "-"),
        ({"a": None}, "", "a=-"),
        (["a", 1], "", "a 1"),
    ],
)
def test_values_are_brief(value: Any, name: str, shown: str) -> None:
    assert brief(value, name) == shown


def test_an_element_of_any_sequence_is_one_line() -> None:
    event = Event(id=1, at=datetime(2026, 1, 1, tzinfo=UTC), kind="runtime.started", project="demo", data={"pid": 1})
    assert line_of(event).endswith("runtime.started  demo  pid=1")
    file = FilePage.model_validate({**PAGE, "files": [{"path": "a.py", "kind": "file", "size_bytes": 10}]}).files[0]
    assert line_of(file) == "a.py  file  10 B"


def test_ipython_shows_values_by_their_views() -> None:
    with interactive_shell() as shell:
        register_formatters()
        assert shell.display_formatter is not None
        data, _ = shell.display_formatter.format(RuntimeStatus.model_validate(STATUS))  # type: ignore[no-untyped-call]
        assert "● running" in data["text/plain"]
        assert "<table" in data["text/html"]
