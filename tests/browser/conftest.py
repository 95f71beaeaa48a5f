"""One JupyterLab and one browser for all tests of this folder, and a page of its own for each test.

They are given up after the last test of the folder: an open Playwright keeps this thread's event loop busy.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.workshop import Workshop
from tests.support.browser import VIEWPORT, Lab, chromium, start_lab
from tests.support.labextension import built_labextension, install_panel
from tests.support.servers import Home, Server


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="package")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with Home(tmp_path_factory.mktemp("lab")).closing() as made:
        yield made


@pytest.fixture(scope="package")
def labextension(home: Home) -> Path | None:
    """The panel as this JupyterLab loads it; None on a laptop without Node."""
    built = built_labextension()
    if built is not None:
        install_panel(home, built)
    return built


@pytest.fixture(scope="package")
def server(browser: Browser, home: Home, labextension: Path | None) -> Server:
    """A JupyterLab with ATT; its working folder is `home.work`."""
    return start_lab(home)


@pytest.fixture(scope="package")
def window(browser: Browser, server: Server) -> Iterator[Page]:
    """The page in which notebooks are opened one after another: loading JupyterLab takes most of their time."""
    context = browser.new_context(viewport=VIEWPORT)
    yield context.new_page()
    context.close()


@pytest.fixture
def lab(window: Page, server: Server) -> Iterator[Lab]:
    """A browser window without notebooks and kernels; call `open()` first."""
    lab = Lab(server, window, "notebooks")
    yield lab
    lab.leave()


@pytest.fixture(scope="package")
def panel(browser: Browser, server: Server, labextension: Path | None) -> Iterator[Lab]:
    """One window for all tests of the panel: loading JupyterLab takes most of their time."""
    if labextension is None:
        pytest.skip("The panel is not built: no Node on this machine.")
    context = browser.new_context(viewport=VIEWPORT)
    lab = Lab(server, context.new_page(), "panel")
    lab.open()
    yield lab
    context.close()


@pytest.fixture
def shop(panel: Lab) -> Iterator[Workshop]:
    """The sidebar beside an empty main area, and no projects."""
    panel.empty()
    panel.execute("jupyter-att:show-projects")
    made = Workshop(panel)
    made.clear()
    made.away.hover()
    noted = (panel.errors, panel.off_site, panel.faint)
    for notes in noted:
        notes.clear()
    yield made
    made.clear()
    assert noted == ([], [], [])
