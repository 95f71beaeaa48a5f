"""What a later release has written into records is passed over by this one, and still there when it is rewritten."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from att.domains import DOMAINS
from att.errors import Invalid
from att.mcp_hub.catalogue import Catalogue
from att.mcp_hub.models import McpServer
from att.operations import REGISTRY
from att.projects.models import Project
from att.projects.recipe import Recipe
from att.store import Store
from att.testing.history.travelling import run_from
from att.testing.models import TestRun
from tests.runtime.managed import SLEEP, Site, stop_everything

PROBE = {"kind": "process", "period_seconds": 0.05}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    try:
        with Site(tmp_path) as site:
            yield site
    finally:
        stop_everything(tmp_path)


def write_later(store: Store, table: str, column: str, path: str) -> None:
    """Add what this release does not know to every record of a table."""
    with store.write() as connection:
        changed = f"json_set({column}, '{path}', json('\"kept\"'))"
        connection.execute(text(f"UPDATE {table} SET {column} = {changed}"))


def records(store: Store, table: str, column: str) -> list[dict[str, Any]]:
    with store.read() as connection:
        found = connection.execute(text(f"SELECT {column} FROM {table}")).scalars().all()
    return [json.loads(value) for value in found]


def test_settings_of_a_later_release_are_kept_when_a_project_is_changed(site: Site) -> None:
    site.project(probes=[PROBE])
    write_later(site.store, "projects", "record", "$.later")
    write_later(site.store, "projects", "record", "$.probes[0].later")
    assert [project.id for project in site.registry.list()] == ["demo"]
    after, changed = site.registry.change("demo", {"title": "Demo"})
    assert (after.title, changed) == ("Demo", ["title"])
    (record,) = records(site.store, "projects", "record")
    assert (record["later"], record["probes"][0]["later"], record["title"]) == ("kept", "kept", "Demo")


def test_a_project_with_settings_of_a_later_release_is_run_and_what_is_known_of_it_is_kept(site: Site) -> None:
    site.project(SLEEP, probes=[PROBE])
    write_later(site.store, "projects", "record", "$.later")
    first = site.manager.start("demo")
    write_later(site.store, "runtime", "snapshot", "$.later")
    second = site.manager.restart("demo")
    assert (second.state, second.run_id != first.run_id) == ("running", True)
    write_later(site.store, "restarts", "record", "$.later")
    (restart,) = site.manager.diagnostics("demo").restarts
    assert restart.new_run_id == second.run_id
    site.book.name_restarted(1, None)
    assert [(r["later"], r["new_run_id"]) for r in records(site.store, "restarts", "record")] == [("kept", None)]
    site.manager.stop("demo")
    (snapshot,) = records(site.store, "runtime", "snapshot")
    assert (snapshot["later"], snapshot["state"]) == ("kept", "stopped")


def test_a_run_of_a_later_release_is_adopted(tmp_path: Path) -> None:
    try:
        with Site(tmp_path) as site:
            site.project(SLEEP, probes=[PROBE])
            begun = site.manager.start("demo")
        run = site.launcher.latest("demo")
        assert run is not None
        for name in ("state.json", "spec.json"):
            file = run.path / name
            file.write_text(json.dumps({**json.loads(file.read_text()), "later": "unknown"}))
        with Site(tmp_path) as site:
            assert site.until_health("healthy").pid == begun.pid
            assert site.manager.stop("demo").state == "stopped"
    finally:
        stop_everything(tmp_path)


def test_who_supervises_is_known_although_a_later_release_does(site: Site) -> None:
    file = site.place.supervisor_lock.with_suffix(".json")
    known = site.manager.supervised_by()
    assert known is not None
    file.write_text(json.dumps({**json.loads(file.read_text()), "later": "unknown"}))
    assert site.manager.supervised_by() == known


def test_settings_of_a_later_release_are_kept_when_an_mcp_server_is_switched_off(site: Site) -> None:
    catalogue = Catalogue(site.store, site.registry)
    catalogue.add(McpServer(name="web", address="http://127.0.0.1:1/mcp"), replace=False)
    write_later(site.store, "mcp_servers", "record", "$.later")
    catalogue.enable(catalogue.find("web", None), enabled=False)
    assert not catalogue.find("web", None).server.enabled
    assert [record["later"] for record in records(site.store, "mcp_servers", "record")] == ["kept"]


def test_events_of_a_later_release_are_read(site: Site) -> None:
    with site.store.write() as connection:
        connection.execute(text("ALTER TABLE events ADD COLUMN later TEXT"))
        connection.execute(
            text("INSERT INTO events (at, kind, data, later) VALUES (:at, 'later.kind', '{\"new\": 1}', 'unknown')"),
            {"at": "2031-01-01T00:00:00.000000+00:00"},
        )
    event = site.events.read(tail=1).events[0]
    assert (event.kind, event.data) == ("later.kind", {"new": 1})


def test_a_test_run_and_a_setup_of_a_later_release_are_read() -> None:
    run = {"project": "demo", "run_id": "0" * 26, "state": "succeeded", "started_at": "2031-01-01T00:00:00Z"}
    read = run_from(json.dumps({**run, "later": 1, "request": {"suite": "unit", "later": 2}}))
    assert isinstance(read, TestRun)
    assert read.request is not None
    assert read.request.suite == "unit"
    step = {"kind": "copy", "title": "Copy", "arguments": {}, "later": 1}
    assert Recipe.from_json(json.dumps({"steps": [step], "limit_bytes": 1, "later": 2})).steps[0].title == "Copy"


def test_what_a_person_gives_is_still_held_to_what_is_known() -> None:
    assert DOMAINS
    with pytest.raises(Invalid, match="later"):
        REGISTRY["project.update"].validate({"project": "demo", "later": 1})
    with pytest.raises(Invalid, match="later"):
        REGISTRY["project.update"].validate({"project": "demo", "probes": [{**PROBE, "later": 1}]})
    with pytest.raises(ValueError, match="later"):
        Project.model_validate({"id": "demo", "later": 1})
