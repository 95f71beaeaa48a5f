"""The API does what its OpenAPI document says, whatever is sent: no defect, declared statuses, schemas that hold."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import (
    ensure_resource_availability,
    negative_data_rejection,
    positive_data_acceptance,
    use_after_free,
)

from att.surfaces.openapi import openapi_document
from tests.support.servers import Home, Server

CONFIG = {
    "generation": {"deterministic": True, "database": "none", "with-security-parameters": False},
    "phases": {"stateful": {"enabled": False}},
    "checks": {"not_a_server_error": {"expected-statuses": ["2xx", "4xx", 501, 503, 504]}},
}
SCHEMA = schemathesis.openapi.from_dict(openapi_document("/api/v1"), config=SchemathesisConfig.from_dict(CONFIG))
LEFT_OUT = [use_after_free, ensure_resource_availability, positive_data_acceptance, negative_data_rejection]
"""The first two guess from paths what belongs together. The others allow neither a 422 for what no schema can say (the
form of a cursor, arguments that exclude each other) nor 0 for false."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Home(tmp_path_factory.mktemp("conformance")).closing() as home:
        server = home.start()
        folder = home.work / "demo"
        folder.mkdir()
        (folder / "app.py").write_text("import time\nprint('begun', flush=True)\ntime.sleep(1000)\n")
        server.post("projects", id="demo", path=str(folder), command=[sys.executable, "app.py"])
        server.post("projects/demo/runtime/start")
        yield server


def harmless(case: Any, work: Path) -> None:
    """Keep what is made inside the test's folder, and fetch nothing from the network."""
    if isinstance(case.body, dict):
        if isinstance(case.body.get("path"), str) and case.operation.path == "/projects":
            case.body["path"] = str(work / "made")
        for name in ("url", "git_url"):
            if isinstance(case.body.get(name), str):
                case.body[name] = "http://127.0.0.1:9/" + case.body[name][:10].encode().hex()
    for name, value in (case.query or {}).items():
        if isinstance(value, str):
            case.query[name] = value[:2000]  # any HTTP server closes the connection over a head of 64 KiB
    if case.operation.method == "delete":
        case.query.pop("files", None)


@SCHEMA.exclude(path_regex=r"/ws$").parametrize()
@settings(max_examples=40, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_api_keeps_its_word(case: Any, server: Server) -> None:
    server.api  # noqa: B018 - waits for the server
    harmless(case, server.home.work)
    case.call_and_validate(
        base_url=f"{server.facts['url']}api/v1",
        headers={"Authorization": f"Bearer {server.facts['token']}"},
        excluded_checks=LEFT_OUT,
        timeout=30,
    )
