"""The log view where output or the server is gone: gaps say how much is missing, and no line comes twice."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser

from tests.browser.logs import COLOURED, made, no_line_twice
from tests.support.browser import VIEWPORT, Lab, start_lab
from tests.support.notebook import Notebook
from tests.support.servers import Home
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


@pytest.fixture(scope="module")
def own(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A JupyterLab that keeps little of each log, and may be restarted."""
    context = browser.new_context(viewport=VIEWPORT)
    with Home(tmp_path_factory.mktemp("spare")).closing() as home:
        yield Lab(start_lab(home, config=SMALL_LOGS), context.new_page(), "spare")
    context.close()


@pytest.fixture
def spare(own: Lab) -> Iterator[Lab]:
    """The same one for each test, which leaves no notebook and no kernel behind in it."""
    yield own
    own.leave()


def test_output_that_is_gone_is_marked_where_it_is_missing_with_its_size(spare: Lab) -> None:
    work = spare.server.home.work
    start = "import os\nprint(os.getpid())\np.runtime.start(wait='running')\np.logs.view(max_lines=100_000)"
    notebook = Notebook(spare, work, made("rotating", ROTATING), start).run()
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
    spare.server.post("projects/rotating/runtime/stop")
    assert (spare.off_site, spare.errors) == ([], [])


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


def test_a_server_that_was_restarted_shows_the_log_again_and_nothing_twice(spare: Lab) -> None:
    first = spare.server
    start = "p.runtime.start(wait='running')\np.logs.view()"
    notebook = Notebook(spare, first.home.work, made("survivor", COLOURED), start).run()
    notebook.find(".att-log-row:has-text('tick 2')").first.wait_for()
    seen = notebook.value("el => el.attLog.store.lines")
    pid = first.get("projects/survivor/runtime/status")["pid"]
    notebook.save()
    port = urlsplit(spare.url).port
    first.end()
    spare.server = start_lab(first.home, f"--ServerApp.port={port}", config=SMALL_LOGS)
    assert spare.server.get("projects/survivor/runtime/status")["pid"] == pid, "the project goes on"
    notebook.reload(save=False)
    notebook.run()
    eventually(lambda: notebook.value("el => el.attLog.store.lines") > seen)
    no_line_twice(notebook)
