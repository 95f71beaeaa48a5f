"""The general diagnosis: what real programs write when they fail, and what to do about it."""

from __future__ import annotations

import socket
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from att.runtime.diagnosis import Scene, explain
from att.runtime.models import ExitRecord
from tests.runtime.managed import Site, python

AT = datetime(2026, 1, 1, tzinfo=UTC)


def diagnosed(site: Site, code: str, *arguments: str) -> tuple[str, str, list[str]]:
    """Run a program to its end and return summary, remedy and evidence."""
    site.project(code, *arguments)
    site.manager.start("demo")
    site.until(lambda status: status.exit is not None)
    diagnosis = site.manager.diagnostics("demo").diagnosis
    assert diagnosis is not None
    return diagnosis.summary, diagnosis.remedy, diagnosis.evidence


def test_a_port_in_use(site: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        code = "import socket, sys; socket.create_server(('127.0.0.1', int(sys.argv[1])))"
        summary, remedy, evidence = diagnosed(site, code, str(server.getsockname()[1]))
    assert "is in use" in summary
    assert "{port}" in remedy
    assert "Address already in use" in evidence[-1]


def test_a_missing_module_and_one_with_another_distribution_name(site: Site) -> None:
    summary, remedy, _ = diagnosed(site, "import cv2.does_not_matter")
    assert (summary, remedy) == (
        "The Python module 'cv2' is missing.",
        f"{sys.executable} -m pip install opencv-python",
    )


def test_the_projects_own_module(site: Site) -> None:
    (site.work / "src" / "mine").mkdir(parents=True)
    summary, remedy, _ = diagnosed(site, "import mine")
    assert "own module 'mine'" in summary
    assert "pip install -e" in remedy


def test_an_import_error(site: Site) -> None:
    summary, _, _ = diagnosed(site, "from os import nothing_of_that_name")
    assert "An import failed: cannot import name 'nothing_of_that_name'" in summary


def test_a_syntax_error_names_file_and_line(site: Site) -> None:
    (site.work / "app.py").write_text("x = 1\nif x\n")
    site.project(command=[sys.executable, "app.py"])
    site.manager.start("demo")
    site.until_state("exited")
    diagnosis = site.manager.diagnostics("demo").diagnosis
    assert diagnosis is not None
    assert "SyntaxError" in diagnosis.summary
    assert 'app.py", line 2' in diagnosis.evidence[0]


def test_a_missing_script(site: Site) -> None:
    site.project(command=[sys.executable, "nothing.py"])
    site.manager.start("demo")
    site.until_state("exited")
    diagnosis = site.manager.diagnostics("demo").diagnosis
    assert diagnosis is not None
    assert "nothing.py" in diagnosis.summary


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("open('/etc/passwd/x')", "NotADirectoryError"),
        ("open('nothing.txt')", "A file is missing: 'nothing.txt'"),
        ("raise PermissionError(13, 'Permission denied', '/dev/mem')", "not allowed"),
        ("raise MemoryError", "memory"),
        ("raise ValueError('odd')", "ValueError: odd"),
        ("import os; os.abort()", "It aborted itself."),
        ("import sys; print('bye', file=sys.stderr); sys.exit(9)", "exit code 9"),
    ],
)
def test_other_ends(site: Site, code: str, said: str) -> None:
    assert said in diagnosed(site, code)[0]


def test_a_command_that_a_shell_did_not_find(site: Site) -> None:
    site.project(command=["/bin/sh", "-c", "no_such_tool"])
    site.manager.start("demo")
    site.until_state("exited")
    diagnosis = site.manager.diagnostics("demo").diagnosis
    assert diagnosis is not None
    assert "not found" in diagnosis.summary


def record(**values: object) -> ExitRecord:
    given = {"code": None, "signal": None, "reason": "", "started_at": AT, "exited_at": AT, **values}
    return ExitRecord.model_validate(given)


def test_memory_is_told_before_anything_else() -> None:
    diagnosis = explain(record(signal=9, oom_killed=True), ["ValueError: x"], Scene("python", Path("/")))
    assert diagnosis is not None
    assert "memory ran out" in diagnosis.summary


def test_a_requested_stop_and_a_good_end_need_no_diagnosis(site: Site) -> None:
    scene = Scene("python", Path("/"))
    assert explain(record(signal=15, requested=True), ["ValueError: x"], scene) is None
    assert explain(record(code=0), ["ValueError: x"], scene) is None


def test_the_surest_sign_wins_over_a_later_general_one() -> None:
    lines = ["ModuleNotFoundError: No module named 'a'", "AttributeError: b"]
    diagnosis = explain(record(code=1), lines, Scene("py", Path("/nowhere")))
    assert diagnosis is not None
    assert diagnosis.remedy == "py -m pip install a"


def test_python_dash_m_is_understood(site: Site) -> None:
    site.project(command=[*python("")[:1], "-m", "no_such_module_here"])
    site.manager.start("demo")
    site.until_state("exited")
    diagnosis = site.manager.diagnostics("demo").diagnosis
    assert diagnosis is not None
    assert diagnosis.remedy.endswith("pip install no_such_module_here")
