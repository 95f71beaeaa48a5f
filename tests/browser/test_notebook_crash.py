"""The last lines of a crashed project in a real JupyterLab: in sight, and as a terminal would show them."""

from __future__ import annotations

import sys

from tests.support.browser import Lab
from tests.support.notebook import Notebook
from tests.support.servers import Home
from tests.support.waiting import eventually

CRASHING = r"""
import os, sys
for n in range(30): print("step", n)
print("process", os.getpid())
print("".join(f"\r\x1b[32m{n:3}%\x1b[0m of the model" for n in range(0, 101, 5)))
print("\x1b]8;;http://127.0.0.1/\x07the manual\x1b]8;;\x07\a")
sys.exit("\x1b[1;31mValueError\x1b[0m: no such column")
"""
SHOW = """
import time
from att.notebook import RuntimePanel
p.runtime.start()
while p.runtime.status().state != "exited":
    time.sleep(0.05)
RuntimePanel(p)
"""
BOX = ".att-alert pre"
LOWER = ".att-alert pre { max-height: 150px !important; }"  # as where lines are higher than here
AT_END = "el => el.scrollHeight > el.clientHeight + 9 && el.scrollTop + el.clientHeight >= el.scrollHeight - 2"


def _crash_again(notebook: Notebook) -> None:
    """Start it once more, and wait until its new end is drawn."""
    told = notebook.find(BOX).inner_text()
    notebook.lab.server.post("projects/crashing/runtime/start")
    eventually(lambda: notebook.find(BOX).inner_text() != told)


def test_the_last_lines_of_a_crash_are_in_sight_until_the_reader_scrolls(lab: Lab, home: Home) -> None:
    made = f"p = s.project('crashing', path='.', command=[{sys.executable!r}, '-c', {CRASHING!r}])"
    notebook = Notebook(lab, home.work, f"import att\ns = att.connect()\n{made}", SHOW).run()
    notebook.find(BOX).wait_for()
    notebook.picture("crash-lines", ".att-card")
    lab.page.add_style_tag(content=LOWER)
    eventually(lambda: notebook.value(AT_END, BOX))  # the theme has changed
    _crash_again(notebook)
    eventually(lambda: notebook.value(AT_END, BOX))
    notebook.find(BOX).hover()
    lab.page.mouse.wheel(0, -60)
    eventually(lambda: not notebook.value(AT_END, BOX))
    top = notebook.value("el => new Promise(done => setTimeout(() => done(el.scrollTop), 300))", BOX)
    _crash_again(notebook)
    eventually(lambda: notebook.value("el => el.scrollTop", BOX) == top)
    assert (lab.off_site, lab.errors) == ([], [])
