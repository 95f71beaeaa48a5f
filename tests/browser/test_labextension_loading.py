"""Reports of other runs are in the sidebar and in the open test panel as soon as somebody has loaded them."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.workshop import Workshop
from tests.testing.history.reports import junit


def test_loaded_reports_are_shown_without_a_reload(shop: Workshop) -> None:
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
