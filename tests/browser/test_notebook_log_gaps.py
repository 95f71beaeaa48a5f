"""The log view where output or the server is gone: gaps say how much is missing, and no line comes twice."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.logs import COLOURED, made, no_line_twice
from tests.support.browser import Lab
from tests.support.notebook import Notebook
from tests.support.servers import Home, Server
from tests.support.waiting import eventually

LINE_BYTES, BURST = 100, 300_000
SMALL_LOGS = {"ATT": {"log_limit_bytes": 1 << 20}}
UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
ROTATING = f"""
import pathlib, sys, time
def write(numbers):
    sys.stdout.write(''.join(f'line {{i:0{LINE_BYTES - 6}d}}\\n' for i in numbers))
    sys.stdout.flush()
write(range(100))
while not pathlib.Path('flood-now').exists(): time.sleep(0.02)
for block in range(100, {BURST}, 1000): write(range(block, min(block + 1000, {BURST})))
pathlib.Path('flooded').touch()
while not pathlib.Path('on').exists(): time.sleep(0.02)
write(range({BURST}, {BURST} + 100))
time.sleep(600)
"""


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Server]:
    """A server elsewhere that keeps little of each log."""
    with Home(tmp_path / "small").closing() as home:
        server = home.start(config=SMALL_LOGS)
        server.get("health")
        yield server


def test_output_that_is_gone_is_marked_where_it_is_missing_with_its_size(lab: Lab, home: Home, small: Server) -> None:
    work, there = home.work, "{url!r}, token={token!r}".format_map(small.facts)
    start = "import os\nprint(os.getpid())\np.runtime.start(wait='running')\np.logs.view(max_lines=100_000)"
    notebook = Notebook(lab, work, made("rotating", ROTATING, there), start).run()
    eventually(lambda: notebook.value("el => el.attLog.store.lines") == 100)
    kernel = int(notebook.find(".jp-OutputArea-output pre").first.inner_text())
    os.kill(kernel, signal.SIGSTOP)  # whoever reads is slower than what is written
    try:
        (work / "flood-now").touch()
        eventually((work / "flooded").exists, timeout=60)
    finally:
        os.kill(kernel, signal.SIGCONT)
    (work / "on").touch()
    last = f"line {BURST + 99:0{LINE_BYTES - 6}d}"
    eventually(lambda: notebook.value("el => el.attLog.plain()").endswith(f"{last}\n"), timeout=60)
    _gaps_stand_where_lines_are_missing(notebook.value("el => el.attLog.plain()").splitlines())
    assert (lab.off_site, lab.errors) == ([], [])


def _gaps_stand_where_lines_are_missing(rows: list[str]) -> None:
    following, gaps = 0, 0
    gap = ""
    for row in rows:
        if row.startswith("... "):
            gap, gaps = row, gaps + 1
        elif row.startswith("line "):
            number = int(row.removeprefix("line "))
            missing = number - following
            assert (missing > 0) == bool(gap), (following, number, gap)
            if gap:
                size, unit = gap.split()[1:3]
                # Counted as it is stored, with a head for each piece.
                assert float(size) * UNITS[unit] == pytest.approx(missing * LINE_BYTES, rel=0.1), (following, gap)
            following, gap = number + 1, ""
    assert (gaps > 0, following) == (True, BURST + 100)


def test_a_server_that_was_restarted_shows_the_log_again_and_nothing_twice(lab: Lab, home: Home) -> None:
    start = "p.runtime.start(wait='running')\np.logs.view()"
    notebook = Notebook(lab, home.work, made("survivor", COLOURED), start).run()
    notebook.find(".att-log-row:has-text('tick 2')").first.wait_for()
    seen = notebook.value("el => el.attLog.store.lines")
    pid = lab.server.get("projects/survivor/runtime/status")["pid"]
    notebook.save()
    lab.server.again()
    assert lab.server.get("projects/survivor/runtime/status")["pid"] == pid, "the project goes on"
    notebook.reload(save=False)
    notebook.run()
    eventually(lambda: notebook.value("el => el.attLog.store.lines") > seen)
    no_line_twice(notebook)
    lab.server.post("projects/survivor/runtime/stop")
