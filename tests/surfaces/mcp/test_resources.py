"""Resources at att:// addresses: which there are, pages and cursors, and errors."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError

from att.operations import REGISTRY
from att.surfaces.mcp_resources import NEXT
from att.workspace import Workspace
from tests.support.waiting import eventually
from tests.surfaces.mcp.conftest import Connect

pytestmark = pytest.mark.anyio
COUNTING = [sys.executable, "-c", "for n in range(5): print('line', n)"]
OF_A_PROJECT = {"files", "config", "tests", "logs", "status"}


def make(workspace: Workspace, folder: Path, name: str = "demo", **settings: Any) -> None:
    path = folder / name
    path.mkdir(parents=True)
    (path / "a.txt").write_text("a\n")
    given = {"id": name, "path": str(path), "command": COUNTING, **settings}
    workspace.call(REGISTRY["project.create"], given)


async def read(client: Client, uri: str) -> Any:
    (content,) = (await client.read_resource(uri)).contents
    assert content.mime_type == "application/json"
    return json.loads(content.text)  # type: ignore[union-attr]


async def test_the_projects_and_each_projects_parts_are_listed(
    connect: Connect, workspace: Workspace, tmp_path: Path
) -> None:
    make(workspace, tmp_path)
    async with connect() as client:
        listed = [resource.uri for resource in (await client.list_resources()).resources]
        templates = [t.uri_template for t in (await client.list_resource_templates()).resource_templates]
    assert listed[0] == "att://projects"
    assert set(listed[1:]) == {f"att://project/demo/{part}" for part in OF_A_PROJECT}
    assert {t.partition("{?")[0] for t in templates} == {
        "att://projects",
        *(f"att://project/{{project}}/{part}" for part in OF_A_PROJECT),
    }
    assert any(t.startswith("att://project/{project}/logs{?cursor,limit,") for t in templates)


async def test_many_projects_are_listed_page_by_page(
    connect: Connect, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        make(workspace, tmp_path, f"p{number}")
    whole = workspace.call

    def small(operation: Any, given: Any) -> Any:
        return whole(operation, {"limit": 2, **given} if operation.name == "project.list" else given)

    monkeypatch.setattr(workspace, "call", small)
    async with connect() as client:
        found, cursor, pages = [], None, 0
        while cursor is not None or not pages:
            page = await client.list_resources(cursor=cursor)
            found += [r.uri for r in page.resources if r.uri.endswith("/logs")]
            cursor, pages = page.next_cursor, pages + 1
    assert (found, pages) == ([f"att://project/p{n}/logs" for n in range(5)], 3)


async def test_the_log_is_read_page_by_page_along_the_next_address(
    connect: Connect, workspace: Workspace, tmp_path: Path
) -> None:
    make(workspace, tmp_path)
    workspace.call(REGISTRY["runtime.start"], {"project": "demo"})
    status = REGISTRY["runtime.status"]
    eventually(lambda: workspace.call(status, {"project": "demo"}).state == "exited")
    texts: list[str] = []
    async with connect() as client:
        uri: str | None = "att://project/demo/logs?limit=2"
        while uri is not None:
            (content,) = (await client.read_resource(uri)).contents
            texts += [line["text"] for line in json.loads(content.text)["lines"]]  # type: ignore[union-attr]
            uri = (content.meta or {}).get(NEXT)
            assert uri is None or uri.startswith("att://project/demo/logs?")
        assert (await read(client, "att://project/demo/logs?tail=1"))["lines"][0]["text"] == "line 4"
        assert (await read(client, "att://project/demo/status"))["state"] == "exited"
    assert texts == [f"line {n}" for n in range(5)]


async def test_files_tests_and_projects_are_what_their_operations_answer(
    connect: Connect, workspace: Workspace, tmp_path: Path
) -> None:
    make(workspace, tmp_path)
    async with connect() as client:
        files = await read(client, "att://project/demo/files?pattern=%2A.txt")
        assert [file["path"] for file in files["files"]] == ["a.txt"]
        assert [p["project"]["id"] for p in (await read(client, "att://projects"))["projects"]] == ["demo"]


async def test_config_is_the_settings_and_the_workflow_file_that_is_named(
    connect: Connect, workspace: Workspace, tmp_path: Path
) -> None:
    make(workspace, tmp_path, env={"API_KEY": "hidden"})
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "w.yml").write_text("workflow:\n  _type: react_agent\n")
    app = {"id": "app", "path": str(tmp_path / "app"), "nat_config": "w.yml"}
    workspace.call(REGISTRY["project.create"], app)
    async with connect() as client:
        plain = await read(client, "att://project/demo/config")
        nat = await read(client, "att://project/app/config")
    assert (plain["adapter"], plain["settings"]["command"], "nat_config" in plain) == ("command", COUNTING, False)
    assert plain["settings"]["env"]["API_KEY"] != "hidden"
    assert (nat["adapter"], nat["nat_config"]["path"]) == ("nat", "w.yml")
    assert "react_agent" in nat["nat_config"]["content"]


@pytest.mark.parametrize(
    ("uri", "code"),
    [
        ("att://nothing", "not_found"),
        ("https://example.org/", "not_found"),
        ("att://project/none/logs", "not_found"),
        ("att://project/No%20Slug/logs", "invalid"),
        ("att://project/none/logs?limit=0", "invalid"),
        ("att://project/..%2F..%2Fetc/files", "invalid"),
    ],
)
async def test_an_address_that_cannot_be_read_is_an_error_with_the_problem(
    connect: Connect, uri: str, code: str
) -> None:
    async with connect() as client:
        with pytest.raises(MCPError) as caught:
            await client.read_resource(uri)
    assert (caught.value.code, caught.value.data["code"], caught.value.data["uri"]) == (-32602, code, uri)


async def test_a_path_outside_the_project_is_refused(connect: Connect, workspace: Workspace, tmp_path: Path) -> None:
    make(workspace, tmp_path)
    async with connect() as client:
        with pytest.raises(MCPError) as caught:
            await client.read_resource("att://project/demo/files?folder=..%2F..")
    assert caught.value.data["code"] == "permission_denied"


async def test_the_project_of_a_template_and_of_a_prompt_is_completed(
    connect: Connect, workspace: Workspace, tmp_path: Path
) -> None:
    from mcp_types import PromptReference, ResourceTemplateReference

    for name in ("alpha", "alto", "beta"):
        make(workspace, tmp_path, name)
    async with connect() as client:
        for ref in (
            ResourceTemplateReference(uri="att://project/{project}/config"),
            PromptReference(name="plan_change"),
        ):
            done = await client.complete(ref, {"name": "project", "value": "al"})
            assert done.completion.values == ["alpha", "alto"]
        assert (await client.complete(ref, {"name": "goal", "value": "al"})).completion.values == []
