"""Operations as MCP tools: names, schemas, hints, and what a call answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import mcp_types as types
from pydantic_core import from_json, to_json

from att.errors import ATTError, Internal, PermissionDenied, Unavailable
from att.operations import Operation
from att.settings import ATT

__all__ = ["Call", "Toolbox", "allowed", "tool_error", "tool_result"]

Call = Callable[[Operation, Mapping[str, Any]], Any]
Json = dict[str, Any]

EVERYTHING = "*"
_ALWAYS: tuple[type[ATTError], ...] = (PermissionDenied, Unavailable, Internal)


def allowed(operation: Operation, names: Iterable[str]) -> bool:
    """Say whether an allow-list names the operation: itself, a group above it, or `*`."""
    return any(name in (EVERYTHING, operation.name) or operation.name.startswith(f"{name}.") for name in names)


class Toolbox:
    """The tools that a server offers; their descriptions are made once. `project` need not be named, if it is given."""

    def __init__(self, operations: Iterable[Operation], settings: ATT, project: str | None = None) -> None:
        self._separator = settings.mcp_tool_separator
        self._project = project
        offered = [o for o in operations if "mcp" not in o.absent and allowed(o, settings.mcp_tools)]
        self.operations = {self.tool_name(o.name): o for o in offered}
        self.listed = types.ListToolsResult(tools=[self._tool(name, o) for name, o in self.operations.items()])
        self._schemas = {tool.name: tool.input_schema for tool in self.listed.tools}

    def tool_name(self, operation: str) -> str:
        """Return the tool's name of an operation."""
        return f"att.{operation}".replace(".", self._separator)

    def input_schema(self, name: str) -> Json | None:
        """Return the JSON Schema of a tool's arguments, or None for a tool that is not there."""
        return self._schemas.get(name)

    def _tool(self, name: str, operation: Operation) -> types.Tool:
        return types.Tool(
            name=name,
            description=self._description(operation),
            input_schema=_input_schema(operation, self._project),
            output_schema=_output_schema(operation),
            annotations=_annotations(operation),
        )

    def _description(self, operation: Operation) -> str:
        told = [operation.doc]
        run = operation.run_type
        if operation.long and run is not None:
            status, cancel = self.tool_name(run.status_operation), self.tool_name(run.cancel_operation)
            told.append(f"A run answers at once: read how far it is with {status}, end it with {cancel}.")
        if operation.followable:
            told.append("Go on reading from the cursor of the answer.")
        return "\n\n".join(told)


def _annotations(operation: Operation) -> types.ToolAnnotations:
    reads = operation.action == "read"
    return types.ToolAnnotations(
        read_only_hint=reads,
        destructive_hint=operation.destructive,
        idempotent_hint=reads or operation.method in ("PUT", "PATCH", "DELETE"),
        open_world_hint=operation.action == "execute",
    )


def _input_schema(operation: Operation, project: str | None) -> Json:
    schema = operation.arguments_model.model_json_schema()
    omittable = {p.name for p in operation.wire_parameters if p.omittable}
    properties: Json = {}
    for name, described in schema.get("properties", {}).items():
        left_out = ("title", "default") if name in omittable else ("title",)
        properties[name] = {k: v for k, v in described.items() if k not in left_out}
    found: Json = {**{k: v for k, v in schema.items() if k != "title"}, "properties": properties}
    if project is not None and "project" in properties:
        properties["project"] = {**properties["project"], "default": project}
        found["required"] = [name for name in found["required"] if name != "project"]
    return found


def _output_schema(operation: Operation) -> Json:
    """Return the schema of the structured content: the result, or the problem when `isError` is set.

    Clients hold errors to the schema as well, so it has to know both.
    """
    result: Json = _shape(operation.result_adapter.json_schema(mode="serialization"))
    definitions = result.pop("$defs", {})
    members = result.pop("anyOf", None) or [result]
    definitions["Problem"] = _problem_schema(sorted({e.code for e in (*operation.declared_errors, *_ALWAYS)}))
    return {"type": "object", "anyOf": [*members, {"$ref": "#/$defs/Problem"}], "$defs": definitions}


_LEFT_OUT = frozenset(
    {"title", "description", "default", "examples", "discriminator", "additionalProperties", "pattern"}
    | {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength", "minItems", "maxItems"}
)


def _shape(schema: Any) -> Any:
    """Return what a result looks like without prose and bounds: every word of the list costs an agent context."""
    if isinstance(schema, list):
        return [_shape(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    named = ("properties", "$defs")
    found = {
        key: {name: _shape(part) for name, part in value.items()} if key in named else _shape(value)
        for key, value in schema.items()
        if key not in _LEFT_OUT
    }
    return _nullable(found)


def _nullable(schema: Json) -> Json:
    """Write `anyOf` of plain types as a list of types."""
    members = schema.get("anyOf", ())
    if len(schema) == 1 and members and all(m.keys() == {"type"} and isinstance(m["type"], str) for m in members):
        return {"type": [member["type"] for member in members]}
    return schema


def _problem_schema(codes: list[str]) -> Json:
    text: Json = {"type": "string"}
    return {
        "type": "object",
        "description": f"With isError; codes to expect: {', '.join(codes)}.",
        "properties": {"code": text, "detail": text, "status": {"type": "integer"}, "details": {"type": "object"}},
        "required": ["code", "detail", "status", "details"],
    }


def tool_result(operation: Operation, call: Call, given: Mapping[str, Any]) -> types.CallToolResult:
    """Run an operation and return its result as structured content and as text. Raises what the operation raises."""
    text = operation.result_adapter.dump_json(call(operation, given))
    return types.CallToolResult(content=[types.TextContent(text=text.decode())], structured_content=from_json(text))


def problem_of(error: ATTError) -> Json:
    """Return an error's problem document with JSON values only."""
    found: Json = from_json(to_json(error.to_problem(), fallback=str))
    return found


def tool_error(error: ATTError) -> types.CallToolResult:
    """Return an error as its problem document; the text leads with the code, for wires without structured content."""
    text = f"{error.code}: {error.message}"
    return types.CallToolResult(
        content=[types.TextContent(text=text)], structured_content=problem_of(error), is_error=True
    )
