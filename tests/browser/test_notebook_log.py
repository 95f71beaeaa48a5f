"""The log view in a real JupyterLab: every line once, few nodes, and back where it was after each interruption."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import expect

from tests.browser.logs import COLOURED, made, no_line_twice
from tests.support.browser import Lab
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
WAITING = """
import pathlib, time
p.runtime.start(wait='running')
display(p.logs.view())
while not pathlib.Path('seen').exists(): time.sleep(0.05)
"""
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
    const whole = [store.texts.join(""), asked.length];
    take(9, ["j"], { answers: 4 });
    return [...whole, ...store.texts.slice(4)];
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
# Take in 50 lines of a million characters; return how many characters are kept, and how many of the last line.
LONG = """el => {
  const { store } = el.attLog;
  for (let i = 0; i < 50; i++) store.add("x".repeat(2 ** 20), 0, 0);
  store.trim();
  return [store.texts.reduce((sum, text) => sum + text.length, 0), store.text(store.end - 1).length];
}"""
TOTAL = "el => [el.attLog.store.lines, el.attLog.rows.childElementCount]"


def _downloaded(notebook: Notebook) -> list[str]:
    with notebook.page.expect_download() as waiting:
        notebook.find(".att-log-save").first.click()
    return Path(waiting.value.path()).read_text().splitlines()


def test_a_hundred_thousand_lines_arrive_once_each_with_few_nodes_and_little_memory(lab: Lab, home: Home) -> None:
    show = f"v = p.logs.view(max_lines={LINES + 1000}); v"
    notebook = Notebook(lab, home.work, made("flood", FAST), show, "p.runtime.start(wait='running')\nNone").run()
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
    assert notebook.value(LONG) == [32 * 2**20, 2**20]
    lab.server.post("projects/flood/runtime/stop")


def test_search_levels_times_pause_and_keys(lab: Lab, home: Home) -> None:
    start = "p.runtime.start(wait='running')\np.logs.view()"
    notebook = Notebook(lab, home.work, made("coloured", COLOURED), start).run()
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
    notebook = Notebook(lab, home.work, made("inverse", INVERSE), start).run()
    find = notebook.find
    find(".att-log-row:has-text('tick 5')").first.wait_for()
    find(".att-log-scroll").press("Home")
    find(".att-log-row:has-text('of a warning')").wait_for()
    notebook.picture("log-inverse", ".att-log")
    for theme in ("dark", "light"):
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
    notebook = Notebook(lab, home.work, made("busy", COLOURED), WAITING).begin()
    find = notebook.find
    find(".att-log-row:has-text('tick 5')").first.wait_for()
    assert notebook.page.locator(".jp-InputArea-prompt:has-text('[*]')").count() == 1, "the cell still runs"
    no_line_twice(notebook)
    (home.work / "seen").touch()
    notebook.wait()
    seen = notebook.value("el => el.attLog.store.next")
    eventually(lambda: notebook.value("el => el.attLog.store.next") > seen + 5)
    no_line_twice(notebook)
    assert "Starting the service" in notebook.value("el => el.attLog.plain()")
    lab.server.post("projects/busy/runtime/stop")
    assert (lab.off_site, lab.errors) == ([], [])


def test_reload_and_kernel_restart_bring_the_view_back_where_it_was(lab: Lab, home: Home) -> None:
    start = "p.runtime.start(wait='running')\nv = p.logs.view(); v"
    notebook = Notebook(lab, home.work, made("back", COLOURED), start).run()
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
    no_line_twice(notebook)

    # Rows that were meant for others, before the answer to a page that is new, do not cut off what is before them; what
    # the kernel has no more itself is missing at once.
    assert notebook.value(HEARD_TOO_EARLY) == ["abcd", 0, "5 lines did not reach this page", "j"]

    # As if another page had asked: everything is sent again.
    notebook.value("el => el.attLog.model.send({ type: 'hello', epoch: null, next: null })")
    again = notebook.value("el => el.attLog.store.next")
    eventually(lambda: notebook.value("el => el.attLog.store.next") > again + 5)
    no_line_twice(notebook)

    notebook.restart_kernel()
    find(".att-log-status").first.wait_for()
    assert notebook.value("el => el.attLog.store.lines") >= seen, "what is there stays readable"
    find(".att-log.att-gone").wait_for()
    notebook.picture("log-kernel-gone", ".att-log")
    notebook.run()
    eventually(lambda: find(".att-log").count() == 1 and notebook.value("el => el.attLog.store.lines") >= seen)
    eventually(lambda: _top(notebook) == place)
    no_line_twice(notebook)
    lab.server.post("projects/back/runtime/stop")


def test_two_views_of_one_log_each_come_back_to_their_own_place(lab: Lab, home: Home) -> None:
    views = "p.runtime.start(wait='running')\nv, w = (p.logs.view(height='150px') for _ in range(2))\ndisplay(v, w)"
    notebook = Notebook(lab, home.work, made("twofold", COLOURED), views).run()
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
    notebook = Notebook(lab, home.work, made("heard", COLOURED), start).run()
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
