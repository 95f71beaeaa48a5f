"""Answers that come late or not at all: the sidebar shows what is, and says what it could not read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import APIResponse, Page, Route, WebSocketRoute, expect

from tests.browser.workshop import Workshop
from tests.support.browser import Lab
from tests.support.waiting import eventually

LIST = "**/api/v1/projects?*"
ONE = "**/api/v1/projects/new"
AFTERWARDS = "**/api/v1/projects/web/test/runs?*"


class Wire:
    """The page's stream, which can be broken, and answers to what it asks, which can be held back."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.heard: list[str] = []
        self.logs_are_silent = False
        self._streams: list[tuple[WebSocketRoute, WebSocketRoute]] = []
        self._holding = False
        self._held: list[tuple[Route, APIResponse]] = []
        page.route_web_socket("**/api/v1/ws?*", self._join)
        page.route_web_socket("**/api/v1/projects/*/ws?*", self._join_log)

    def hold(self, asked: str = LIST) -> None:
        """From now on the server answers this and the page does not get to see it."""
        self._holding = True
        self.page.route(asked, self._answer)

    def release(self, asked: str = LIST, afterwards: str = AFTERWARDS) -> None:
        """Deliver the answers as they were, and wait until the page has asked what comes next and has drawn."""
        self._holding = False
        with self.page.expect_request(afterwards):
            for route, answer in self._held:
                route.fulfill(response=answer)
        self.page.unroute(asked)
        self.page.evaluate("() => new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))")

    def cut(self) -> None:
        """Break the stream, and have the page open another one."""
        known = len(self._streams)
        for stream in self._streams[-1]:
            stream.close()
        eventually(lambda: self.again() and len(self._streams) > known)

    def again(self) -> bool:
        """Have a page that waits longer and longer try now, as where the network is back."""
        return bool(self.page.evaluate("window.dispatchEvent(new Event('online'))"))

    def until_asked(self) -> None:
        """Wait until the server has given an answer that is held back."""
        eventually(lambda: self.page.evaluate("true") and self._held)

    def until_heard(self, kind: str) -> None:
        """Wait until the page has got an event of this kind."""
        eventually(lambda: self.page.evaluate("true") and any(kind in frame for frame in self.heard))

    def forget(self) -> None:
        """Be an ordinary wire that has passed on nothing yet."""
        self.page.unroute_all(behavior="wait")
        self.logs_are_silent = self._holding = False
        self._held.clear()
        self.heard.clear()

    def _answer(self, route: Route) -> None:
        if self._holding:
            self._held.append((route, route.fetch()))
        else:
            route.continue_()

    def _join(self, page: WebSocketRoute) -> None:
        server = page.connect_to_server()
        self._streams.append((page, server))

        def pass_on(frame: str | bytes) -> None:
            page.send(frame)
            self.heard.append(str(frame))

        server.on_message(pass_on)

    def _join_log(self, page: WebSocketRoute) -> None:
        if not self.logs_are_silent:
            page.connect_to_server()


def reload(shop: Workshop) -> None:
    shop.lab.reload()
    shop.lab.execute("jupyter-att:show-projects")


@pytest.fixture(scope="module")
def laid(panel: Lab) -> Wire:
    """The wire of the page that all tests use."""
    made = Wire(panel.page)
    panel.reload()
    return made


@pytest.fixture
def wire(laid: Wire, shop: Workshop) -> Iterator[Wire]:
    laid.forget()
    yield laid
    laid.forget()


@pytest.mark.parametrize("known", [False, True], ids=["the-first-time", "after-the-stream-broke"])
def test_what_happens_while_the_list_is_being_read_is_shown(shop: Workshop, wire: Wire, known: bool) -> None:
    for name in ("web", "old"):
        shop.project(name)
    expect(shop.card("old", "stopped")).to_be_visible()
    wire.hold()
    if known:
        wire.cut()
    else:
        reload(shop)
    wire.until_asked()
    shop.start("web")
    shop.project("new")
    shop.lab.server.api.delete("projects/old")
    wire.until_heard("project.deleted")
    wire.release()
    expect(shop.card("new", "stopped")).to_be_visible()
    expect(shop.card("web", "running")).to_contain_text("Healthy")
    expect(shop.card("old")).to_have_count(0)
    expect(shop.bar).to_have_text("1 running")


def test_a_project_deleted_while_it_was_being_read_does_not_come_back(shop: Workshop, wire: Wire) -> None:
    for name in ("new", "web"):
        shop.project(name)
    expect(shop.card("web", "stopped")).to_be_visible()
    wire.hold(ONE)
    shop.lab.server.api.patch("projects/new", json={"title": "Newer"}).raise_for_status()
    wire.until_asked()
    shop.lab.server.api.delete("projects/new")
    expect(shop.card("new")).to_have_count(0)
    wire.release(ONE, afterwards=ONE)
    expect(shop.card("new")).to_have_count(0)
    assert shop.cards() == ["web"]


def test_a_project_that_cannot_be_read_again_is_named_until_it_can(shop: Workshop, wire: Wire) -> None:
    shop.project("web")
    expect(shop.card("web", "stopped")).to_be_visible()
    shop.page.route("**/api/v1/projects/web", lambda route: route.fulfill(status=502, body="<h1>Bad gateway</h1>"))
    shop.start("web")
    notice = shop.page.locator(".jp-att-Sidebar .jp-att-Banner")
    expect(notice).to_contain_text("web may be shown as it was: The Jupyter server answered 502")
    shop.page.unroute("**/api/v1/projects/web")
    shop.lab.server.post("projects/web/runtime/stop")
    expect(shop.card("web", "stopped")).to_be_visible()
    expect(notice).to_have_count(0)


def test_a_list_that_cannot_be_read_is_asked_for_again_and_a_server_of_another_release_is_named(
    shop: Workshop, wire: Wire
) -> None:
    shop.project("web")
    shop.start("web")
    expect(shop.card("web", "running")).to_contain_text("Healthy")
    shop.click("Open the tests", "web")
    run = shop.page.get_by_role("button", name="Run the tests")
    expect(run).to_be_enabled()
    shop.page.route(LIST, lambda route: route.fulfill(status=502, body="<h1>Bad gateway</h1>"))
    wire.cut()
    expect(shop.page.locator(".jp-att-Sidebar .jp-att-Banner")).to_contain_text("answered 502")
    expect(shop.bar).to_have_text("ATT disconnected")
    expect(shop.page.locator(".jp-att-Tests .jp-att-Banner")).to_contain_text("The tests go on.")
    expect(run).to_be_disabled()
    for name in ("Stop web", "Restart web"):
        expect(shop.card("web").get_by_role("button", name=name)).to_be_disabled()
    shop.lab.screenshot("panel-tests-disconnected")
    newer = {**shop.lab.server.get("health"), "version": "9.8.7"}
    shop.page.route("**/api/v1/health", lambda route: route.fulfill(json=newer))
    shop.page.unroute(LIST)
    wire.again()
    expect(shop.bar).to_have_text("1 running")
    expect(run).to_be_enabled()
    banner = shop.page.locator(".jp-att-Sidebar .jp-att-Banner")
    expect(banner).to_contain_text("the server of ATT 9.8.7")
    shop.page.unroute("**/api/v1/health")
    wire.cut()
    expect(banner).to_have_count(0)


def test_what_is_said_above_the_cards_does_not_change_their_order_under_the_pointer(shop: Workshop, wire: Wire) -> None:
    for name in ("api", "web"):
        shop.project(name)
    expect(shop.card("web", "stopped")).to_be_visible()
    shop.card("api").locator(".jp-att-Card-title").hover()
    shop.page.route(LIST, lambda route: route.fulfill(status=502, body="<h1>Bad gateway</h1>"))
    wire.cut()
    expect(shop.page.locator(".jp-att-Sidebar .jp-att-Banner")).to_contain_text("answered 502")
    assert shop.card("api").evaluate("card => !card.parentElement.matches(':hover')"), "it was pushed down"
    shop.start("web")
    shop.page.unroute(LIST)
    wire.again()
    expect(shop.card("web", "running")).to_contain_text("Healthy")
    assert shop.cards() == ["api", "web"]
    shop.bar.hover()
    eventually(lambda: shop.cards() == ["web", "api"])


def test_views_say_that_they_read_until_the_first_answer_is_there(shop: Workshop, wire: Wire) -> None:
    shop.project("web")
    shop.project("mute", "import time\ntime.sleep(1000)\n")
    shop.start("web")
    shop.start("mute")
    expect(shop.card("web", "running")).to_contain_text("Healthy")
    late: list[Route] = []
    wire.logs_are_silent = True
    shop.page.route(AFTERWARDS, lambda route: late.append(route))
    wire.hold()
    reload(shop)
    expect(shop.page.locator(".jp-att-Sidebar .jp-att-Banner")).to_have_text("Connecting…")
    shop.lab.execute("jupyter-att:open-log", project="web")
    log = shop.page.locator(".jp-att-Log")
    expect(log.locator(".jp-att-reading")).to_have_text("Reading…")
    expect(log.locator(".jp-att-Log-kept")).to_have_text("")
    shop.lab.screenshot("panel-log-reading")
    wire.until_asked()
    wire.release()
    shop.click("Open the tests", "web")
    expect(shop.page.locator(".jp-att-Tests .jp-att-reading")).to_have_text("Reading…")
    shop.lab.screenshot("panel-tests-reading")
    for route in late:
        route.continue_()
    shop.page.unroute(AFTERWARDS)
    expect(shop.page.locator(".jp-att-Tests")).to_contain_text("have not been run yet")
    shop.click("Open the log", "web")
    expect(log.locator(".jp-att-reading")).to_have_text("Reading…")
    shop.click("Open the log", "mute")
    expect(shop.page.locator(".jp-att-Log .jp-att-Nothing")).to_contain_text("Lines appear here as they come.")
