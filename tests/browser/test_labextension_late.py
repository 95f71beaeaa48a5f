"""Answers that come late or not at all: the sidebar shows what is, and says what it could not read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import APIResponse, Page, Route, WebSocketRoute, expect

from tests.browser.workshop import Workshop
from tests.support.waiting import eventually

LIST = "**/api/v1/projects?*"
ONE = "**/api/v1/projects/new"
AFTERWARDS = "**/api/v1/projects/web/test/runs?*"


class Wire:
    """The page's stream, which can be broken, and answers to what it asks, which can be held back."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.heard: list[str] = []
        self._streams: list[tuple[WebSocketRoute, WebSocketRoute]] = []
        self._held: list[tuple[Route, APIResponse]] = []
        page.route_web_socket("**/api/v1/ws?*", self._join)

    def hold(self, asked: str = LIST, times: int | None = None) -> None:
        """From now on, or so many times, the server answers this and the page does not get to see it."""
        self.page.route(asked, lambda route: self._held.append((route, route.fetch())), times=times)

    def release(self, asked: str = LIST, afterwards: str = AFTERWARDS) -> None:
        """Deliver the answers as they were, and wait until the page has asked what comes next and has drawn."""
        with self.page.expect_request(afterwards):
            for route, answer in self._held:
                route.fulfill(response=answer)
        self.page.unroute(asked)
        self.page.evaluate("() => new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))")

    def cut(self) -> None:
        """Break the stream; the page opens another one."""
        for stream in self._streams.pop():
            stream.close()

    def until_asked(self) -> None:
        """Wait until the server has given an answer that is held back."""
        eventually(lambda: self.page.evaluate("true") and self._held)

    def until_heard(self, kind: str) -> None:
        """Wait until the page has got an event of this kind."""
        eventually(lambda: self.page.evaluate("true") and any(kind in frame for frame in self.heard))

    def _join(self, page: WebSocketRoute) -> None:
        server = page.connect_to_server()
        self._streams.append((page, server))

        def pass_on(frame: str | bytes) -> None:
            page.send(frame)
            self.heard.append(str(frame))

        server.on_message(pass_on)


def reload(shop: Workshop) -> None:
    shop.lab.reload()
    shop.lab.execute("jupyter-att:show-projects")


@pytest.fixture
def wire(shop: Workshop) -> Iterator[Wire]:
    made = Wire(shop.page)
    reload(shop)
    yield made
    shop.page.unroute_all(behavior="wait")


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
    wire.hold(ONE, times=1)
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
    expect(shop.bar).to_have_text("1 running")
    expect(run).to_be_enabled()
    expect(shop.page.locator(".jp-att-Sidebar .jp-att-Banner")).to_contain_text("the server of ATT 9.8.7")


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
    held: list[WebSocketRoute] = []
    late: list[Route] = []
    shop.page.route_web_socket("**/api/v1/projects/*/ws?*", lambda stream: held.append(stream))
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
