"""Measure typing beside a log view in a real JupyterLab during a flood of lines: `python -m tests.benchmarks.logview`.

Side by side with the same flood while the kernel reads it and shows nothing, and while a cell prints it. How long a
key takes until the next picture is the browser's own measure (Event Timing), and one key in 50 is left out as in INP,
the interaction to next paint (https://web.dev/articles/inp); the slowest of all is told beside it.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.benchmarks.support.table import Row, print_table
from tests.support.browser import VIEWPORT, Lab, chromium, start_lab
from tests.support.notebook import Notebook
from tests.support.servers import Home
from tests.support.waiting import eventually

LINES = int(os.environ.get("BENCH_LINES", "1000000"))
PATIENCE_SECONDS = 300
WRITER = f"""
import sys, time
for block in range({LINES // 1000}):
    sys.stdout.write(''.join(f'line {{block * 1000 + i:07d}} of the flood, with some text\\n' for i in range(1000)))
    sys.stdout.flush()
time.sleep(600)
"""
LAST = f"line {LINES - 1:07d}"
PROJECT = "import att\np = att.connect().project('flood')"
VIEW = "p.logs.view()"
READ = """
import threading
def read():
    for line in p.logs.follow(): pass
threading.Thread(target=read, daemon=True).start()
"""
PRINT = "for line in p.logs.follow(): print(line.text)"
TYPING = "pass  # somebody types here"
# Keys below the least threshold there is are not told; they count as that.
LEAST_MS = 16
WATCH = """least => {
  window.keys = [];
  new PerformanceObserver(list => {
    for (const { name, duration } of list.getEntries()) if (name === 'keydown') window.keys.push(duration);
  }).observe({ type: 'event', durationThreshold: least });
}"""
SEEN = """() => {
  const log = document.querySelector('.att-log')?.attLog;
  return log ? [log.rows.childElementCount, log.store.text(log.store.end - 1) ?? ''] : [0, ''];
}"""


@dataclass(frozen=True)
class Typed:
    """What was seen while somebody typed: ms of each key, the slowest first, and the most rows in the page's tree."""

    keys: list[float]
    seconds: float
    rows: int

    @property
    def inp(self) -> float:
        """The slowest key in ms, but for one in 50."""
        return self.keys[len(self.keys) // 50]


def flood(folder: Path) -> list[Row]:
    """Type beside a log view until the last line is there, and as long beside the others."""
    os.environ["PYTHONPATH"] = str(Path(__file__).parents[2])
    with Home(folder).closing() as home, chromium() as browser:
        server = start_lab(home, config={"ATT": {"log_limit_bytes": 1 << 30}})
        server.post("projects", id="flood", path=str(home.work), command=[sys.executable, "-c", WRITER])
        lab = Lab(server, browser.new_page(viewport=VIEWPORT), "flood")

        notebook = Notebook(lab, home.work, PROJECT, VIEW, TYPING).run()
        notebook.find(".att-log-status").first.wait_for()
        view = _type(notebook)
        view_bytes = _leave(notebook, "widget-view")
        read = _type(Notebook(lab, home.work, PROJECT, READ, TYPING).run(), view.seconds)
        lab.leave()
        notebook = Notebook(lab, home.work, PROJECT, PRINT, TYPING).begin()
        printed = _type(notebook, view.seconds)
        printed_bytes = _leave(notebook, "of the flood")
    return [
        Row(f"{LINES:,} lines in the page", LINES / view.seconds, "lines/s"),
        Row("key to picture, INP", view.inp, "ms", bar=100),
        Row("key to picture, INP", view.inp, "ms", "read, not shown", read.inp),
        Row("key to picture, INP", view.inp, "ms", "print in a cell", printed.inp, bar=0.5),
        Row(
            f"key to picture, median of {len(view.keys)}",
            median(view.keys),
            "ms",
            "read, not shown",
            median(read.keys),
            bar=2,
        ),
        Row("key to picture, slowest", view.keys[0], "ms", "read, not shown", read.keys[0]),
        Row("rows in the page's tree, most", view.rows, "", bar=99),
        Row("notebook file", view_bytes / 1000, "kB", bar=50),
        Row("notebook file", view_bytes / 1000, "kB", "print in a cell", printed_bytes / 1000),
    ]


def _type(notebook: Notebook, seconds: float | None = None) -> Typed:
    """Start the flood and type for so long, or until the view has the last line; then stop it."""
    page, server = notebook.page, notebook.lab.server
    page.locator(".jp-CodeCell .cm-content").last.click()
    page.evaluate(WATCH, LEAST_MS)
    server.post("projects/flood/runtime/start")
    began, passed, typed, rows, last = time.monotonic(), 0.0, 0, 0, ""
    while not last.startswith(LAST) and (seconds is None or passed < seconds):
        if passed > PATIENCE_SECONDS:
            raise TimeoutError(f"The last line did not come; the page shows {last!r}.")
        page.keyboard.press("x")
        nodes, last = page.evaluate(SEEN)
        typed, rows = typed + 1, max(rows, nodes)
        page.wait_for_timeout(50)
        passed = time.monotonic() - began
    server.post("projects/flood/runtime/stop")
    told: list[float] = page.evaluate("window.keys")
    untold: list[float] = [LEAST_MS] * (typed - len(told))
    return Typed(sorted(told + untold, reverse=True), passed, rows)


def _leave(notebook: Notebook, written: str) -> int:
    """Save and close the notebook; return the bytes of its file once `written` is in it."""
    notebook.save()
    eventually(lambda: written in notebook.path.read_text())
    notebook.lab.leave()
    return notebook.path.stat().st_size


def main() -> int:
    """Run it and print a table."""
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as folder:
        rows = flood(Path(folder))
    print_table(rows)
    return int(any(row.holds is False for row in rows))


if __name__ == "__main__":
    sys.exit(main())
