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

from att.client.progress import progress

WAIT = """
import time
from att.client.progress import progress
with progress("demo") as show:
    for i in range(12):
        show(i / 12, f"step {i}")
        time.sleep(0.1)
"""


def test_a_terminal_shows_the_bar_and_what_happens() -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    env = {name: value for name, value in os.environ.items() if not name.startswith("TQDM")}
    command = [sys.executable, "-c", WAIT]
    with subprocess.Popen(command, stderr=theirs, stdout=subprocess.DEVNULL, env=env) as process:
        os.close(theirs)
        seen = b""
        with contextlib.suppress(OSError):  # the end of a terminal
            while piece := os.read(ours, 4096):
                seen += piece
    os.close(ours)
    assert process.returncode == 0
    assert b"demo: step" in seen


@pytest.mark.parametrize("silence", ["a pipe", "TQDM_DISABLE"])
def test_nobody_who_watches_is_told_nothing(silence: str) -> None:
    env = {**os.environ, "TQDM_DISABLE": "1"} if silence == "TQDM_DISABLE" else dict(os.environ)
    done = subprocess.run([sys.executable, "-c", WAIT], capture_output=True, env=env, timeout=60, check=True)
    assert done.stderr == b""


def test_a_notebook_keeps_no_widget_of_a_wait_that_is_over(tmp_path: Path) -> None:
    cell = nbformat.v4.new_code_cell(WAIT)  # type: ignore[no-untyped-call]
    notebook = nbformat.v4.new_notebook(cells=[cell])  # type: ignore[no-untyped-call]
    NotebookClient(notebook, timeout=60, kernel_name="python3", resources={"metadata": {"path": tmp_path}}).execute()
    left = [output.get("data", output) for output in notebook.cells[0].outputs]
    assert left == [{"text/plain": ""}]


def test_a_thread_in_the_background_writes_into_no_cell(capfd: pytest.CaptureFixture[str]) -> None:
    def wait() -> None:
        with progress("behind") as show:
            show(0.5, "working")

    thread = threading.Thread(target=wait)
    thread.start()
    thread.join(20)
    assert capfd.readouterr().err == ""
