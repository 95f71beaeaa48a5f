"""The dashboard in a real JupyterLab: processes by click, crashes, tests, charts, exports without a network."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import psutil
from playwright.sync_api import Browser

from tests.support.browser import SCREENSHOTS, Lab
from tests.support.notebook import Notebook
from tests.support.servers import Home
from tests.support.waiting import eventually

MAKE = """
import att
s = att.connect()
p = s.projects.create({name!r}, template="service", path={name!r})
"""
PANEL = ".att-panel"
CRASH = {".att-alert": "SIGSEGV", ".att-alert pre": "heartbeat", ".att-badge": "crashed"}
# A full window of rows is drawn, and the lowest row that is seen is the last line.
FOLLOWED = """el => {
  const view = el.attLog, top = view.scroll.getBoundingClientRect().top, bottom = top + view.scroll.clientHeight;
  const edges = row => row.getBoundingClientRect();
  const seen = [...view.rows.children].filter(row => edges(row).top > top - 1 && edges(row).bottom < bottom + 1);
  const room = Math.min(view.filter.length, Math.floor(view.scroll.clientHeight / view.height));
  return view.state.follow && room > 0 && seen.length >= room
    && seen.at(-1).textContent.endsWith(view.store.text(view.store.end - 1));
}"""
# What has the focus, and whether it is drawn so that one sees it.
FOCUSED = """() => {
  const node = document.activeElement, style = getComputedStyle(node);
  const around = getComputedStyle(node.closest(".att-log-search") ?? node);
  const drawn = style.outlineStyle !== "none" || around.boxShadow !== "none";
  return [node.getAttribute("aria-label") || node.title || node.textContent.trim(), drawn];
}"""
START_TOP = """el => {
  const buttons = [...el.querySelectorAll('button')];
  return buttons.find(button => button.textContent.trim() === 'Start').getBoundingClientRect().top;
}"""
RESULTS = "list => [...list.children].map(item => [item.dataset.nodeid, item.dataset.outcome])"


def _tab(notebook: Notebook, name: str) -> None:
    notebook.find(f".lm-TabBar-tab:has-text('{name}')").click()


def test_everything_of_a_project_by_click(lab: Lab, home: Home) -> None:
    lab.page.set_viewport_size({"width": 1180, "height": 1250})
    notebook = Notebook(lab, home.work, MAKE.format(name="shop"), "d = p.dashboard(); d").run()
    find, server = notebook.find, lab.server

    find(".att-badge:has-text('stopped')").wait_for()
    notebook.picture("dashboard-stopped", PANEL)
    top = notebook.value(START_TOP, PANEL)
    notebook.click("Start")
    find(".att-badge:has-text('✓ healthy')").wait_for()
    find(".att-facts:has-text('memory')").wait_for()
    assert notebook.value(START_TOP, PANEL) == top, "the card grew under the pointer"
    eventually(lambda: set(find(".att-voice").all_text_contents()) == {""})  # it was read out
    pid = server.get("projects/shop/runtime/status")["pid"]
    assert psutil.pid_exists(pid)
    find(".att-log-row:has-text('heartbeat 2')").first.wait_for()
    notebook.picture("dashboard-running", PANEL)

    _tab(notebook, "Tests")
    find(".att-empty:has-text('No test run yet')").wait_for()
    notebook.picture("tests-empty", PANEL)
    notebook.click("Run tests")
    find(".att-bar .att-moving").wait_for(state="attached")
    find(".att-list summary").first.wait_for(timeout=90_000)
    find(".att-list summary").first.click()
    find(".att-list pre:has-text('Hello, Ada!')").first.wait_for()
    find("button.jupyter-button:has-text('Rerun failed'):enabled").wait_for(timeout=60_000)
    run = server.get("projects/shop/test/runs")["runs"][0]
    results = server.get("projects/shop/test/results")["outcomes"]
    every = [[item["nodeid"], item["outcome"]] for item in results]
    assert (len(every), {outcome for _, outcome in every} >= {"passed", "failed", "skipped"}) == (run["finished"], True)
    find("summary:has-text('All results')").click()
    assert notebook.value(RESULTS, ".att-results") == every
    failed = [nodeid for nodeid, outcome in every if outcome in ("failed", "error")]
    assert sorted(find(".att-list .att-test").all_inner_texts()) == sorted(failed)
    told = find(".att-chips").last.inner_text()
    assert [
        f"{run[name]} {name}" for name in ("passed", "failed", "skipped") if f"{run[name]} {name}" not in told
    ] == []
    notebook.picture("tests-failed", PANEL)

    _tab(notebook, "History")
    find(".widget-image").wait_for(timeout=60_000)
    assert find(".widget-image").evaluate("el => el.naturalWidth") > 400
    notebook.picture("history", PANEL)
    _tab(notebook, "Events")
    find(".att-events li:has-text('tests failed')").wait_for()
    notebook.picture("events", PANEL)

    _tab(notebook, "Log")
    eventually(lambda: notebook.value(FOLLOWED))  # most lines came while another tab was on top
    lab.watch(CRASH)
    os.kill(pid, signal.SIGSEGV)
    shown = lab.shown(CRASH)
    ended = datetime.fromisoformat(server.get("projects/shop/runtime/status")["exit"]["exited_at"]).timestamp()
    assert {place: at - ended for place, at in shown.items() if at - ended >= 2.0} == {}
    eventually(lambda: notebook.value(FOLLOWED))  # the panel above has grown
    notebook.picture("crashed", PANEL)
    eventually(lambda: notebook.value(FOLLOWED))  # the theme has changed
    notebook.value("el => { el.attLog.body.style.height = '100px'; }")  # as its corner is pulled; now it scrolls
    eventually(lambda: notebook.value(FOLLOWED))

    _tab(notebook, "Tests")
    notebook.click("Start")
    find(".att-badge:has-text('✓ healthy')").wait_for()
    _tab(notebook, "Log")
    find(".att-log-row:has-text('heartbeat')").last.wait_for()
    eventually(lambda: notebook.value(FOLLOWED))  # lines came in a hidden tab, and the panel above has shrunk
    pid = server.get("projects/shop/runtime/status")["pid"]
    notebook.click("Stop")
    find(".att-badge:has-text('stopped')").wait_for()
    eventually(lambda: not psutil.pid_exists(pid))
    assert (lab.off_site, lab.errors, lab.faint) == ([], [], [])


def test_a_dashboard_is_worked_with_by_keyboard_in_the_order_that_is_seen_and_fits_a_narrow_window(
    lab: Lab, home: Home
) -> None:
    name = "quarterly-revenue-forecast-of-the-northern-sales-region"
    notebook = Notebook(lab, home.work, MAKE.format(name=name), "p.dashboard()").run()
    find, keyboard = notebook.find, lab.page.keyboard
    find(".att-badge:has-text('stopped')").wait_for()
    lab.page.set_viewport_size({"width": 640, "height": 1000})
    assert notebook.value("el => el.scrollWidth <= el.clientWidth", PANEL), "nothing sticks out"
    notebook.picture("dashboard-narrow", PANEL)
    find(f"button[title='Start {name}']").focus()
    keyboard.press("Enter")
    find(".att-badge:has-text('✓ healthy')").wait_for()
    find(".att-facts").wait_for()
    find(".att-panel a").first.focus()
    seen = []
    for _ in range(8):
        keyboard.press("Tab")
        seen.append(lab.page.evaluate(FOCUSED))
    assert seen[:2] == [[f"Stop {name}", True], [f"Restart {name}", True]]
    assert [outlined for _, outlined in seen] == [True] * len(seen), seen
    tabs = find(".lm-TabBar-tab")
    tabs.first.focus()
    keyboard.press("ArrowRight")
    keyboard.press("Enter")
    find(".att-empty:has-text('No test run yet')").wait_for()
    lab.server.post(f"projects/{name}/runtime/stop")
    assert (lab.off_site, lab.errors, lab.faint) == ([], [], [])


def test_a_project_is_made_and_chosen_in_the_dashboard_of_the_session(lab: Lab, home: Home) -> None:
    notebook = Notebook(lab, home.work, "import att; d = att.dashboard(); d").run()
    notebook.find(".att-empty:has-text('No project chosen')").wait_for()
    notebook.click("New project")
    notebook.find("input[placeholder='demo']").first.fill("fresh")
    notebook.find("select:has(option:text-is('Service'))").wait_for()
    notebook.picture("picker-new", PANEL)
    notebook.click("Create")
    notebook.find(".att-title:has-text('fresh')").wait_for()
    assert lab.server.get("projects/fresh")["project"]["template"] == "service"
    notebook.picture("picker-made", PANEL)
    assert (lab.errors, lab.faint) == ([], [])


def test_a_notebook_exported_to_html_shows_logs_tables_and_charts_without_a_network(
    lab: Lab, home: Home, browser: Browser
) -> None:
    wait = "import time\nwhile not c.image.value: time.sleep(0.05)"
    cells = [
        MAKE.format(name="paper") + "\np.runtime.start(wait='healthy')\nr = p.tests.run(suite='unit')",
        "p.logs.view()",
        "r",
        "from att.notebook import TestHistoryChart\nc = TestHistoryChart(p)\n" + wait,
        "c",
        "p.dashboard()",
        "p.runtime.stop()",
    ]
    notebook = Notebook(lab, home.work, *cells).run()
    notebook.save()
    eventually(lambda: "data:image/png" in notebook.path.read_text())
    command = [sys.executable, "-m", "nbconvert", "--to", "html", str(notebook.path)]
    subprocess.run(command, check=True, capture_output=True, env=home.environment, timeout=120)
    context = browser.new_context(offline=True, viewport={"width": 1100, "height": 1600})
    page = context.new_page()
    page.goto(notebook.path.with_suffix(".html").as_uri(), wait_until="domcontentloaded")
    text = page.locator("body").inner_text()
    assert [word for word in ("Log of paper", "service is starting", "✗", "test_a_greeting") if word not in text] == []
    assert page.locator("img[alt^='Test history of paper']").evaluate("el => el.naturalWidth") > 400
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=Path(SCREENSHOTS) / "exported.png", full_page=True)
    context.close()
