"""The log view in a real JupyterLab: every line once, few nodes, and back where it was after each interruption."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect

from tests.support.browser import Lab, start_lab
from tests.support.notebook import Notebook
from tests.support.servers import Home
from tests.support.waiting import eventually

LINES = 100_000
FAST = f"""
import sys, time
begin = time.monotonic()
for block in range({LINES // 500}):
    sys.stdout.write(''.join(f'line {{block * 500 + i}} of the flood, with some text behind it\\n' for i in range(500)))
    sys.stdout.flush()
    time.sleep(max(0, begin + block * 0.05 - time.monotonic()))
time.sleep(600)
"""
COLOURED = r"""
import logging, time
logging.basicConfig(level=0, format="%(asctime)s %(levelname)-8s %(message)s")
print("\x1b[1;32mStarting\x1b[0m the \x1b[38;5;208mservice\x1b[0m on \x1b[4mport 8000\x1b[0m", end=" ")
print("\x1b[48;2;90;40;120m violet \x1b[0m")
for i in range(40):
    print(f"INFO:     127.0.0.1:5000 - GET /items/{i} 200 OK in {i} ms")
    if i % 9 == 3: logging.warning("slow answer of item %d", i)
    if i % 13 == 5: logging.error("cannot reach the database, try %d", i)
try: 1 / 0
except ZeroDivisionError: logging.exception("it broke")
n = 0
while True:
    time.sleep(0.2)
    print("tick", n, flush=True)
    n += 1
"""
INVERSE = r"""
import time
for codes in ("7", "7;31", "7;44", "7;33;44"):
    print(f"\x1b[{codes}minverse\x1b[0m by {codes}")
print("WARNING: \x1b[7minverse\x1b[0m of a warning")
for n in range(40): print("between", n)
n = 0
while True:
    time.sleep(0.05)
    print("tick", n, flush=True)
    n += 1
"""
LINE_BYTES, BURST = 100, 300_000
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
WAITING = """
import pathlib, time
p.runtime.start(wait='running')
display(p.logs.view())
while not pathlib.Path('seen').exists(): time.sleep(0.05)
"""
CONNECT = "import att\ns = att.connect()"
HEAP = "() => { window.gc && window.gc(); return performance.memory.usedJSHeapSize; }"
HEARD_TOO_EARLY = """el => {
    const store = new el.attLog.store.constructor(100), asked = [];
    const take = (first, texts, more) => {
        const text = new TextEncoder().encode(texts.join("\\n")), data = new Uint8Array(texts.length * 5 + text.length);
        data.set(text, texts.length * 5);
        const batch = { epoch: "e", first, count: texts.length, base: 0, data: data.buffer, ...more };
        store.take(batch, () => asked.push(first));
    };
    take(2, ["c"], {});
    take(1, ["b"], { answers: 1 });
    take(0, ["a", "b"], { answers: 0 });
    take(3, ["d"], {});
    return [store.texts.join(""), asked.length];
}"""
LOOKS = """el => [...el.querySelectorAll(".a-inverse")].map(node => {
    const { color, backgroundColor } = getComputedStyle(node);
    return [color, backgroundColor];
})"""
TAKEN_OUT = """el => {
  const [parent, next] = [el.parentElement, el.nextSibling];
  el.remove();
  setTimeout(() => parent.insertBefore(el, next), 400);
}"""
PASSING_SUBSHELL = """async () => {
  const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
  if (!kernel.supportsSubshells) return "";
  const comm = kernel.createComm("att.nobody");
  await comm.subshellStarted;
  const passing = comm.subshellId;
  await comm.open().done;
  comm.dispose();
  let ids;
  do ids = (await kernel.requestListSubshell({}).done).content.subshell_id; while (ids.includes(passing));
  return passing;
}"""
REMEMBERED = """() => {
  const key = Object.keys(sessionStorage).find(key => key.startsWith("att-log:back:0:"));
  return key && JSON.parse(sessionStorage.getItem(key)).top?.text;
}"""
ONLY_LINES_COUNT = """el => {
  const { store, total } = el.attLog;
  return store.between.length > 0 && total.textContent === `${store.lines} lines`;
}"""
TOTAL = "el => [el.attLog.store.lines, el.attLog.rows.childElementCount]"


def _project(name: str, code: str) -> str:
    made = f"p = s.project({name!r}, path='.', command=[{sys.executable!r}, '-u', '-c', {code!r}])"
    return f"{CONNECT}\n{made}"


def _downloaded(notebook: Notebook) -> list[str]:
    with notebook.page.expect_download() as waiting:
        notebook.find(".att-log-save").first.click()
    return Path(waiting.value.path()).read_text().splitlines()


def test_a_hundred_thousand_lines_arrive_once_each_with_few_nodes_and_little_memory(lab: Lab, home: Home) -> None:
    show = f"v = p.logs.view(max_lines={LINES + 1000}); v"
    notebook = Notebook(lab, home.work, _project("flood", FAST), show, "p.runtime.start(wait='running')\nNone").run()
    notebook.find(".att-log-row").first.wait_for()
    before = notebook.page.evaluate(HEAP)
    most = 0

    def arrived() -> bool:
        nonlocal most
        lines, nodes = notebook.value(TOTAL)
        most = max(most, nodes)
        return bool(lines >= LINES)

    eventually(arrived, timeout=60, interval=0.1)
    grown = notebook.page.evaluate(HEAP) - before
    lines = [line for line in _downloaded(notebook) if line.startswith("line ")]
    assert lines == [f"line {i} of the flood, with some text behind it" for i in range(LINES)]
    assert most < 100
    assert grown < 30e6
    notebook.save()
    eventually(lambda: "widget-view" in notebook.path.read_text())
    assert notebook.path.stat().st_size < 50_000
    lab.server.post("projects/flood/runtime/stop")


def test_search_levels_times_pause_and_keys(lab: Lab, home: Home) -> None:
    start = "p.runtime.start(wait='running')\np.logs.view()"
    notebook = Notebook(lab, home.work, _project("coloured", COLOURED), start).run()
    find = notebook.find
    find(".att-log-row:has-text('tick')").first.wait_for()
    notebook.picture("log", ".att-log")
    drawn = "el => el.attLog.rows.childElementCount >= el.attLog.scroll.clientHeight / el.attLog.height"
    eventually(lambda: notebook.value(drawn))  # a change of the theme takes the layout away for a moment
    find(".att-log-query").fill("item")
    find(".att-log-query").press("Enter")
    eventually(lambda: "/45" in find(".att-log-hits").inner_text())
    assert find(".att-log-follow").get_attribute("aria-pressed") == "false"
    find(".att-log-current mark").first.wait_for()
    find(".att-log-fresh:has-text('new line')").wait_for()
    find(".att-log-clock").click()
    find(".att-log-row time").first.wait_for()
    notebook.picture("log-search", ".att-log")
    find("select[aria-label='Least level']").select_option("4")
    find(".att-log-error").first.wait_for()
    assert find(".att-log-info").count() == 0
    assert "ZeroDivisionError" in find(".att-log-rows").inner_text()
    find("select[aria-label='Least level']").select_option("0")
    find(".att-log-query").fill("")
    find(".att-log-scroll").press("Home")
    find(".a-bold:has-text('Starting')").wait_for()
    assert find(".a-fore:has-text('service')").evaluate("el => getComputedStyle(el).color") == "rgb(255, 135, 0)"
    find(".att-log-scroll").press("f")
    eventually(lambda: find(".att-log-follow").get_attribute("aria-pressed") == "true")
    lab.server.post("projects/coloured/runtime/stop")
    assert (lab.off_site, lab.errors) == ([], [])


def test_inverse_text_can_be_read_and_what_is_selected_stays_selected_while_lines_come(lab: Lab, home: Home) -> None:
    start = "p.runtime.start(wait='running')\np.logs.view()"
    notebook = Notebook(lab, home.work, _project("inverse", INVERSE), start).run()
    find = notebook.find
    find(".att-log-row:has-text('tick 5')").first.wait_for()
    find(".att-log-scroll").press("Home")
    find(".att-log-row:has-text('of a warning')").wait_for()
    notebook.picture("log-inverse", ".att-log")
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        lab.theme(theme)
        eventually(lambda: len(notebook.value(LOOKS)) == 5)
        looks = notebook.value(LOOKS)
        assert [fore for fore, back in looks if fore == back or back == "rgba(0, 0, 0, 0)"] == []
        plain, warning = looks[0], looks[4]
        assert plain[1] != warning[1], "it turns round the colours that the line has"
    find(".att-log-row:has-text('between 1')").first.locator(".att-log-text").select_text()
    assert _selected(notebook) == "between 1"
    seen = notebook.value("el => el.attLog.store.next")
    eventually(lambda: notebook.value("el => el.attLog.store.next") > seen + 20)
    notebook.value("el => { el.attLog.scroll.scrollTop += 2 * el.attLog.height; }")
    find(".att-log-row:has-text('between 12')").wait_for()
    assert _selected(notebook) == "between 1"
    lab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    find(".att-log-copy").click()
    find(".att-log-copy.att-log-done").wait_for()
    assert notebook.page.evaluate("navigator.clipboard.readText()") == "between 1"
    lab.server.post("projects/inverse/runtime/stop")
    assert (lab.off_site, lab.errors) == ([], [])


def _selected(notebook: Notebook) -> str:
    return str(notebook.page.evaluate("document.getSelection().toString()"))


def test_a_cell_that_keeps_running_shows_the_log_live_and_nothing_twice_when_it_ends(lab: Lab, home: Home) -> None:
    notebook = Notebook(lab, home.work, _project("busy", COLOURED), WAITING).begin()
    find = notebook.find
    find(".att-log-row:has-text('tick 5')").first.wait_for()
    assert notebook.page.locator(".jp-InputArea-prompt:has-text('[*]')").count() == 1, "the cell still runs"
    _no_line_twice(notebook)
    (home.work / "seen").touch()
    notebook.wait()
    seen = notebook.value("el => el.attLog.store.next")
    eventually(lambda: notebook.value("el => el.attLog.store.next") > seen + 5)
    _no_line_twice(notebook)
    assert "Starting the service" in notebook.value("el => el.attLog.plain()")
    lab.server.post("projects/busy/runtime/stop")
    assert (lab.off_site, lab.errors) == ([], [])


def test_reload_and_kernel_restart_bring_the_view_back_where_it_was(lab: Lab, home: Home) -> None:
    start = "p.runtime.start(wait='running')\nv = p.logs.view(); v"
    notebook = Notebook(lab, home.work, _project("back", COLOURED), start).run()
    find = notebook.find
    find(".att-log-row:has-text('tick 2')").first.wait_for()
    find(".att-log-query").fill("items/3 ")
    find(".att-log-current").wait_for()
    place = eventually(lambda: _remembered(notebook) == _top(notebook) and _top(notebook))
    seen = notebook.value("el => el.attLog.store.lines")

    notebook.reload()
    eventually(lambda: notebook.value("el => el.attLog.store.lines") >= seen)
    eventually(lambda: _top(notebook) == place)
    assert find(".att-log-query").input_value() == "items/3 "
    notebook.value(TAKEN_OUT)
    eventually(lambda: find(".att-log").count() == 1 and _top(notebook) == place)
    _no_line_twice(notebook)

    # Rows that were meant for others, before the answer to a page that is new, do not cut off what is before them.
    assert notebook.value(HEARD_TOO_EARLY) == ["abcd", 0]

    # As if another page had asked: everything is sent again.
    notebook.value("el => el.attLog.model.send({ type: 'hello', epoch: null, next: null })")
    again = notebook.value("el => el.attLog.store.next")
    eventually(lambda: notebook.value("el => el.attLog.store.next") > again + 5)
    _no_line_twice(notebook)

    notebook.restart_kernel()
    find(".att-log-status").first.wait_for()
    assert notebook.value("el => el.attLog.store.lines") >= seen, "what is there stays readable"
    find(".att-log.att-gone").wait_for()
    notebook.picture("log-kernel-gone", ".att-log")
    notebook.run()
    eventually(lambda: find(".att-log").count() == 1 and notebook.value("el => el.attLog.store.lines") >= seen)
    eventually(lambda: _top(notebook) == place)
    _no_line_twice(notebook)
    lab.server.post("projects/back/runtime/stop")


def test_two_views_of_one_log_each_come_back_to_their_own_place(lab: Lab, home: Home) -> None:
    views = "p.runtime.start(wait='running')\nv, w = (p.logs.view(height='150px') for _ in range(2))\ndisplay(v, w)"
    notebook = Notebook(lab, home.work, _project("twofold", COLOURED), views).run()
    first, second = (notebook.find(".att-log").nth(number) for number in (0, 1))
    second.locator(".att-log-row:has-text('tick 2')").first.wait_for()
    first.locator(".att-log-query").fill("items/3 ")
    first.locator(".att-log-current").wait_for()
    second.locator(".att-log-clock").click()
    eventually(lambda: notebook.value(ONLY_LINES_COUNT))
    eventually(
        lambda: len(notebook.page.evaluate("Object.keys(sessionStorage).filter(key => /twofold/.test(key))")) == 2
    )
    notebook.reload()
    expect(first.locator(".att-log-query")).to_have_value("items/3 ")
    expect(first.locator(".att-log-follow")).to_have_attribute("aria-pressed", "false")
    expect(second.locator(".att-log-query")).to_have_value("")
    expect(second.locator(".att-log-follow")).to_have_attribute("aria-pressed", "true")
    expect(second.locator(".att-log-row time").first).to_be_visible()
    lab.server.post("projects/twofold/runtime/stop")


def test_a_page_is_heard_although_the_subshell_that_spoke_last_is_gone(lab: Lab, home: Home) -> None:
    start = "p.runtime.start(wait='running')\nv = p.logs.view(); v"
    notebook = Notebook(lab, home.work, _project("heard", COLOURED), start).run()
    notebook.find(".att-log-row:has-text('tick 2')").first.wait_for()
    assert notebook.page.evaluate(PASSING_SUBSHELL)
    seen = notebook.value("el => el.attLog.store.next")
    eventually(lambda: notebook.value("el => el.attLog.store.next") > seen + 2)
    notebook.value(
        "el => { el.attLog.store.clear(null); el.attLog.model.send({ type: 'hello', epoch: null, next: null }); }"
    )
    eventually(lambda: notebook.value("el => el.attLog.store.lines") > seen)
    lab.server.post("projects/heard/runtime/stop")


def _top(notebook: Notebook) -> Any:
    """Return the text of the uppermost row that is seen."""
    return notebook.value(
        "el => { const p = el.attLog; return p.store.text(p.filter.rowAt(Math.round(p.scroll.scrollTop / p.height))); }"
    )


def _remembered(notebook: Notebook) -> Any:
    """Return the text of the row that the page will come back to."""
    return notebook.page.evaluate(REMEMBERED)


def _no_line_twice(notebook: Notebook) -> None:
    ticks = [line for line in notebook.value("el => el.attLog.plain()").splitlines() if line.startswith("tick ")]
    numbers = [int(line.split()[1]) for line in ticks]
    assert numbers == list(range(len(numbers)))


@pytest.fixture(scope="module")
def spare(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A JupyterLab of its own, which keeps little of each log."""
    context = browser.new_context(viewport={"width": 1360, "height": 860})
    with Home(tmp_path_factory.mktemp("spare")).closing() as home:
        config = {"ATT": {"log_limit_bytes": 1 << 20}}
        yield Lab(start_lab(home, config=config), context.new_page(), "spare")
    context.close()


def test_output_that_is_gone_is_marked_where_it_is_missing_with_its_size(spare: Lab) -> None:
    work = spare.server.home.work
    start = "import os\nprint(os.getpid())\np.runtime.start(wait='running')\np.logs.view(max_lines=100_000)"
    notebook = Notebook(spare, work, _project("rotating", ROTATING), start).run()
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


def test_a_server_that_was_restarted_shows_the_log_again_and_nothing_twice(browser: Browser, tmp_path: Path) -> None:
    with Home(tmp_path).closing() as home:
        first = start_lab(home)
        lab = Lab(first, browser.new_page(), "restarted")
        start = "p.runtime.start(wait='running')\np.logs.view()"
        notebook = Notebook(lab, home.work, _project("survivor", COLOURED), start).run()
        notebook.find(".att-log-row:has-text('tick 2')").first.wait_for()
        seen = notebook.value("el => el.attLog.store.lines")
        pid = first.get("projects/survivor/runtime/status")["pid"]
        notebook.save()
        port = urlsplit(lab.url).port
        first.end()
        lab.server = start_lab(home, f"--ServerApp.port={port}")
        assert lab.server.get("projects/survivor/runtime/status")["pid"] == pid, "the project goes on"
        notebook.reload(save=False)
        notebook.run()
        eventually(lambda: notebook.value("el => el.attLog.store.lines") > seen)
        _no_line_twice(notebook)
        lab.page.close()
