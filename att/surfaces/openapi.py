"""The OpenAPI 3.1 document of the REST surface, built from the registry."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Union

from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from att.errors import (
    ATTError,
    Internal,
    Invalid,
    NotFound,
    PermissionDenied,
    TooLarge,
    Unauthenticated,
    Unavailable,
    error_classes,
)
from att.operations import Operation
from att.surfaces.handwritten import HAND_WRITTEN, HandWritten
from att.surfaces.rest import (
    EVENT_STREAM,
    MalformedBody,
    NotAcceptable,
    UnsupportedMediaType,
    all_operations,
    media_types,
)
from att.system.models import API_VERSION

__all__ = ["openapi_document"]

_REF = "#/components/schemas/{model}"
_ALWAYS: tuple[type[ATTError], ...] = (Unauthenticated, PermissionDenied, Internal, Unavailable)
_WITH_BODY: tuple[type[ATTError], ...] = (MalformedBody, UnsupportedMediaType, TooLarge)
_BUILT_WITH_BODY = ("POST", "PUT", "PATCH")
Json = dict[str, Any]
_TEXT: Json = {"type": "string"}


def openapi_document(base: str, operations: Iterable[Operation] | None = None) -> Json:
    """Return the document for the surface mounted at `base`."""
    offered = [o for o in (all_operations() if operations is None else operations) if "rest" not in o.absent]
    schemas = _Schemas(offered)
    paths: dict[str, Json] = {}
    for operation in offered:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, schemas)
    for route in HAND_WRITTEN:
        paths.setdefault(route.path, {})["get"] = _hand_written(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ATT",
            "version": API_VERSION,
            "description": "Run, watch and test Python projects from Jupyter. Errors are RFC 9457 problem documents.",
        },
        "servers": [{"url": base}],
        "security": [{"token": []}, {"cookie": [], "xsrf": []}],
        "tags": [{"name": name, "description": text} for name, text in _tags(offered).items()],
        "paths": paths,
        "components": {
            "schemas": {**schemas.components, "Problem": _problem_schema()},
            "securitySchemes": _security_schemes(),
        },
    }


class _Schemas:
    """JSON Schemas of all arguments and results, with their models as components."""

    def __init__(self, operations: list[Operation]) -> None:
        inputs: list[tuple[str, JsonSchemaMode, TypeAdapter[Any]]] = []
        for operation in operations:
            inputs.append((f"{operation.name} arguments", "validation", TypeAdapter(operation.arguments_model)))
            for status, adapter in _results(operation).items():
                inputs.append((f"{operation.name} {status}", "serialization", adapter))
        for route in HAND_WRITTEN:
            inputs.append((f"{route.name} arguments", "validation", TypeAdapter(route.arguments)))  # noqa: PERF401
        found, definitions = TypeAdapter.json_schemas(inputs, ref_template=_REF)
        self._by_key = {key: schema for (key, _), schema in found.items()}
        self.components: Json = definitions.get("$defs", {})
        self._arguments = {key: self._inlined(schema) for key, schema in self._by_key.items() if "arguments" in key}

    def _inlined(self, schema: Json) -> Json:
        """Return the object schema itself where it is a reference to a component, and drop that component."""
        ref = schema.get("$ref")
        return self.components.pop(ref.rpartition("/")[2]) if ref else schema

    def arguments(self, name: str) -> Json:
        return self._arguments[f"{name} arguments"]

    def result(self, name: str, status: int) -> Json:
        return self._by_key[f"{name} {status}"]


def _results(operation: Operation) -> dict[int, TypeAdapter[Any]]:
    """Return what the operation answers by HTTP status: a run of long work is 202, anything else 201 or 200."""
    success = 201 if operation.created else 200
    run = operation.run_type
    if run is None or not operation.long:
        return {success: operation.result_adapter}
    others = tuple(t for t in operation.result_types if t is not run)
    return {202: TypeAdapter(run), **({success: _any_of(others)} if others else {})}


def _any_of(members: tuple[type, ...]) -> TypeAdapter[Any]:
    union: Any = Union[members]  # noqa: UP007 - the members are known at run time only
    return TypeAdapter(union)


def _operation(operation: Operation, schemas: _Schemas) -> Json:
    arguments = schemas.arguments(operation.name)
    places = {p.name: p for p in operation.wire_parameters}
    described = {name: _without_default(schema, places[name].omittable) for name, schema in _properties(arguments)}
    required = set(arguments.get("required", ()))
    document: Json = {
        "operationId": operation.name,
        "tags": [operation.group.partition(".")[0]],
        "summary": operation.summary,
        "description": operation.doc,
        "parameters": [
            _parameter(name, places[name].location, schema, name in required)
            for name, schema in described.items()
            if places[name].location != "body"
        ],
        "responses": _responses(operation, schemas),
        "x-att-python": operation.python,
    }
    if "cli" not in operation.absent:
        document["x-att-cli"] = f"att {operation.cli}"
    if operation.method in _BUILT_WITH_BODY:
        fields = {name: schema for name, schema in described.items() if places[name].location == "body"}
        document["requestBody"] = _body(fields, required & set(fields))
    return document


def _properties(schema: Json) -> list[tuple[str, Json]]:
    return list(schema.get("properties", {}).items())


def _without_default(schema: Json, omittable: bool) -> Json:
    """Leave out titles that only repeat the name, and a default that stands for "not given"."""
    return {k: v for k, v in schema.items() if k != "title" and not (k == "default" and omittable)}


def _parameter(name: str, place: str, schema: Json, required: bool) -> Json:
    inner = {k: v for k, v in schema.items() if k != "description"}
    if place == "query":
        inner = _without_null(inner)
    described = {"description": schema["description"]} if "description" in schema else {}
    return {"name": name, "in": place, "required": required or place == "path", **described, "schema": inner}


def _without_null(schema: Json) -> Json:
    """A query cannot say null: leaving the argument out means it."""
    kept = {k: v for k, v in schema.items() if not (k == "default" and v is None)}
    members = [m for m in kept.get("anyOf", ()) if m.get("type") != "null"]
    if len(members) == 1:
        del kept["anyOf"]
        return {**members[0], **kept}
    return {**kept, "anyOf": members} if members else kept


def _body(fields: Json, required: set[str]) -> Json:
    schema: Json = {"type": "object", "properties": fields, "additionalProperties": False}
    if required:
        schema["required"] = sorted(required)
    return {"required": bool(required), "content": {"application/json": {"schema": schema}}}


def _responses(operation: Operation, schemas: _Schemas) -> Json:
    responses: Json = {}
    for status in sorted(_results(operation)):
        response: Json = {"description": operation.summary}
        response["content"] = {"application/json": {"schema": schemas.result(operation.name, status)}}
        response["content"] |= {media: {"schema": {}} for media in media_types(operation)}
        if status == 202 and operation.run_type is not None:
            response["description"] = f"The work has begun; {operation.run_type.status_operation} reads how far it is."
            response["headers"] = {"Location": {"description": "Where the run is read again.", "schema": _TEXT}}
        elif operation.followable and operation.method == "GET":
            response["content"][EVENT_STREAM] = {"schema": {**_TEXT, "description": _stream_text(operation)}}
        responses[str(status)] = response
    return {**responses, **_problems([*_ALWAYS, *_possible(operation)])}


def _stream_text(operation: Operation) -> str:
    page = next(t.__name__ for t in operation.result_types)
    return (
        f"One message `event: page` per {page} with news: `data` is the page as JSON, `id` its cursor, which "
        "`Last-Event-ID` takes up again. `event: problem` ends the stream with a problem document, `event: end` when "
        "the sequence is complete. Comments are heartbeats."
    )


def _possible(operation: Operation) -> list[type[ATTError]]:
    found: list[type[ATTError]] = [Invalid, *operation.declared_errors]
    if operation.method in _BUILT_WITH_BODY:
        found.extend(_WITH_BODY)
    if operation.method == "GET":
        found.append(NotAcceptable)
    return found


def _problems(errors: Iterable[type[ATTError]]) -> Json:
    """Return one response a status, naming the codes that it may carry."""
    by_status: dict[int, list[type[ATTError]]] = {}
    for error in dict.fromkeys(errors):
        by_status.setdefault(error.status, []).append(error)
    return {
        str(status): {
            "description": " / ".join(f"{e.title} (`{e.code}`)" for e in found),
            "content": {"application/problem+json": {"schema": {"$ref": _REF.format(model="Problem")}}},
        }
        for status, found in sorted(by_status.items())
    }


def _hand_written(route: HandWritten, schemas: _Schemas) -> Json:
    arguments = schemas.arguments(route.name)
    required = set(arguments.get("required", ()))
    in_path = set(re.findall(r"\{(\w+)\}", route.path))
    success: Json = {"description": route.summary}
    if route.status == 200:
        success["content"] = {route.media_type: {"schema": _media_schema(route.media_type)}}
    if route.headers:
        success["headers"] = {name: {"description": text, "schema": {"type": "string"}} for name, text in route.headers}
    errors: list[type[ATTError]] = [Invalid, NotFound] if in_path else [Invalid]
    return {
        "operationId": f"hand_written.{route.name}",
        "tags": [route.domain],
        "summary": route.summary.partition(".")[0],
        "description": route.summary,
        "parameters": [
            _parameter(name, "path" if name in in_path else "query", _without_default(schema, False), name in required)
            for name, schema in _properties(arguments)
        ],
        "responses": {str(route.status): success, **_problems([*_ALWAYS, *errors])},
    }


def _media_schema(media_type: str) -> Json:
    return {"type": "object"} if media_type == "application/json" else {}


def _tags(operations: list[Operation]) -> dict[str, str]:
    found: dict[str, str] = {}
    for operation in operations:
        text = (operation.owner.__doc__ or "").strip().partition("\n")[0]
        found.setdefault(operation.group.partition(".")[0], text)
    return found


def _problem_schema() -> Json:
    return {
        "title": "Problem",
        "description": "RFC 9457 problem document.",
        "type": "object",
        "properties": {
            "type": {"type": "string", "description": "urn:att:error:<code>"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string", "description": "One sentence that says what to do next."},
            "instance": {"type": "string", "description": "Path of the request."},
            "code": {"type": "string", "enum": sorted(error_classes()), "description": "Stable name of the error."},
            "details": {"type": "object", "description": "Values for programs."},
        },
        "required": ["type", "title", "status", "detail", "code", "details"],
        "additionalProperties": False,
    }


def _security_schemes() -> Json:
    return {
        "token": {
            "type": "http",
            "scheme": "bearer",
            "description": "The Jupyter server's token, or ATT's own from att-<pid>.json in Jupyter's runtime folder.",
        },
        "cookie": {"type": "apiKey", "in": "cookie", "name": "username", "description": "Jupyter's login cookie."},
        "xsrf": {
            "type": "apiKey",
            "in": "header",
            "name": "X-XSRFToken",
            "description": "Value of the _xsrf cookie; needed with a cookie, except to read.",
        },
    }
