"""The brakes: every surface offers exactly what is declared, and behaves alike."""

from __future__ import annotations

import html
import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from att.client.project import ProjectHandle
from att.client.remote import Remote, declared_by
from att.client.session import Session
from att.domains import DOMAINS
from att.errors import ATTError
from att.operations import REGISTRY, Operation
from att.surfaces.handwritten import HAND_WRITTEN
from att.surfaces.openapi import openapi_document
from tests.surfaces.scenarios import SUCCESS, UNREACHED, Stage, provoked
from tests.surfaces.ways import CommandLine, Mcp, Python, Rest, Way, resolve

OPERATIONS = [operation for operation in REGISTRY.values() if operation.owner in DOMAINS]
REFERENCE = Path(__file__).parents[2] / "notebooks" / "90-reference.ipynb"
WAYS = ["rest", "cli", "mcp", "http", "in_process"]


@pytest.fixture(scope="module")
def ways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Way]]:
    from att.client.discovery import named_server, open_workspace
    from tests.support.jupyter import jupyter_server

    with (
        jupyter_server(tmp_path_factory.mktemp("server"), "--ATT.mcp_tools=*") as server,
        named_server(server.url, server.token, "the test's") as remote,
        open_workspace(tmp_path_factory.mktemp("data"), "the test's") as embedded,
    ):
        yield {
            "rest": Rest(remote, server),
            "cli": CommandLine(remote, server),
            "mcp": Mcp(remote, server),
            "http": Python(remote),
            "in_process": Python(embedded),
        }


@pytest.fixture
def way(request: pytest.FixtureRequest, ways: dict[str, Way]) -> Way:
    return ways[request.param]


@pytest.fixture
def stage(way: Way, tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(way.session, tmp_path)
    yield stage
    stage.clear()


def _offered(operation: Operation, way: str) -> bool:
    return {"http": "python", "in_process": "python"}.get(way, way) not in operation.absent


def _successes() -> Iterator[Any]:
    for way in WAYS:
        for operation in OPERATIONS:
            if _offered(operation, way):
                yield pytest.param(way, operation, id=f"{way}-{operation.name}")


def _errors() -> Iterator[Any]:
    for way in WAYS:
        for operation in OPERATIONS:
            for error in operation.declared_errors if _offered(operation, way) else ():
                if (operation.name, error) not in UNREACHED:
                    yield pytest.param(way, operation, error, id=f"{way}-{operation.name}-{error.code}")


@pytest.mark.parametrize(("way", "operation"), [*_successes()], indirect=["way"])
def test_every_operation_succeeds_on_every_surface(way: Way, operation: Operation, stage: Stage) -> None:
    given = SUCCESS[operation.name](stage)
    assert isinstance(way.run(operation, given), (*operation.result_types, ProjectHandle, pd.DataFrame))


@pytest.mark.parametrize(("way", "operation", "error"), [*_errors()], indirect=["way"])
def test_every_declared_error_is_the_same_on_every_surface(
    way: Way, operation: Operation, error: type[ATTError], stage: Stage
) -> None:
    provoke = provoked(operation, error)
    assert provoke is not None, "say in ERRORS how to provoke it, or in UNREACHED why not"
    given = provoke(stage)
    with pytest.raises(error) as caught:
        way.run(operation, given)
    assert caught.value.code == error.code
    assert caught.value.message


def _addresses(found: Any, prefix: str, depth: int = 0) -> Iterator[tuple[str, Operation]]:
    for name, member in inspect.getmembers_static(type(found)):
        if name.startswith("_"):
            continue
        operation = member.operation if isinstance(member, Remote) else declared_by(member)
        if operation is not None:
            yield f"{prefix}.{name}", operation
        elif isinstance(member, property) and name in type(found).__dict__ and depth < 3:
            value = member.fget(found) if name not in _ANSWERS else None  # type: ignore[misc]
            if value is not None and type(value).__module__.startswith("att.client") and value is not found:
                yield from _addresses(value, f"{prefix}.{name}", depth + 1)


_ANSWERS = frozenset({"url", "http", "session", "mode"})
"""Properties that are no groups; some of them ask the project."""


def test_python_addresses_and_registry_are_the_same_in_both_directions() -> None:
    from tests.client.test_remote import Recorder

    session = Session(Recorder())  # type: ignore[arg-type]
    there = [*_addresses(session, "s"), *_addresses(session.handle("demo"), "p")]
    assert {address: operation.name for address, operation in there} == {
        operation.python: operation.name for operation in OPERATIONS if "python" not in operation.absent
    }
    for operation in OPERATIONS:
        assert declared_by(resolve(session, operation, "demo")) is operation


def test_openapi_and_registry_are_the_same_in_both_directions() -> None:
    document = openapi_document("/api/v1")
    described = {
        verb["operationId"]: (method.upper(), path)
        for path, item in document["paths"].items()
        for method, verb in item.items()
        if "operationId" in verb
    }
    declared = {o.name: (o.method, o.path) for o in OPERATIONS if "rest" not in o.absent}
    by_hand = {f"hand_written.{route.name}": ("GET", route.path) for route in HAND_WRITTEN}
    samples = {name for name in described if name.startswith("sample.")}  # of the surfaces' own tests
    assert {name: route for name, route in described.items() if name not in samples} == declared | by_hand


def test_the_reference_notebook_and_the_registry_are_the_same_in_both_directions() -> None:
    cells = json.loads(REFERENCE.read_text())["cells"]
    tables = ["".join(out["data"]["text/html"]) for cell in cells for out in cell.get("outputs", ()) if "data" in out]
    rows = [re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL) for row in tables[0].split("<tr>")]
    shown = {row[0]: tuple(map(html.unescape, row[1:4])) for row in rows if row}
    assert shown == {o.name: (f"{o.method} {o.path}", o.python, f"att {o.cli}") for o in OPERATIONS}


def test_every_operation_has_a_scenario_and_no_scenario_is_left_over() -> None:
    assert set(SUCCESS) == {operation.name for operation in OPERATIONS}


def test_errors_that_are_not_provoked_are_declared_and_have_a_reason() -> None:
    declared = {(operation.name, error) for operation in OPERATIONS for error in operation.declared_errors}
    assert set(UNREACHED) <= declared
    assert all(UNREACHED.values())
