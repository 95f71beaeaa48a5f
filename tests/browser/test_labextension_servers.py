"""The panel when its server is killed, when another release comes in its place, and when that does not serve ATT."""

from __future__ import annotations

import json
import re
import signal
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import APIResponse, Browser, Locator, Route, expect

from tests.browser.workshop import COUNTING, Workshop
from tests.support.browser import TOKEN, VIEWPORT, Lab, start_lab
from tests.support.labextension import install_panel
from tests.support.releases import release
from tests.support.servers import Home

THEME = "@jupyterlab/apputils-extension:themes"


def _themes_stay(lab: Lab) -> None:
    """Let the page change its theme although its server is gone: the test keeps the server's part of it."""
    styles: dict[str, APIResponse] = {}
    chosen: list[str] = []

    def style(route: Route) -> None:
        address = route.request.url
        styles[address] = styles.get(address) or route.fetch()
        route.fulfill(response=styles[address])

    def setting(route: Route) -> None:
        if route.request.method == "PUT":
            chosen.append(json.loads(route.request.post_data or "")["raw"])
            route.fulfill(status=204)
        else:
            route.fulfill(json={**known, "raw": chosen[-1]})

    known = httpx.get(f"{lab.url}lab/api/settings/{THEME}?token={TOKEN}", trust_env=False).json()
    lab.page.route("**/lab/api/themes/**", style)
    lab.page.route(f"**/lab/api/settings/{THEME}*", setting)
    for name in ("dark", "light"):
        lab.theme(name)


def _dismiss(dialog: Locator) -> None:
    dialog.get_by_role("button").last.click()


def test_views_say_what_is_wrong_with_the_server_and_go_on_where_they_were_when_it_is_another_one(
    browser: Browser, labextension: Path | None, tmp_path: Path
) -> None:
    if labextension is None:
        pytest.skip("The panel is not built: no Node on this machine.")
    context = browser.new_context(viewport=VIEWPORT)
    with Home(tmp_path).closing() as home:
        install_panel(home, labextension)
        first = start_lab(home)
        lab = Lab(first, context.new_page(), "killed")
        shop = Workshop(lab)
        lab.open()
        jupyterlabs_own = lab.page.get_by_role("dialog", name="Server Connection Error")
        # One may follow another at once, so this does not wait for it to be gone.
        lab.page.add_locator_handler(jupyterlabs_own, partial(_dismiss, jupyterlabs_own), no_wait_after=True)
        _themes_stay(lab)
        lab.execute("jupyter-att:show-projects")
        shop.project("ticker", COUNTING)
        shop.start("ticker")
        shop.click("Open the log", "ticker")
        expect(shop.log("ticker")).to_contain_text("tick 20")
        expect(shop.card("ticker", "running")).to_contain_text("Healthy")
        banner = lab.page.locator(".jp-att-Sidebar .jp-att-Banner").first

        first.end(signal.SIGKILL)
        expect(shop.bar).to_have_text("ATT disconnected")
        expect(lab.page.locator(".jp-att-Log .jp-att-Banner")).to_contain_text("Nothing is lost")
        expect(banner).to_contain_text("Trying again")
        lab.screenshot("panel-disconnected")
        expect(shop.card("ticker", "running")).to_be_visible()

        port = f"--ServerApp.port={urlsplit(lab.url).port}"
        newer = release(tmp_path / "newer", version="9.8.7", api_version="2.0")
        lab.server = start_lab(home, port, release=newer)
        assert lab.server.get("health")["version"] == "9.8.7"
        expect(shop.bar).to_have_text("1 running")
        expect(banner).to_contain_text("the server 2.0")
        lab.screenshot("panel-version")
        shop.shows(shop.kept() + 50)
        ticks = shop.lines()[1:]
        assert ticks == [f"tick {n}" for n in range(len(ticks))]
        lab.server.post("projects/ticker/runtime/stop")
        expect(shop.card("ticker", "stopped")).to_be_visible()

        lab.server.end(signal.SIGKILL)
        start_lab(home, port, att=False)
        expect(shop.bar).to_have_text("ATT not served")
        expect(lab.page.locator(".jp-att-Log .jp-att-Banner")).to_have_text(re.compile("does not serve ATT.*Install"))
        for name in ("Start ticker", "Delete ticker", "New project"):
            expect(lab.page.get_by_role("button", name=name)).to_be_disabled()
        expect(banner).to_contain_text("Install jupyter-att where JupyterLab runs")
        lab.screenshot("panel-absent")
        assert lab.faint == []
    context.close()
