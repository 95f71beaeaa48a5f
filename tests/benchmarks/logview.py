"""Measure a log view in a real JupyterLab while a million lines come: `python -m tests.benchmarks.logview`.

Somebody types into a cell all the while; a key counts from when the browser has it until the next picture.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.support.table import Row, print_table
from tests.support.browser import Lab, chromium, start_lab
from tests.support.notebook import Notebook
from tests.support.servers import Home

LINES = int(os.environ.get("BENCH_LINES", "1000000"))
PATIENCE_SECONDS = 300
WRITER = f"""
import sys, time
for block in range({LINES // 1000}):
    sys.stdout.write(''.join(f'line {{block * 1000 + i:07d}} of the flood, with some text\\n' for i in range(1000)))
    sys.stdout.flush()
time.sleep(600)
"""
MAKE = "import att\ns = att.connect()\np = s.project('flood', path='.', command=[{python!r}, '-c', {code!r}])"
TYPING = "pass  # somebody types here"
KEYS = """() => {
  window.keyTimes = [];
  addEventListener('keydown', event => requestAnimationFrame(() => {
    const channel = new MessageChannel();  // told after the picture is made
    channel.port1.onmessage = () => window.keyTimes.push(performance.now() - event.timeStamp);
    channel.port2.postMessage(0);
  }), true);
}"""
SEEN = "el => [el.attLog.store.end, el.attLog.rows.childElementCount, el.attLog.store.text(el.attLog.store.end - 1)]"


def flood(folder: Path) -> list[Row]:
    """Show a log view, write a million lines, and type until the last one is in the page."""
    os.environ["PYTHONPATH"] = str(Path(__file__).parents[2])
    with Home(folder).closing() as home, chromium() as browser:
        server = start_lab(home, config={"ATT": {"log_limit_bytes": 1 << 30}})
        lab = Lab(server, browser.new_page(), "flood")
        make = MAKE.format(python=sys.executable, code=WRITER)
        notebook = Notebook(lab, home.work, make, "p.logs.view()", TYPING).run()
        notebook.find(".att-log-status").first.wait_for()
        notebook.page.locator(".jp-CodeCell .cm-content").last.click()
        notebook.page.evaluate(KEYS)
        server.post("projects/flood/runtime/start")
        began = time.monotonic()
        nodes = _type_until_the_last_line(notebook, began)
        seconds = time.monotonic() - began
        keys: list[float] = sorted(notebook.page.evaluate("() => window.keyTimes"))
        notebook.save()
        while "widget-view" not in notebook.path.read_text():
            time.sleep(0.05)
        size = notebook.path.stat().st_size
        server.post("projects/flood/runtime/stop")
    return [
        Row(f"{LINES:,} lines in the page", LINES / seconds, "lines/s"),
        Row(f"from key to picture, p50 of {len(keys)}", keys[len(keys) // 2], "ms"),
        Row("from key to picture, p95", keys[int((len(keys) - 1) * 0.95)], "ms", bar=100),
        Row("from key to picture, worst", keys[-1], "ms", bar=100),
        Row("rows in the page's tree, most", nodes, "", bar=99),
        Row("notebook file", size / 1000, "kB", bar=50),
    ]


def _type_until_the_last_line(notebook: Notebook, began: float) -> int:
    """Return the most rows that were in the page's tree."""
    most = 0
    while True:
        notebook.page.keyboard.press("x")
        _, nodes, last = notebook.value(SEEN)
        most = max(most, int(nodes))
        if (last or "").startswith(f"line {LINES - 1:07d}"):
            return most
        if time.monotonic() - began > PATIENCE_SECONDS:
            raise TimeoutError(f"The last line did not come; the page shows {last!r}.")
        notebook.page.wait_for_timeout(50)


def main() -> int:
    """Run it and print a table."""
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as folder:
        rows = flood(Path(folder))
    print_table(rows)
    return int(any(row.holds is False for row in rows))


if __name__ == "__main__":
    sys.exit(main())
