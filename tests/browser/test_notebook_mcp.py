"""The panel of the MCP hub in a real JupyterLab: servers are added by the form, shown, and removed by click."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import psutil

from tests.mcp_hub.conftest import PLAIN
from tests.support.browser import Lab
from tests.support.notebook import Notebook
from tests.support.servers import Home
from tests.support.waiting import eventually

OPEN = """
import att
s = att.connect()
panel = s.mcp.view()
panel
"""
PANEL = ".att-panel"


def test_servers_are_added_seen_and_removed_by_click_and_by_key(lab: Lab, home: Home) -> None:
    lab.page.set_viewport_size({"width": 1180, "height": 1250})
    notebook = Notebook(lab, home.work, OPEN).run()
    find, server = notebook.find, lab.server
    find(".att-empty:has-text('No MCP servers yet')").wait_for()
    notebook.click("Add server")
    find("input[placeholder='git']").fill("plain")
    find("input[placeholder='uvx mcp-server-git']").fill(shlex.join([*PLAIN, "--name", "plain"]))
    find("textarea").fill("PLACE=here")
    notebook.picture("mcp-form", PANEL)
    find("button.jupyter-button.att-main:has-text('Add')").click()
    find(".att-server[data-state='healthy']").wait_for()
    server.post("mcp/servers", server="lost", command="/no/such/program")
    find(".att-server[data-state='unreachable'] .att-alert").wait_for()
    server.post("mcp/servers", server="far", address="http://127.0.0.1:9/mcp")
    far = find(".att-server:has-text('far')[data-state='unreachable']")
    far.wait_for()
    notebook.click("Close the form")
    find("summary:has-text('Tools')").click()
    find("summary:has-text('echo')").click()
    find("summary:has-text('Last lines')").first.click()
    notebook.picture("mcp-servers", PANEL)

    address = far.locator("code")
    address.select_text()
    told = far.inner_text()
    eventually(lambda: far.inner_text() != told)  # it was tried again
    assert lab.page.evaluate("document.getSelection().toString()") == address.inner_text()

    find("button[aria-label='Remove lost']").focus()
    lab.page.keyboard.press("Enter")
    find("button[aria-label='Keep lost']:focus").wait_for()
    find("button[aria-label='Forget lost']").click()
    find(".att-server:has-text('lost')").wait_for(state="detached")

    def add_while_pressed(name: str, tools: str, shown: int) -> None:
        more = [*PLAIN[1:], "--name", name, "--tools", tools]
        server.post("mcp/servers", server=name, command=PLAIN[0], args=more)
        find(f"summary:has-text('Tools {shown}')").wait_for()  # all above it would have been drawn by now

    find("button[aria-label='Disconnect plain']").hover()
    lab.page.mouse.down()
    add_while_pressed("second", "forecast,climate", 11)
    lab.page.mouse.up()
    find(".att-server[data-state='disconnected']:has-text('plain')").wait_for()
    find("button[aria-label='Disconnect second']").focus()
    lab.page.keyboard.down("Space")
    add_while_pressed("third", "tides", 3)
    lab.page.keyboard.up("Space")
    find(".att-server[data-state='disconnected']:has-text('second')").wait_for()
    for name in ("third", "far"):
        find(f"button[aria-label='Disconnect {name}']").click()
        find(f".att-server[data-state='disconnected']:has-text('{name}')").wait_for()
    notebook.picture("mcp-disconnected", PANEL)
    for item in server.get("mcp/servers")["servers"]:
        assert server.api.delete(f"mcp/servers/{item['server']['name']}").status_code < 300
    find(".att-empty:has-text('No MCP servers yet')").wait_for()
    assert (lab.off_site, lab.errors, lab.faint) == ([], [], [])


def test_a_server_whose_program_has_gone_away_says_why_beside_one_that_answers(lab: Lab, home: Home) -> None:
    lab.page.set_viewport_size({"width": 1180, "height": 1250})
    for name in ("north", "south"):
        program = shutil.copy(PLAIN[-1], home.work / f"{name}.py")
        args = ["-I", "-S", Path(program).name, "--name", name, "--tools", "forecast,climate"]
        lab.server.post("mcp/servers", server=name, command="python3", args=args, cwd=str(home.work))
    notebook = Notebook(lab, home.work, OPEN).run()
    find = notebook.find
    for name in ("north", "south"):
        find(f".att-server[data-state='healthy']:has-text('{name}')").wait_for()
    (home.work / "north.py").write_text("import sys\nsys.exit('the station is closed for repairs')\n")
    for process in psutil.process_iter(["cmdline"]):
        if "north.py" in (process.info["cmdline"] or ()) and process.cwd() == str(home.work):
            process.kill()
    find(".att-server[data-state='unreachable']:has-text('north') .att-alert").wait_for()
    find("summary:has-text('Last lines')").first.click()
    find("pre:has-text('closed for repairs')").wait_for()
    find("summary:has-text('Tools')").click()
    notebook.picture("mcp-failover", PANEL)
    for name in ("north", "south"):
        assert lab.server.api.delete(f"mcp/servers/{name}").status_code < 300
    assert (lab.off_site, lab.errors, lab.faint) == ([], [], [])
