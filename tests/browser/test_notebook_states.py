"""Every view of a notebook in bad hours: unhealthy, crashing again and again, its server gone, its project deleted."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Locator

from tests.support.browser import Lab
from tests.support.notebook import Notebook
from tests.support.servers import Home, Server

TOKEN = "far-token"
LONG = "quarterly-revenue-forecast-of-the-northern-sales-region"
VIEWS = """
import att
from att.notebook import EventList, HealthStrip, ProjectPicker, RuntimePanel, TestHistoryChart, TestRunPanel
s = att.connect({url!r}, token={token!r})
p = s.handle("steady")
v = dict(
    dashboard=p.dashboard(log_height="150px"), tests=TestRunPanel(p), history=TestHistoryChart(p), events=EventList(s),
    picker=ProjectPicker(s, value="steady"), mcp=s.mcp.view(), health=HealthStrip(p),
    unhealthy=RuntimePanel(s.handle({long!r})), strip=HealthStrip(s.handle({long!r})),
    loop=RuntimePanel(s.handle("loop")),
)
for name, view in v.items():
    view.add_class(f"view-{{name}}")
"""
SHOW = "import ipywidgets\nipywidgets.VBox(list(v.values()))"
FAILING = [sys.executable, "-c", "import sys; sys.exit('the queue has 1,204 messages that nobody reads')"]
CRASHING = "raise RuntimeError('PORT is taken by another program')"
SERVING = "import time\nprint('ready', flush=True)\ntime.sleep(1000)"
SLOW_TEST = "import time\ndef test_one(): pass\ndef test_slow(): time.sleep(1000)\n"


@pytest.fixture
def far(tmp_path: Path) -> Iterator[Home]:
    """The home of a server elsewhere, which a test may kill."""
    with Home(tmp_path / "far").closing() as home:
        yield home


def _serve(home: Home, *options: str) -> Server:
    server = home.start(f"--IdentityProvider.token={TOKEN}", *options)
    server.get("health")
    return server


def _projects(server: Server) -> None:
    """A healthy project, an unhealthy one with a long name, and one that crashes again and again."""
    work = server.home.work
    server.post("projects", id="steady", template="service", path=str(work / "steady"))
    (work / "steady" / "tests" / "test_slow.py").write_text(SLOW_TEST)
    probe = {"kind": "command", "command": FAILING, "period_seconds": 0.3, "failure_threshold": 2}
    for name, code, more in (
        (LONG, SERVING, {"probes": [probe]}),
        ("loop", CRASHING, {"restart": "always"}),
    ):
        (work / name).mkdir()
        command = [sys.executable, "-c", code]
        server.post("projects", id=name, path=str(work / name), command=command, **more)
        server.api.post(f"projects/{name}/runtime/start")
    server.post("projects/steady/runtime/start")


def test_every_view_shows_what_is_wrong_and_goes_on_when_its_server_is_back(lab: Lab, home: Home, far: Home) -> None:
    server = _serve(far)
    _projects(server)
    lab.page.set_viewport_size({"width": 1180, "height": 1250})
    cell = VIEWS.format(url=server.facts["url"], token=TOKEN, long=LONG)
    notebook = Notebook(lab, home.work, cell, SHOW).run()

    def view(name: str) -> Locator:
        return notebook.find(f".view-{name}")

    def shows(name: str, words: str) -> None:
        view(name).get_by_text(words).first.wait_for()

    shows("dashboard", "✓ healthy")
    shows("unhealthy", "that nobody reads")
    shows("loop", "It is started again at")
    view("tests").get_by_role("button", name="Run tests").click()
    shows("tests", "◐ running")
    lab.pictures(
        {name: view(name) for name in ("unhealthy", "strip", "loop", "picker")} | {"tests-running": view("tests")}
    )

    server.end(signal.SIGKILL)
    lost = ("dashboard", "tests", "events", "picker", "mcp")
    for name in lost:
        view(name).locator(".att-alert").first.wait_for()
    view("dashboard").locator(".att-log-is-lost").wait_for()
    shows("health", "when ATT last told")
    view("history").get_by_role("button", name="Refresh").click()
    view("history").locator(".att-alert").first.wait_for()
    lab.pictures({f"lost-{name}": view(name) for name in (*lost, "history", "health")})

    server = _serve(far, f"--ServerApp.port={urlsplit(server.facts['url']).port}")
    for name in lost:
        view(name).locator(".att-alert:not(:has-text('fail'))").first.wait_for(state="detached")
    view("dashboard").locator(".att-log-is-live").wait_for()
    notebook.find(".view-dashboard .att-log-row:has-text('heartbeat')").last.wait_for()

    assert server.api.delete("projects/steady").is_success
    for name in ("dashboard", "tests"):
        view(name).locator(".att-alert:has-text('Not found')").first.wait_for()
    view("dashboard").locator("button[title='Start steady']:disabled").wait_for()
    view("history").get_by_role("button", name="Refresh").click()
    shows("history", "Not found")
    lab.pictures({f"deleted-{name}": view(name) for name in ("dashboard", "tests", "history", "picker", "events")})
    assert (lab.off_site, lab.errors, lab.faint) == ([], [], [])
