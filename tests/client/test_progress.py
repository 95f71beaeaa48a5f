"""Progress bars of waits: shown to who watches, and gone afterwards."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
import threading
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from tqdm.utils import disp_len

from att.client.progress import progress

WAIT = """
import time
from att.client.progress import progress
with progress("demo") as show:
    for i in range(12):
        show(i / 12, f"step {i}")
        time.sleep(0.1)
"""


STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(600)
"""
SLOW_CALLS = """
import sys
from att.client.discovery import open_workspace
with open_workspace(DATA, "the tests'") as s:
    p = s.project("demo", path=DATA, command=[sys.executable, "-c", STUBBORN], grace_seconds=1.5)
    p.runtime.start(wait="running")
    for line in p.logs.follow(timeout=30):
        break
    CALL
"""
MUTE = """
    s.mcp.add("mute", command=sys.executable, args=["-c", "import time; time.sleep(600)"], enabled=False)
    try:
        s.mcp.connect("mute", timeout=1.5)
    except Exception as error:
        print(error)
    p.delete()
""".strip()
TICKING = """
import time
from att.client.progress import ticking
with ticking("demo"):
    for _ in range(12):
        time.sleep(0.1)
"""


def _on_a_terminal(code: str, columns: int = 100) -> str:
    """Run a program with stderr on a terminal, and return what it wrote there."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    env = {name: value for name, value in os.environ.items() if not name.startswith("TQDM")}
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stderr=theirs, stdout=subprocess.DEVNULL, env=env) as process:
        os.close(theirs)
        seen = b""
        with contextlib.suppress(OSError):  # the end of a terminal
            while piece := os.read(ours, 4096):
                seen += piece
    os.close(ours)
    assert process.returncode == 0
    return seen.decode()


def _screen(written: str) -> list[str]:
    """Return the lines that stay on a terminal: a carriage return goes back, and what follows overwrites."""
    lines = []
    for line in written.split("\n"):
        cells: list[str] = []
        for piece in line.split("\r"):
            cells[: len(piece)] = piece
        lines.append("".join(cells).rstrip())
    return lines


def test_a_terminal_shows_the_bar_and_what_happens_and_is_clear_afterwards() -> None:
    written = _on_a_terminal(f"{WAIT}\nimport sys\nprint('passed', file=sys.stderr)")
    assert "demo: step" in written
    assert "| 00:0" in written
    assert _screen(written) == ["passed", ""]


def test_a_wait_of_a_moment_writes_nothing_on_a_terminal() -> None:
    assert _on_a_terminal(WAIT.replace("range(12)", "range(2)")) == ""


def test_an_interrupted_wait_says_how_the_work_goes_on_on_a_clear_line() -> None:
    interrupted = f"""
import os, signal, threading
from att.client.waiting import _told
from att.client.progress import progress
threading.Timer(1.2, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    with _told("It goes on."):
        {WAIT.replace("range(12)", "range(600)").strip().replace(chr(10), chr(10) + "        ")}
except KeyboardInterrupt:
    pass
"""
    assert _screen(_on_a_terminal(interrupted)) == ["It goes on.", ""]


@pytest.mark.parametrize(
    ("call", "shown"),
    [
        ("p.runtime.stop()", "demo: stop"),
        ("p.runtime.restart(); p.delete()", "demo: restart"),
        ("p.delete()", "demo: delete"),
        (MUTE, "mute: connect"),
    ],
    ids=["stop", "restart", "delete", "mcp.connect"],
)
def test_whatever_may_take_seconds_shows_on_a_terminal_that_it_goes_on(tmp_path: Path, call: str, shown: str) -> None:
    code = SLOW_CALLS
    for name, value in {"DATA": repr(str(tmp_path)), "STUBBORN": repr(STUBBORN), "CALL": call}.items():
        code = code.replace(name, value)
    written = _on_a_terminal(code)
    assert f"{shown} |" in written
    assert "| 00:01" in written
    assert _screen(written) == [""]


def test_a_slow_operation_that_is_quick_writes_nothing_on_a_terminal() -> None:
    assert _on_a_terminal(TICKING.replace("range(12)", "range(2)")) == ""


def test_a_command_shows_on_a_terminal_that_it_goes_on(tmp_path: Path) -> None:
    project = {"path": str(tmp_path), "command": [sys.executable, "-c", STUBBORN], "grace_seconds": 1.5}
    begin = f"""
from att.client.discovery import open_workspace
with open_workspace({str(tmp_path / "data")!r}, "the tests'") as s:
    p = s.project("demo", **{project!r})
    p.runtime.start(wait="running")
    for line in p.logs.follow(timeout=30):
        break
"""
    stop = f"""
from att.cli import main
assert main(["runtime", "stop", "demo", "--data-dir", {str(tmp_path / "data")!r}]) == 0
"""
    _on_a_terminal(begin)
    assert "demo: stop |" in _on_a_terminal(stop)


@pytest.mark.parametrize("reason", ["x" * 300, "多" * 150, "one\\nanother " * 20])
def test_a_long_reason_is_clipped_to_the_terminal(reason: str) -> None:
    written = _on_a_terminal(WAIT.replace("step {i}", f"{reason} {{i}}"), columns=60)
    assert "…" in written
    assert "| 00:0" in written
    assert _screen(written) == [""]
    assert [drawn for drawn in written.split("\r") if disp_len(drawn) >= 60] == []


@pytest.mark.parametrize("silence", ["a pipe", "TQDM_DISABLE"])
@pytest.mark.parametrize("waiting", [WAIT, TICKING], ids=["steps", "one call"])
def test_nobody_who_watches_is_told_nothing(silence: str, waiting: str) -> None:
    env = {**os.environ, "TQDM_DISABLE": "1"} if silence == "TQDM_DISABLE" else dict(os.environ)
    done = subprocess.run([sys.executable, "-c", waiting], capture_output=True, env=env, timeout=60, check=True)
    assert done.stderr == b""


@pytest.mark.parametrize("end", ["", "    raise RuntimeError('ended')\n"], ids=["reached", "failed"])
@pytest.mark.parametrize("waiting", [WAIT, TICKING], ids=["steps", "one call"])
def test_a_notebook_keeps_no_widget_of_a_wait_that_is_over(tmp_path: Path, waiting: str, end: str) -> None:
    left = "from ipywidgets.widgets.widget import _instances\nlen(_instances)"
    cells = [nbformat.v4.new_code_cell(source) for source in (waiting + end, left)]  # type: ignore[no-untyped-call]
    notebook = nbformat.v4.new_notebook(cells=cells)  # type: ignore[no-untyped-call]
    client = NotebookClient(
        notebook, timeout=60, kernel_name="python3", allow_errors=True, resources={"metadata": {"path": tmp_path}}
    )
    client.execute()
    waited, counted = notebook.cells
    assert [output["data"] for output in waited.outputs if "data" in output] == [{"text/plain": ""}]
    assert [output["ename"] for output in waited.outputs if "ename" in output] == (["RuntimeError"] if end else [])
    assert counted.outputs[0]["data"] == {"text/plain": "0"}


def test_a_thread_in_the_background_writes_into_no_cell(capfd: pytest.CaptureFixture[str]) -> None:
    def wait() -> None:
        with progress("behind") as show:
            show(0.5, "working")

    thread = threading.Thread(target=wait)
    thread.start()
    thread.join(20)
    assert capfd.readouterr().err == ""
