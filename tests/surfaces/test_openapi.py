"""The OpenAPI document says what the registry says."""

from __future__ import annotations

import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from att.surfaces.handwritten import HAND_WRITTEN
from att.surfaces.openapi import openapi_document
from att.surfaces.rest import all_operations
from tests.surfaces.sample import sample_operations


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return openapi_document("/a%40b/api/v1")


@pytest.fixture(scope="module")
def sample() -> dict[str, Any]:
    return openapi_document("/api/v1", sample_operations())


def operations_in(document: dict[str, Any]) -> dict[str, tuple[str, str, Any]]:
    return {
        found["operationId"]: (method.upper(), path, found)
        for path, methods in document["paths"].items()
        for method, found in methods.items()
    }


def test_it_has_every_operation_and_every_route_written_by_hand_and_nothing_else(document: dict[str, Any]) -> None:
    declared = {o.name: (o.method, o.path) for o in all_operations() if "rest" not in o.absent}
    by_hand = {f"hand_written.{route.name}": ("GET", route.path) for route in HAND_WRITTEN}
    assert {name: found[:2] for name, found in operations_in(document).items()} == declared | by_hand


def test_every_schema_is_a_json_schema_whose_references_exist(document: dict[str, Any]) -> None:
    for name, schema in document["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        assert name == schema.get("title", name)
    wanted = set(re.findall(r"#/components/schemas/(\w+)", repr(document)))
    assert wanted <= set(document["components"]["schemas"])


def test_every_path_parameter_is_described_and_no_caller_side_argument_is(document: dict[str, Any]) -> None:
    declared = {o.name: o for o in all_operations()}
    for name, (_, path, found) in operations_in(document).items():
        in_path = {p["name"] for p in found["parameters"] if p["in"] == "path"}
        assert in_path == set(re.findall(r"\{(\w+)\}", path))
        if name in declared:
            body = found.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            told = {p["name"] for p in found["parameters"]} | set(body.get("properties", {}))
            assert told == {p.name for p in declared[name].wire_parameters}


def test_every_declared_error_is_a_problem_response(document: dict[str, Any]) -> None:
    found = operations_in(document)
    for operation in all_operations():
        if "rest" in operation.absent:
            continue
        responses = found[operation.name][2]["responses"]
        for error in operation.declared_errors:
            assert error.code in responses[str(error.status)]["description"]
            assert set(responses[str(error.status)]["content"]) == {"application/problem+json"}
        assert {"401", "403", "503"} <= set(responses)


def test_long_work_is_202_with_a_location_beside_what_is_done_at_once(sample: dict[str, Any]) -> None:
    responses = operations_in(sample)["sample.make"][2]["responses"]
    assert responses["201"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Number"}
    assert responses["202"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/CountRun"}
    assert set(responses["202"]["headers"]) == {"Location"}
    assert "200" not in responses
    assert "202" not in operations_in(sample)["sample.count_status"][2]["responses"]


def test_arguments_are_described_where_they_travel(sample: dict[str, Any]) -> None:
    make = operations_in(sample)["sample.make"][2]["requestBody"]
    assert make["required"] is True
    schema = make["content"]["application/json"]["schema"]
    assert (schema["required"], schema["additionalProperties"]) == (["value"], False)
    assert "default" not in schema["properties"]["label"]
    listed = {p["name"]: p for p in operations_in(sample)["sample.list"][2]["parameters"]}
    assert listed["only"]["schema"] == {"type": "array", "items": {"type": "integer"}, "maxItems": 5}
    assert listed["limit"]["schema"]["default"] == 3


def test_what_can_be_followed_offers_an_event_stream(document: dict[str, Any]) -> None:
    for name, (method, _, found) in operations_in(document).items():
        streams = "text/event-stream" in found["responses"].get("200", {}).get("content", {})
        declared = next((o for o in all_operations() if o.name == name), None)
        assert streams == (declared is not None and declared.followable and method == "GET"), name
