"""What others do is seen at once: they load reports, delete a project while its panels are open, and make it again."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from tests.browser.workshop import Workshop
from tests.testing.history.reports import junit


def test_loaded_reports_are_shown_without_a_reload_and_the_newest_when_the_one_shown_is_pruned(shop: Workshop) -> None:
    folder = shop.project("built")
    shop.click("Open the tests", "built")
    expect(shop.page.get_by_text("have not been run yet")).to_be_visible()
    (folder / "TEST-Cart.xml").write_text(junit({"ci.Cart::adds": "P", "ci.Cart::pays": "F"}))
    (folder / "TEST-Lamp.xml").write_text(junit({"ci.Lamp::shines": "P"}))
    shop.lab.server.post("projects/built/test/import", files=["."])
    head = shop.page.locator(".jp-att-Result-head")
    expect(head).to_contain_text("1 failed")
    expect(head).to_contain_text("2 passed")
    expect(shop.card("built")).to_contain_text("2 passed, 1 failed")
    _load(shop, folder, 7, passed=3)
    expect(head).to_contain_text("3 passed")
    earlier = shop.page.get_by_label("Show a run")
    earlier.select_option(index=1)
    expect(head).to_contain_text("1 failed")
    shop.lab.server.post("projects/built/test/prune", keep_runs=1)
    _load(shop, folder, 8, passed=4)
    expect(head).to_contain_text("4 passed")
    expect(earlier.locator("option")).to_have_count(2)


def _load(shop: Workshop, folder: Path, hour: int, *, passed: int) -> None:
    (folder / f"{hour}.xml").write_text(
        junit({f"ci.Cart::adds{n}": "P" for n in range(passed)}, f"2026-03-01T0{hour}:00:00")
    )
    shop.lab.server.post("projects/built/test/import", files=[f"{hour}.xml"])


def test_panels_of_a_project_that_is_deleted_say_so_and_come_back_with_it(shop: Workshop) -> None:
    folder = str(shop.folder("bare"))
    shop.lab.server.post("projects", id="bare", path=folder)
    shop.click("Open the log", "bare")
    expect(shop.page.locator(".jp-att-Nothing")).to_contain_text("It has no command to start.")
    shop.click("Open the tests", "bare")
    tests, run = shop.page.locator(".jp-att-Tests"), shop.page.get_by_role("button", name="Run the tests")
    expect(tests).to_contain_text("have not been run yet")
    shop.lab.server.api.delete("projects/bare")
    expect(tests.locator(".jp-att-Banner")).to_contain_text("no project 'bare'")
    expect(tests).not_to_contain_text("have not been run yet")
    expect(run).to_be_disabled()
    shop.lab.screenshot("panel-tests-deleted")
    shop.page.get_by_role("tab", name="bare log").click()
    expect(shop.page.locator(".jp-att-Log .jp-att-Banner")).to_contain_text("no project 'bare'")
    shop.lab.screenshot("panel-log-deleted")
    shop.page.get_by_role("tab", name="bare tests").click()
    shop.lab.server.post("projects", id="bare", path=folder)
    expect(tests).to_contain_text("have not been run yet")
    expect(run).to_be_enabled()
    shop.lab.execute("jupyter-att:open-log", project="nobody")
    expect(shop.page.locator(".jp-att-Log .jp-att-Banner:visible")).to_have_text("There is no project 'nobody'.")


def test_the_log_of_a_project_that_is_made_again_begins_anew_behind_a_mark(shop: Workshop) -> None:
    shop.project("web")
    shop.start("web")
    shop.click("Open the log", "web")
    rows, banner = shop.log("web"), shop.page.locator(".jp-att-Log .jp-att-Banner")
    expect(rows.get_by_text("ready")).to_have_count(1)
    shop.lab.server.api.delete("projects/web")
    expect(banner).to_have_text("There is no project 'web'.")
    shop.project("web")
    expect(rows).to_contain_text("Output is missing here")
    expect(banner).to_have_count(0)
    shop.start("web")
    expect(rows.get_by_text("ready")).to_have_count(2)
