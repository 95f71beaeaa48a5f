"""Small real projects for the tests of the panel, gone when the test is over."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.support.browser import POLLING_MS, Lab

__all__ = ["COUNTING", "Workshop"]

COUNTING = """\
import time
for n in range(100_000):
    print("tick", n, flush=True)
    time.sleep(0.02)
"""
SERVING = "import time\nprint('ready', flush=True)\ntime.sleep(1000)\n"


@dataclass
class Workshop:
    """Makes projects over REST and finds what the panel shows of them."""

    lab: Lab

    @property
    def page(self) -> Page:
        return self.lab.page

    def folder(self, name: str) -> Path:
        """Return the folder for a project, apart from those that notebooks make."""
        made = self.lab.server.home.work / "panel" / name
        made.mkdir(parents=True, exist_ok=True)
        return made

    def project(self, name: str, program: str = SERVING, **settings: Any) -> Path:
        """Register a project that runs `program`; return its folder."""
        folder = self.folder(name)
        (folder / "app.py").write_text(program)
        self.lab.server.post("projects", id=name, path=str(folder), command=["{python}", "app.py"], **settings)
        return folder

    def status(self, name: str) -> Any:
        """What the server says."""
        return self.lab.server.get(f"projects/{name}/runtime/status")

    def start(self, name: str) -> Any:
        """Start it as somebody else would, over REST."""
        return self.lab.server.post(f"projects/{name}/runtime/start")

    def card(self, name: str, state: str | None = None) -> Locator:
        """The project's card in the sidebar, once it shows this state."""
        wanted = f"[data-state='{state}']" if state else ""
        return self.page.locator(f".jp-att-Card[data-project='{name}']{wanted}")

    def cards(self) -> list[str]:
        """The ids of the projects in the sidebar, from above."""
        every = "cards => cards.map(card => card.dataset.project)"
        found: list[str] = self.page.locator(".jp-att-Card").evaluate_all(every)
        return found

    def click(self, action: str, name: str) -> None:
        """Press a button of the project's card."""
        self.card(name).get_by_role("button", name=f"{action} {name}", exact=True).click()

    def tab_to(self, control: Locator, most: int = 12) -> None:
        """Go on with the Tab key from where the focus is, until it is on this control."""
        for _ in range(most):
            self.page.keyboard.press("Tab")
            if control.evaluate("node => node === document.activeElement"):
                return
        raise AssertionError(f"{most} times Tab do not lead to {control}.")

    @property
    def away(self) -> Locator:
        """A place for the pointer where it keeps no card in its place."""
        return self.page.locator(".jp-Launcher").first

    @property
    def bar(self) -> Locator:
        """The item in the status bar."""
        return self.page.locator(".jp-att-Status")

    def log(self, name: str) -> Locator:
        """The lines that the project's log panel shows."""
        return self.page.get_by_role("log", name=f"Log of {name}")

    def kept(self) -> int:
        """How many lines the log panel says that it keeps."""
        return int(self.page.locator(".jp-att-Log-kept").inner_text().split()[0].replace(",", ""))

    def shows(self, lines: int) -> None:
        """Wait until the log panel keeps so many lines."""
        told = "document.querySelector('.jp-att-Log-kept').textContent.replaceAll(',', '')"
        self.page.wait_for_function(f"parseInt({told}) >= {lines}", polling=POLLING_MS)

    def lines(self) -> list[str]:
        """All lines that the log panel keeps, as its download gives them."""
        with self.page.expect_download() as download:
            self.page.get_by_role("button", name="Download these lines").click()
        return Path(download.value.path()).read_text().splitlines()

    def clear(self) -> None:
        """Delete the projects of the server, and wait until the sidebar shows none."""
        for found in self.lab.server.get("projects")["projects"]:
            gone = self.lab.server.api.delete(f"projects/{found['project']['id']}")
            assert gone.is_success, gone.text
        expect(self.page.locator(".jp-att-Card")).to_have_count(0)
