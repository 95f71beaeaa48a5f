"""The panel in a real JupyterLab: the sidebar, the status bar and the commands follow real projects."""

from __future__ import annotations

import re
import sys
from datetime import datetime

import psutil
from playwright.sync_api import expect

from tests.browser.workshop import Workshop
from tests.support.waiting import eventually

CRASHING = """\
import pathlib, sys, time
print("importing 3 files", flush=True)
while not pathlib.Path("now").exists():
    time.sleep(0.01)
raise ConnectionError("the database is gone")
"""
MESSAGE = ".jp-toast-wrapper, .Toastify__toast"


def alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_an_empty_sidebar_says_what_to_do_and_projects_appear_whoever_makes_and_starts_them(shop: Workshop) -> None:
    expect(shop.page.get_by_text("No projects yet")).to_be_visible()
    expect(shop.bar).to_have_text("ATT: nothing runs")
    shop.lab.screenshot("panel-empty")
    shop.project("web", title="Web shop")
    expect(shop.card("web", "stopped")).to_contain_text("Web shop")
    shop.start("web")
    expect(shop.card("web", "running")).to_contain_text("Healthy")
    expect(shop.bar).to_have_text("1 running")
    shop.lab.server.api.delete("projects/web")
    expect(shop.card("web")).to_have_count(0)


def test_start_restart_and_stop_by_click_move_a_real_process(shop: Workshop) -> None:
    shop.project("web")
    shop.click("Start", "web")
    expect(shop.card("web", "running")).to_contain_text("Healthy")
    first = shop.status("web")["pid"]
    assert alive(first)
    shop.click("Restart", "web")
    eventually(lambda: shop.status("web")["pid"] not in (None, first))
    second = shop.status("web")["pid"]
    assert alive(second)
    assert not alive(first)
    expect(shop.card("web", "running")).to_contain_text("Healthy")
    shop.click("Stop", "web")
    expect(shop.card("web", "stopped")).to_contain_text("Stopped")
    assert not alive(second)
    expect(shop.bar).to_have_text("ATT: nothing runs")


def test_a_crash_shows_its_reason_and_last_lines_in_sidebar_and_status_bar_within_two_seconds(shop: Workshop) -> None:
    folder = shop.project("nightly", CRASHING, title="Nightly import")
    shop.project("web", title="Web shop")
    for name in ("nightly", "web"):
        shop.start(name)
    expect(shop.card("nightly", "running")).to_contain_text("Healthy")
    words = {".jp-att-Status": "1 crashed", ".jp-att-Trouble-reason": "the database is gone"}
    words[".jp-att-Trouble-lines"] = "ConnectionError: the database is gone"
    shop.lab.watch(words)
    (folder / "now").touch()
    expect(shop.card("nightly", "exited")).to_contain_text("Crashed")
    lines = shop.card("nightly").locator(".jp-att-Trouble-lines")
    expect(lines).to_contain_text("importing 3 files")
    expect(lines).to_have_accessible_description(re.compile("importing 3 files.*the database is gone"))
    shown = shop.lab.shown(words)
    ended = datetime.fromisoformat(shop.status("nightly")["exit"]["exited_at"]).timestamp()
    assert {place for place, at in shown.items() if at - ended >= 2.0} == set()
    shop.click("Open the log", "nightly")
    expect(shop.log("nightly")).to_contain_text("the database is gone")
    shop.lab.screenshot("panel-crash")


def test_an_unhealthy_project_turns_the_status_bar_and_is_stopped_while_its_start_waits(shop: Workshop) -> None:
    probe = {"kind": "command", "command": [sys.executable, "-c", "raise SystemExit('no')"], "period_seconds": 0.2}
    shop.project("slow", probes=[{**probe, "failure_threshold": 1}])
    shop.click("Start", "slow")
    expect(shop.card("slow")).to_contain_text("Unhealthy")
    expect(shop.bar).to_have_text("1 unhealthy · 1 running")
    shop.bar.click()
    expect(shop.page.locator(".jp-att-Sidebar")).to_be_visible()
    shop.click("Stop", "slow")
    expect(shop.card("slow", "stopped")).to_be_visible()
    shop.click("Start", "slow")
    expect(shop.card("slow")).to_contain_text("Unhealthy")
    shop.lab.execute("jupyter-att:stop", project="slow")
    expect(shop.card("slow", "stopped")).to_be_visible()
    expect(shop.page.locator(MESSAGE)).to_have_count(0)


def test_many_projects_with_long_names_are_filtered_and_each_can_be_told_apart(shop: Workshop) -> None:
    long = "quarterly-revenue-forecast-of-the-northern-sales-region"
    title = "Forecast of the quarterly revenue of all shops for the sales region in the "
    titles = {"frontend": "Forecast for the northern sales region", "north": f"{title}north", "south": f"{title}south"}
    for name in ("api", "billing", "crawler", "docs", "exports", "frontend", "north", "south", long):
        shop.project(name, title=titles.get(name))
    for name in ("docs", long):
        shop.start(name)
        expect(shop.card(name, "running")).to_contain_text("Healthy")
    shop.lab.server.api.post(
        "projects", json={"id": "unfit", "git_url": "http://127.0.0.1:9/no.git", "path": "~/unfit"}
    )
    expect(shop.card("unfit")).to_contain_text("Setup failed")
    expect(shop.card("unfit").locator(".jp-att-Trouble-lines")).to_contain_text("no.git")
    expect(shop.bar).to_have_text("1 not set up · 2 running")
    stopped = ["api", "billing", "crawler", "exports", "frontend", "north", "south"]
    eventually(lambda: shop.cards() == ["unfit", "docs", long, *stopped])
    for name in ("north", "south"):
        expect(shop.card(name).locator(".jp-att-Card-id")).to_have_text(name)
        expect(shop.card(name).locator(".jp-att-Card-name")).to_have_attribute(
            "title", f"{titles[name]}\n{name}\n{shop.folder(name)}"
        )
    field = shop.page.get_by_role("searchbox", name="Filter the projects")
    expect(shop.card("api").locator(".jp-att-Card-id")).to_have_count(0)
    shop.lab.screenshot("panel-many")
    shop.card("south").scroll_into_view_if_needed()
    assert field.evaluate("field => field.offsetHeight") == 26
    sidebar = shop.page.locator(".jp-att-Sidebar")
    assert sidebar.evaluate("sidebar => sidebar.offsetWidth") == 250, "JupyterLab makes it no narrower"
    assert sidebar.evaluate("sidebar => sidebar.scrollWidth <= sidebar.clientWidth")
    field.fill("forecast")
    expect(shop.page.locator(".jp-att-Card")).to_have_count(4)
    field.fill("nothing like it")
    expect(shop.page.get_by_text("No project is called so")).to_be_visible()
    for name in ("api", "billing", "crawler", "docs", "exports", "frontend"):
        shop.lab.server.api.delete(f"projects/{name}")
    field.fill("")
    expect(shop.page.locator(".jp-att-Card")).to_have_count(4)


def test_a_card_stays_under_the_pointer_and_keeps_the_focus_when_it_moves(shop: Workshop) -> None:
    for name in ("api", "web", "zoo"):
        shop.project(name)
    expect(shop.card("zoo")).to_be_visible()
    shop.click("Start", "web")
    expect(shop.card("web", "running")).to_contain_text("Healthy")
    assert shop.cards() == ["api", "web", "zoo"]
    shop.away.hover()
    eventually(lambda: shop.cards() == ["web", "api", "zoo"])
    button = shop.card("api").get_by_role("button", name="Start api")
    button.focus()
    shop.start("zoo")
    eventually(lambda: shop.cards() == ["web", "zoo", "api"])
    expect(button).to_be_focused()


def test_a_page_asks_for_details_only_of_what_is_in_view(shop: Workshop) -> None:
    names = [f"p{n:02}" for n in range(30)]
    for name in names:
        shop.project(name)
    expect(shop.card(names[-1])).to_have_count(1)
    asked: list[str] = []
    shop.page.on("request", lambda request: asked.append(request.url) if "/api/v1/" in request.url else None)
    with shop.page.expect_request("**/api/v1/projects/p00/test/runs?*"):
        shop.lab.reload()
        shop.lab.execute("jupyter-att:show-projects")
    with shop.page.expect_request("**/api/v1/projects/p29/test/runs?*"):
        shop.card("p29").scroll_into_view_if_needed()
    of_projects = [url for url in asked if "/api/v1/projects/p" in url]
    assert len(of_projects) == len(set(of_projects)) < len(names)


def test_a_start_that_fails_tells_why_and_leads_to_the_log(shop: Workshop) -> None:
    shop.project("broken", "import left_out_of_the_environment\n")
    shop.click("Start", "broken")
    message = shop.page.locator(MESSAGE).filter(has_text="left_out_of_the_environment")
    expect(message).to_contain_text("is missing")
    shop.lab.screenshot("panel-start-failed")
    message.get_by_role("button", name="Open log").click()
    expect(shop.log("broken")).to_contain_text("ModuleNotFoundError")


def test_commands_act_on_a_named_project_or_ask_which_and_a_setting_hides_the_status_item(shop: Workshop) -> None:
    shop.project("web")
    expect(shop.page.locator(".jp-LauncherCard", has_text="Projects")).to_be_visible()
    shop.lab.execute("jupyter-att:start", project="web")
    expect(shop.card("web", "running")).to_be_visible()
    shop.lab.execute("apputils:activate-command-palette")
    shop.page.locator("#modal-command-palette input, .lm-CommandPalette-input").first.fill("stop a project")
    shop.page.locator(".lm-CommandPalette-item", has_text="Stop a Project…").click()
    shop.page.locator(".jp-Dialog").get_by_role("button", name="OK").click()
    expect(shop.card("web", "stopped")).to_be_visible()
    probe = {"kind": "command", "command": [sys.executable, "-c", "raise SystemExit('no')"], "period_seconds": 0.2}
    shop.project("slow", probes=[probe])
    shop.lab.set("jupyter-att:plugin", statusBar=False, waitSeconds=1)
    expect(shop.bar).to_be_hidden()
    shop.click("Start", "slow")
    expect(shop.page.get_by_text("not healthy, after 1 s. It goes on; look at its log.")).to_be_visible()
    shop.lab.set("jupyter-att:plugin", wait="none")
    expect(shop.bar).to_be_visible()
    before = shop.status("slow")["pid"]
    shop.click("Restart", "slow")
    eventually(lambda: shop.status("slow")["pid"] not in (None, before))
    expect(shop.card("slow").get_by_role("button", name="Restart slow")).to_be_enabled()
    shop.lab.set("jupyter-att:plugin")


def test_a_project_is_deleted_with_its_folder_only_where_that_is_ticked(shop: Workshop) -> None:
    folders = {name: shop.project(name) for name in ("keep", "sweep")}
    dialog = shop.page.locator(".jp-Dialog")
    delete = dialog.get_by_role("button", name="Delete")
    expect(shop.card("keep")).to_be_visible()
    shop.lab.execute("jupyter-att:delete", project="keep")
    expect(dialog).to_contain_text(str(folders["keep"]))
    expect(delete).to_have_class(re.compile("jp-mod-warn"))
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_have_count(0)
    shop.click("Delete", "keep")
    delete.click()
    expect(shop.card("keep")).to_have_count(0)
    assert (folders["keep"] / "app.py").exists()
    shop.click("Delete", "sweep")
    dialog.get_by_role("checkbox").check()
    shop.lab.screenshot("panel-delete")
    delete.click()
    expect(shop.card("sweep")).to_have_count(0)
    assert not folders["sweep"].exists()


def test_what_restarts_by_itself_has_the_sign_and_word_of_the_notebook(shop: Workshop) -> None:
    shop.project("again", "raise SystemExit(3)\n", restart="always")
    shop.start("again")
    expect(shop.card("again", "backoff").locator(".jp-att-Chip .jp-att-mark-again")).to_be_visible()
    expect(shop.card("again", "backoff")).to_contain_text("Backoff")


def test_everything_of_a_card_is_reached_and_done_with_the_keyboard(shop: Workshop) -> None:
    shop.project("web")
    card = shop.card("web", "stopped")
    expect(card.locator(".jp-att-mark-stopped")).to_be_visible()
    shop.page.get_by_role("button", name="New project").first.focus()
    shop.tab_to(card.get_by_role("button", name="Start web"))
    shop.page.keyboard.press("Enter")
    expect(shop.card("web", "running")).to_contain_text("Healthy")
    expect(shop.card("web").get_by_role("button", name="Stop web")).to_be_focused()
    shop.page.get_by_role("button", name="New project").first.focus()
    shop.tab_to(shop.card("web").get_by_role("button", name="Open the log web"))
    shop.page.keyboard.press("Enter")
    rows = shop.log("web")
    expect(rows).to_be_focused()
    shop.page.get_by_role("searchbox", name="Search the log").focus()
    shop.page.keyboard.type("ready")
    expect(rows.locator(".jp-att-mod-current mark")).to_have_text("ready")
    stderr = shop.page.get_by_role("button", name="Only what was written to stderr")
    shop.tab_to(stderr)
    for _ in range(2):  # the second is a key that is held down
        shop.page.keyboard.down("Enter")
    shop.page.keyboard.up("Enter")
    expect(stderr).to_have_attribute("aria-pressed", "true")
    shop.tab_to(rows)


def test_a_project_is_made_by_hand_and_what_is_wrong_is_said_where_it_was_typed(shop: Workshop) -> None:
    folder = shop.lab.server.home.work / "my_app"
    shop.project("taken")
    shop.page.get_by_role("button", name="New project").first.click()
    form = shop.page.locator(".jp-Dialog")
    create, name = form.get_by_role("button", name="Create"), form.get_by_label("Name")
    create.click()
    expect(form.locator(".jp-att-Form-rule")).to_contain_text("A project needs a name")
    expect(name).to_be_focused()
    name.fill("My App")
    expect(name).to_have_accessible_description(re.compile("the first is a letter or digit"))
    expect(name).to_have_attribute("aria-invalid", "true")
    expect(create).to_be_disabled()
    name.fill("taken")
    form.get_by_label("Folder on the server").fill(str(folder))
    name.press("Enter")
    expect(form.get_by_role("alert")).to_contain_text("taken")
    expect(form.get_by_label("Folder on the server")).to_have_value(str(folder))
    shop.lab.screenshot("panel-new-project")
    name.fill("my_app")
    create.click()
    expect(form).to_have_count(0)
    expect(shop.card("my_app", "stopped")).to_be_visible()
    shop.click("Start", "my_app")
    expect(shop.card("my_app", "running")).to_contain_text("Healthy")
