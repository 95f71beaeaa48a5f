"""A real Chromium before a real JupyterLab."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, Request, ViewportSize, expect, sync_playwright

from tests.support.contrast import FAINT
from tests.support.servers import Home, Server
from tests.support.waiting import eventually

__all__ = ["POLLING_MS", "SCREENSHOTS", "TOKEN", "VIEWPORT", "Lab", "chromium", "start_lab"]

SCREENSHOTS = Path(__file__).parents[2] / ".cache" / "screenshots"
TOKEN = "lab-token"
# The first is the same Chromium without windows, as Playwright's own; it loads JupyterLab with a fifth less work.
_PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    "--enable-precise-memory-info",
    "--js-flags=--expose-gc",
]
_HERE = ("127.0.0.1", "localhost")
_PATIENCE_MS = 30_000
POLLING_MS = 100
"""Between two questions to a page. Each frame, as Playwright has it, makes sixty frames a second of a page at rest."""
VIEWPORT: ViewportSize = {"width": 1360, "height": 860}
# No question about news, no planets over each page and theme that is loaded, and no check with Node whether JupyterLab
# should be built again.
_QUIET = {
    "disabledExtensions": {
        "@jupyterlab/apputils-extension:announcements": True,
        "@jupyterlab/apputils-extension:splash": True,
    },
    "buildAvailable": False,
    "buildCheck": False,
}
# Notes when the page first shows each word, by the same clock as the server's.
_WATCH = """
words => { window.shownAt = {}; const look = () => { for (const [where, word] of Object.entries(words))
    if (!(where in window.shownAt) && [...document.querySelectorAll(where)].some(el => el.textContent.includes(word)))
        window.shownAt[where] = Date.now() / 1000; };
  new MutationObserver(look).observe(document.body, {subtree: true, childList: true, characterData: true}); look(); }
"""
# JupyterLab finds services by token, and offers no way from a token's name to it.
_SET = """async ([plugin, raw]) => {
  const { pluginRegistry } = window.jupyterapp;
  const token = [...pluginRegistry._services.keys()].find(({ name }) => name.endsWith(':ISettingRegistry'));
  await (await pluginRegistry.resolveRequiredService(token)).upload(plugin, raw);
}"""
_DISPOSED = "() => [...window.jupyterapp.shell.widgets('main')].forEach(view => view.dispose())"
# The notebook that the address names is opened again after the layout is restored, also where it is open already.
_BROWSED = """() => !location.pathname.includes('/tree/')
  || document.querySelector('.jp-FileBrowser:not(.jp-mod-restoring)') !== null"""
# What a theme changes is drawn a little later.
_DRAWN = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 150))))"


def _program() -> str:
    found = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if found is None:
        why = "No Chromium on this machine (Debian: apt-get install chromium-headless-shell)."
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
    return found


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start a browser that calls nobody by itself. Skips without one, and fails where CI is set."""
    program = _program()
    expect.set_options(timeout=_PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_ARGUMENTS)
        yield browser
        browser.close()


def start_lab(
    home: Home, *options: str, config: dict[str, Any] | None = None, release: Path | None = None, att: bool = True
) -> Server:
    """Start a JupyterLab that asks nobody for news, and whose front end tests may call as `window.jupyterapp`.

    `release` is a folder with the ATT to run; with `att=False` the server does not load it.
    """
    page_config = home.config / "labconfig" / "page_config.json"
    page_config.parent.mkdir(parents=True, exist_ok=True)
    page_config.write_text(json.dumps(_QUIET))
    lab = {"LabApp": {"news_url": None, "check_for_updates_class": "jupyterlab.NeverCheckForUpdate"}}
    server = home.start(
        f"--IdentityProvider.token={TOKEN}",
        "--expose-app-in-browser",
        *options,
        lab=True,
        config={
            **lab,
            **(config or {}),
            **({} if att else {"ServerApp": {"jpserver_extensions": {"jupyter_ext": False}}}),
        },
        release=release,
    )
    if att:
        server.get("health")
    return server


@dataclass
class Lab:
    """One page that shows JupyterLab, in a workspace of its own; requests to other hosts are refused and noted."""

    server: Server
    page: Page
    workspace: str
    off_site: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    faint: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Address of the server, with a slash at its end."""
        found: str = self.server.facts["url"]
        return found

    def open(self, path: str = "") -> Page:
        """Show the workspace, or a file in it, and wait until JupyterLab is there."""
        self.page.set_default_timeout(_PATIENCE_MS)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", self._note)
        if path and self.page.url.startswith(self.url):  # loading JupyterLab takes longer than most tests
            self.execute("docmanager:open", path=path)
            return self.page
        tree = f"/tree/{path}" if path else ""
        self.page.goto(f"{self.url}lab/workspaces/{self.workspace}{tree}?token={TOKEN}")
        return self.ready()

    def reload(self) -> Page:
        """Load the page again; `saved` says when JupyterLab will open the same views."""
        self.page.reload()
        return self.ready()

    def saved(self, *words: str) -> None:
        """Wait until JupyterLab has saved a layout of this workspace in which these words are."""
        address = f"{self.url}lab/api/workspaces/{self.workspace}?token={TOKEN}"
        eventually(lambda: all(word in self.server.api.get(address).text for word in words))

    def ready(self) -> Page:
        """Wait until JupyterLab has restored its views."""
        self.page.wait_for_function("window.jupyterapp !== undefined", polling=POLLING_MS)
        self.page.evaluate("() => window.jupyterapp.restored")
        self.page.wait_for_function(_BROWSED, polling=POLLING_MS)
        return self.page

    def execute(self, command: str, **arguments: Any) -> None:
        """Run a command of JupyterLab, and wait for what it returns."""
        self.page.evaluate(
            "async ([id, args]) => { await window.jupyterapp.commands.execute(id, args); }", [command, arguments]
        )

    def set(self, plugin: str, **settings: Any) -> None:
        """Keep only these settings of a plugin, as the settings editor does."""
        self.page.evaluate(_SET, [plugin, json.dumps(settings)])

    def empty(self) -> None:
        """Close everything in the main area but a launcher."""
        self.page.evaluate("() => [...window.jupyterapp.shell.widgets('main')].forEach(widget => widget.close())")
        self.page.locator(".jp-Launcher").first.wait_for()

    def leave(self) -> None:
        """Forget what a test has opened, typed and kept in the page, so that the next begins as in a fresh one."""
        self.page.evaluate(_DISPOSED)
        self.page.evaluate("() => window.jupyterapp.serviceManager.sessions.shutdownAll()")
        self.page.evaluate("() => sessionStorage.clear()")
        self.page.set_viewport_size(VIEWPORT)
        self.page.context.clear_permissions()

    def theme(self, name: str) -> None:
        """Change the theme: light or dark."""
        light = "true" if name == "light" else "false"
        shown = self.page.locator(f"body[data-jp-theme-light='{light}']")
        if shown.count() == 0:
            self.execute("apputils:change-theme", theme=f"JupyterLab {name.title()}")
            shown.wait_for(state="attached")

    def watch(self, words: dict[str, str]) -> None:
        """Note from now on when the page first shows each text, in what its selector finds."""
        self.page.evaluate(_WATCH, words)

    def shown(self, words: dict[str, str]) -> dict[str, float]:
        """Return when each was first shown, in seconds since 1970, once all are."""
        every = f"Object.keys(window.shownAt).length == {len(words)} && window.shownAt"
        found: dict[str, float] = self.page.wait_for_function(every, polling=POLLING_MS).json_value()
        return found

    def screenshot(self, name: str) -> None:
        """Take a picture of the page, light and dark, under `.cache/screenshots`."""
        self.pictures({name: None})

    def pictures(self, wanted: Mapping[str, Locator | None]) -> None:
        """Take pictures of elements, or of the page, in both themes, and note what is hard to read in `faint`.

        The theme that is shown comes first, and the other one stays.
        """
        dark = self.page.locator("body[data-jp-theme-light='false']").count() > 0
        for theme in ("dark", "light") if dark else ("light", "dark"):
            self.theme(theme)
            self.picture({f"{name}-{theme}": place for name, place in wanted.items()})

    def picture(self, wanted: Mapping[str, Locator | None]) -> None:
        """Take pictures of elements, or of the page, as it is now, and note what is hard to read in `faint`."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.evaluate(_DRAWN)
        self.faint += [f"{next(iter(wanted))}: {found}" for found in self.page.evaluate(FAINT)]
        for name, place in wanted.items():
            target = self.page if place is None else place.first
            target.screenshot(path=SCREENSHOTS / f"{name}.png", animations="disabled")

    def _note(self, request: Request) -> None:
        if urlsplit(request.url).hostname not in (*_HERE, None):
            self.off_site.append(request.url)
