"""Where the links of a panel lead, by where the page is."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from att.notebook.looks import script

LINK = "<a href='http://127.0.0.1:8000' data-proxied='{way}'>the project</a>"
RENDER = """async ([code, html]) => {
  const module = await import(URL.createObjectURL(new Blob([code], { type: "text/javascript" })));
  module.default.render({ model: { get: () => html, on() {}, off() {} }, el: document.body });
  return document.querySelector("a").getAttribute("href");
}"""


@pytest.mark.parametrize(
    ("host", "way", "leads_to"),
    [
        ("127.0.0.1:8888", "/proxy/8000/", "http://127.0.0.1:8000"),
        ("hub.example", "/user/ada/proxy/8000/", "/user/ada/proxy/8000/"),
        ("hub.example", "", None),
    ],
)
def test_a_link_to_the_project_takes_the_way_through_the_server_in_a_page_from_elsewhere(
    browser: Browser, host: str, way: str, leads_to: str | None
) -> None:
    page = browser.new_page()
    page.route("**/*", lambda route: route.fulfill(content_type="text/html", body="<body></body>"))
    page.goto(f"http://{host}/lab")
    assert page.evaluate(RENDER, [script("markup.js"), LINK.format(way=way)]) == leads_to
    page.close()
