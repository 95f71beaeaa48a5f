"""The panels of the main area: logs and tests of real projects, also after a reload."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.workshop import COUNTING, Workshop

MANY = 3000
LINES = f"""\
import sys, time
for n in range({MANY}):
    print("line", n, flush=n % 100 == 99)
print("\\x1b[31mred\\x1b[0m alert", file=sys.stderr, flush=True)
time.sleep(1000)
"""
TESTS = """\
import time
import pytest

@pytest.mark.parametrize("n", range(6))
def test_good(n):
    time.sleep(0.5)

def test_prices_are_rounded():
    price = 0.1 + 0.2
    print("price is", price)
    assert price == 0.3
"""
MIXED = """\
import pathlib, sys, time
def write(numbers):
    for n in numbers:
        print("row", n, file=sys.stdout if n < 20 else sys.stderr, flush=True)
write(range(400))
while not pathlib.Path("more").exists():
    time.sleep(0.01)
write(range(400, 460))
time.sleep(1000)
"""
TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
GOES_ON = r"""() => {
    const bar = document.querySelector(".jp-att-Result [role=progressbar]");
    const [now, most] = ["now", "max"].map(part => Number(bar?.getAttribute(`aria-value${part}`)));
    const told = document.querySelector(".jp-att-Result")?.textContent;
    return now > 0 && now < most && /about \d+ s left.*test_good\[[2-5]\]/.test(told);
}"""


def test_the_log_shows_the_newest_lines_in_few_rows_and_finds_marks_and_separates(shop: Workshop) -> None:
    shop.project("chatty", LINES)
    shop.click("Open the log", "chatty")
    expect(shop.page.get_by_text("Nothing written yet")).to_be_visible()
    shop.lab.screenshot("panel-log-empty")
    colours = "icons => [...new Set(icons.map(icon => getComputedStyle(icon)[icon.style.fill ? 'stroke' : 'fill']))]"
    assert len(shop.page.locator(".jp-att-Log .jp-att-mod-icon svg .jp-icon3").evaluate_all(colours)) == 1
    assert shop.page.locator(".jp-att-Log svg [id]").count() == 0
    shop.start("chatty")
    rows = shop.log("chatty")
    alert = rows.locator(".jp-att-Log-row.jp-att-mod-stderr")
    expect(alert).to_have_text("errred alert")
    expect(alert.locator(".jp-att-ansi-fg1")).to_have_text("red")
    assert rows.locator(".jp-att-Log-row").count() < 100
    shop.page.get_by_role("searchbox", name="Search the log").fill("line 1234")
    shop.page.get_by_role("searchbox", name="Search the log").press("Enter")
    expect(rows.locator(".jp-att-mod-current mark")).to_have_text("line 1234")
    expect(shop.page.get_by_role("button", name="Follow: go to the newest lines")).to_be_visible()
    shop.lab.screenshot("panel-log-search")
    before = shop.kept()
    shop.lab.server.post("projects/chatty/runtime/restart")
    expect(shop.page.get_by_role("button", name="Follow: go to the newest lines")).to_contain_text("new lines")
    expect(rows.locator(".jp-att-mod-current mark")).to_have_text("line 1234")
    shop.page.get_by_role("button", name="Follow: go to the newest lines").click()
    expect(alert.last).to_be_visible()
    shop.shows(before + MANY + 1)
    lines = shop.lines()
    runs = [n for n, line in enumerate(lines) if re.fullmatch(rf"--- run [0-9a-z]{{8}} started {TIME}", line)]
    assert len(runs) == 2
    assert lines[runs[1]].split()[2] == shop.status("chatty")["run_id"][-8:]
    second = lines[runs[1] + 1 :]
    assert second == [*(f"line {n}" for n in range(MANY)), "red alert"]


def test_a_log_of_very_long_lines_keeps_fewer_of_them_and_draws_how_each_begins(shop: Workshop) -> None:
    shop.project("wide", "for i in range(530): print('x' * 65_000, flush=True)\nimport time\ntime.sleep(1000)\n")
    shop.click("Open the log", "wide")
    shop.start("wide")
    expect(shop.page.locator(".jp-att-Log-kept")).to_have_text("516 of 530 lines")
    expect(shop.page.locator(".jp-att-Log-cut").last).to_have_text(
        "… 61,000 more characters: copy or download has them"
    )
    assert shop.page.locator(".jp-att-Log-text").last.inner_text() == "x" * 4000


def test_a_log_that_does_not_follow_holds_still_while_old_lines_are_dropped(shop: Workshop) -> None:
    shop.lab.set("jupyter-att:plugin", logLines=400)
    shop.lab.execute("jupyter-att:show-projects")
    folder = shop.project("mixed", MIXED)
    shop.start("mixed")
    shop.click("Open the log", "mixed")
    rows = shop.log("mixed")
    expect(rows).to_contain_text("row 399")
    stderr = shop.page.get_by_role("button", name="Only what was written to stderr")
    stderr.click()
    expect(stderr).to_have_attribute("aria-pressed", "true")
    background = "button => getComputedStyle(button).backgroundColor"
    under_the_pointer = stderr.evaluate(background)
    rows.hover()
    assert stderr.evaluate(background) == under_the_pointer
    shop.page.get_by_role("searchbox", name="Search the log").fill("row 2")
    current, hits = rows.locator(".jp-att-mod-current"), shop.page.locator(".jp-att-Log-hits")
    expect(current).to_have_text("errrow 299")
    expect(current).to_be_in_viewport()
    expect(hits).to_have_text("110 of 110")
    before = current.bounding_box()
    (folder / "more").touch()
    expect(shop.page.locator(".jp-att-Log-kept:visible")).to_contain_text("of 460")
    expect(hits).to_have_text("100 of 100")
    expect(current).to_have_text("errrow 299")
    assert current.bounding_box() == before
    shop.lab.saved("jupyter-att-log:mixed")
    shop.lab.reload()
    expect(shop.page.locator(".jp-att-Log-kept:visible")).to_have_text("400 lines")
    shop.lab.set("jupyter-att:plugin")


def test_what_is_selected_in_a_log_stays_selected_while_lines_come_and_can_be_copied(shop: Workshop) -> None:
    shop.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    shop.project("ticker", COUNTING)
    shop.start("ticker")
    shop.click("Open the log", "ticker")
    rows = shop.log("ticker")
    expect(rows).to_contain_text("tick 60")
    shop.page.get_by_role("button", name="Pause: stay at these lines").click()
    row = rows.locator(".jp-att-Log-text").nth(20)
    words = row.inner_text()
    row.select_text()
    shop.shows(shop.kept() + 100)
    assert shop.page.evaluate("document.getSelection().toString()") == words
    shop.page.get_by_role("button", name="Copy the selection, or all lines shown").click()
    expect(shop.page.get_by_role("button", name="Copied")).to_be_visible()
    assert shop.page.evaluate("navigator.clipboard.readText()") == words
    assert shop.page.evaluate("document.getSelection().toString()") == words
    shop.page.evaluate("document.getSelection().removeAllRanges()")
    shop.page.get_by_role("button", name="Copy the selection, or all lines shown").click()
    ticks = shop.page.evaluate("navigator.clipboard.readText()").splitlines()[1:]
    assert ticks == [f"tick {n}" for n in range(len(ticks))]
    assert len(ticks) > 100


def test_a_test_run_by_click_shows_progress_and_the_failing_traceback_as_rest_has_it(shop: Workshop) -> None:
    folder = shop.project("sums")
    (folder / "tests").mkdir()
    (folder / "tests" / "test_prices.py").write_text(TESTS)
    shop.click("Open the tests", "sums")
    expect(shop.page.get_by_text("have not been run yet")).to_be_visible()
    shop.lab.screenshot("panel-tests-empty")
    shop.page.get_by_role("button", name="Run the tests").click()
    result = shop.page.locator(".jp-att-Result")
    shop.page.wait_for_function(GOES_ON)
    shop.lab.screenshot("panel-tests-running")
    failure = shop.page.locator(".jp-att-Failure[data-nodeid='tests/test_prices.py::test_prices_are_rounded']")
    expect(failure.locator(".jp-att-mod-error").first).to_contain_text("assert")
    expect(result.locator(".jp-att-Result-head")).to_contain_text("Failed")
    expect(result.locator(".jp-att-Result-head")).to_contain_text("1 failed")
    expect(result.locator(".jp-att-Result-head")).to_contain_text("6 passed")
    (run,) = shop.lab.server.get("projects/sums/test/runs")["runs"]
    assert (run["failed"], run["passed"], run["status"]) == (1, 6, "failed")
    expect(shop.card("sums")).to_contain_text("6 passed, 1 failed")
    expect(result.locator(".jp-att-Result-note")).to_have_text(re.compile(rf"^all · {TIME}$"))
    shop.lab.screenshot("panel-tests")
    shop.lab.saved("jupyter-att-tests:sums")
    shop.lab.reload()
    expect(shop.card("sums")).to_contain_text("6 passed, 1 failed")
    (folder / "tests" / "test_prices.py").write_text(TESTS.replace("0.1 + 0.2", "0.3"))
    shop.page.get_by_role("button", name="Run the tests that failed again").click()
    expect(result.locator(".jp-att-Result-head")).to_contain_text("1 passed")
    expect(failure).to_have_count(0)


def test_all_that_failed_is_run_again_also_where_not_all_of_it_is_shown(shop: Workshop) -> None:
    folder = shop.project("many")
    (folder / "tests").mkdir()
    suite = folder / "tests" / "test_many.py"
    suite.write_text("import pytest\n@pytest.mark.parametrize('n', range(310))\ndef test_n(n):\n    assert n >= 300\n")
    shop.click("Open the tests", "many")
    shop.page.get_by_label("Suite").focus()
    shop.page.keyboard.press("Shift+Tab")
    run = shop.page.get_by_role("button", name="Run the tests", exact=True)
    expect(run).to_be_focused()
    shop.page.keyboard.press("Enter")
    again = shop.page.get_by_role("button", name="Run the tests that failed again")
    expect(again).to_have_text("Rerun 300 failed")
    expect(shop.page.get_by_text("200 more failures")).to_be_visible()
    suite.write_text(suite.read_text().replace("n >= 300", "n >= 3"))
    again.focus()
    shop.page.keyboard.press("Enter")
    head = shop.page.locator(".jp-att-Result-head")
    expect(head).to_contain_text("297 passed")
    expect(head).to_contain_text("3 failed")
    expect(run).to_be_focused()


def test_a_reload_keeps_the_views_and_shows_no_line_twice(shop: Workshop) -> None:
    shop.project("chatty", LINES)
    shop.start("chatty")
    shop.click("Open the tests", "chatty")
    shop.click("Open the log", "chatty")
    expect(shop.log("chatty")).to_contain_text("red alert")
    shop.lab.saved("jupyter-att-log:chatty", "jupyter-att-tests:chatty", "jupyter-att-projects")
    shop.lab.reload()
    expect(shop.card("chatty", "running")).to_be_visible()
    expect(shop.log("chatty")).to_contain_text("red alert")
    expect(shop.page.get_by_role("tab", name="chatty tests")).to_be_visible()
    lines = [line for line in shop.lines() if not line.startswith("---")]
    assert lines[-2:] == [f"line {MANY - 1}", "red alert"]
    assert len(lines) == len(set(lines))
