"""What the conformance suite asks of a server: tools, their schemas, and prompts."""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import json
import warnings
import wave
import zlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import anyio
import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError

__all__ = [
    "CONTEXT",
    "NOTHING",
    "PNG",
    "PROMPTS",
    "SCHEMAS",
    "TOOLS",
    "Context",
    "missing",
    "text_content",
]

Context = ServerRequestContext[Any, Any]
Tool = Callable[[Context, types.CallToolRequestParams], Awaitable[Any]]
Json = dict[str, Any]
_PAUSE_SECONDS = 0.05
_KEY = b"of the fixture"
_NAMES = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}


def _png() -> str:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)

    head = (1).to_bytes(4) * 2 + bytes([8, 2, 0, 0, 0])
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0\xff\0\0")) + chunk(b"IEND", b"")
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + parts).decode()


def _wav() -> str:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
    return base64.b64encode(buffer.getvalue()).decode()


PNG, WAV = _png(), _wav()


def text_content(text: str) -> types.TextContent:
    return types.TextContent(text=text)


def _image() -> types.ImageContent:
    return types.ImageContent(data=PNG, mime_type="image/png")


def embedded(uri: str, media: str, text: str) -> types.EmbeddedResource:
    return types.EmbeddedResource(resource=types.TextResourceContents(uri=uri, mime_type=media, text=text))


def _answers(*content: Any) -> Tool:
    async def answer(_: Context, __: types.CallToolRequestParams) -> Any:
        return types.CallToolResult(content=list(content))

    return answer


async def _fails(_: Context, __: types.CallToolRequestParams) -> Any:
    return types.CallToolResult(
        content=[text_content("This tool intentionally returns an error for testing")], is_error=True
    )


async def _logs(ctx: Context, _: types.CallToolRequestParams) -> Any:
    for told in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        with warnings.catch_warnings(action="ignore"):
            await ctx.session.send_log_message("info", told, related_request_id=ctx.request_id)
        await anyio.sleep(_PAUSE_SECONDS)
    return types.CallToolResult(content=[text_content("Logged.")])


async def _progresses(ctx: Context, _: types.CallToolRequestParams) -> Any:
    for share in (0, 50, 100):
        await ctx.session.report_progress(share, 100)
        await anyio.sleep(_PAUSE_SECONDS)
    return types.CallToolResult(content=[text_content("Done.")])


async def _samples(ctx: Context, params: types.CallToolRequestParams) -> Any:
    asked = types.SamplingMessage(role="user", content=text_content((params.arguments or {})["prompt"]))
    with warnings.catch_warnings(action="ignore"):
        found = await ctx.session.create_message([asked], max_tokens=100, related_request_id=ctx.request_id)
    return types.CallToolResult(content=[text_content(f"LLM response: {getattr(found.content, 'text', '')}")])


def _elicits(properties: Json, begin: str = "Elicitation completed:") -> Tool:
    async def ask(ctx: Context, params: types.CallToolRequestParams) -> Any:
        message = (params.arguments or {}).get("message", "Please answer.")
        schema = {"type": "object", "properties": properties, "required": sorted(properties)}
        found = await ctx.session.elicit_form(message, schema, related_request_id=ctx.request_id)
        told = f"{begin} action={found.action}, content={json.dumps(found.content or {})}"
        return types.CallToolResult(content=[text_content(told)])

    return ask


async def _reconnects(ctx: Context, _: types.CallToolRequestParams) -> Any:
    if ctx.close_sse_stream is not None:
        await ctx.close_sse_stream()
    await anyio.sleep(4 * _PAUSE_SECONDS)
    return types.CallToolResult(content=[text_content("Reconnection test completed")])


def _elicitation(message: str, schema: Json) -> types.ElicitRequest:
    return types.ElicitRequest(params=types.ElicitRequestFormParams(message=message, requested_schema=schema))


def _sampling(text: str, most: int) -> types.CreateMessageRequest:
    asked = types.SamplingMessage(role="user", content=text_content(text))
    return types.CreateMessageRequest(params=types.CreateMessageRequestParams(messages=[asked], max_tokens=most))


_NAME = {"user_name": _elicitation("What is your name?", _NAMES)}
_CAPITAL = {"capital_question": _sampling("What is the capital of France?", 100)}
_ROOTS = {"client_roots": types.ListRootsRequest()}
_CONFIRM = {
    "confirm": _elicitation(
        "Please confirm", {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
    )
}
_ALL = {**_NAME, "greeting": _sampling("Generate a greeting", 50), **_ROOTS}
_COLOUR = {"type": "object", "properties": {"color": {"type": "string"}}, "required": ["color"]}
_ROUNDS = [
    {"step1": _elicitation("Step 1: What is your name?", _NAMES)},
    {"step2": _elicitation("Step 2: What is your favorite color?", _COLOUR)},
]


def _signed(state: str) -> str:
    return f"{state}.{hmac.new(_KEY, state.encode(), hashlib.sha256).hexdigest()}"


def _checked(signed: str) -> str:
    state = signed.partition(".")[0]
    if not hmac.compare_digest(_signed(state), signed):
        raise MCPError(types.INVALID_PARAMS, "The request state was changed.")
    return state


def missing(wanted: Mapping[str, Any], params: types.InputResponseRequestParams) -> types.InputRequiredResult | None:
    given = params.input_responses or {}
    return None if wanted.keys() <= given.keys() else types.InputRequiredResult(input_requests=dict(wanted))


def _requires(wanted: Mapping[str, Any], *, stateful: bool = False) -> Tool:
    async def ask(_: Context, params: types.CallToolRequestParams) -> Any:
        if params.request_state is not None:
            _checked(params.request_state)
        again = missing(wanted, params)
        if again is not None:
            return again.model_copy(update={"request_state": _signed("one")}) if stateful else again
        given = {k: v.model_dump(mode="json", by_alias=True) for k, v in (params.input_responses or {}).items()}
        told = "state-ok " if params.request_state is not None else ""
        name = (given.get("user_name", {}).get("content") or {}).get("name")
        told += f"Hello, {name}!" if name else json.dumps(given)
        return types.CallToolResult(content=[text_content(told)])

    return ask


async def _rounds(_: Context, params: types.CallToolRequestParams) -> Any:
    done = int(_checked(params.request_state)) if params.request_state is not None else 0
    if done and missing(_ROUNDS[done - 1], params) is None and done == len(_ROUNDS):
        return types.CallToolResult(content=[text_content("All rounds are done.")])
    following = done if not done or missing(_ROUNDS[done - 1], params) is None else done - 1
    return types.InputRequiredResult(input_requests=_ROUNDS[following], request_state=_signed(str(following + 1)))


async def _only_declared(ctx: Context, params: types.CallToolRequestParams) -> Any:
    declared = ctx.session.client_capabilities or types.ClientCapabilities()
    wanted = {**(_CAPITAL if declared.sampling is not None else {}), **(_NAME if declared.elicitation else {})}
    return missing(wanted, params) or types.CallToolResult(content=[text_content("Thank you.")])


async def _needs_sampling(ctx: Context, _: types.CallToolRequestParams) -> Any:
    declared = ctx.session.client_capabilities
    if declared is None or declared.sampling is None:
        needed: Json = {"requiredCapabilities": {"sampling": {}}}
        raise MCPError(types.MISSING_REQUIRED_CLIENT_CAPABILITY, "This needs sampling.", needed)
    return types.CallToolResult(content=[text_content("Sampling is there.")])


_ENUMS: Json = {
    "untitledSingle": {"type": "string", "enum": ["option1", "option2", "option3"]},
    "titledSingle": {"type": "string", "oneOf": [{"const": f"value{n}", "title": f"Option {n}"} for n in (1, 2, 3)]},
    "legacyEnum": {"type": "string", "enum": ["opt1", "opt2", "opt3"], "enumNames": ["One", "Two", "Three"]},
    "untitledMulti": {"type": "array", "items": {"type": "string", "enum": ["option1", "option2", "option3"]}},
    "titledMulti": {
        "type": "array",
        "items": {"anyOf": [{"const": f"value{n}", "title": f"Choice {n}"} for n in (1, 2, 3)]},
    },
}
_DEFAULTS: Json = {
    "name": {"type": "string", "default": "John Doe"},
    "age": {"type": "integer", "default": 30},
    "score": {"type": "number", "default": 95.5},
    "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
    "verified": {"type": "boolean", "default": True},
}
_USER: Json = {
    "username": {"type": "string", "description": "User's response"},
    "email": {"type": "string", "description": "User's email address"},
}
NOTHING: Json = {"type": "object", "properties": {}}
SCHEMAS: dict[str, Json] = {
    "test_sampling": {"type": "object", "properties": {"prompt": {"type": "string"}}, "required": ["prompt"]},
    "test_elicitation": {"type": "object", "properties": {"message": {"type": "string"}}, "required": ["message"]},
    "test_custom_headers": {
        "type": "object",
        "properties": {"region": {"type": "string", "x-mcp-header": "Region"}, "note": {"type": "string"}},
    },
    "json_schema_2020_12_tool": {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {
            "address": {
                "$anchor": "addressDef",
                "type": "object",
                "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
            }
        },
        "properties": {
            "name": {"type": "string"},
            "address": {"$ref": "#/$defs/address"},
            "contactMethod": {"type": "string", "enum": ["phone", "email"]},
            "phone": {"type": "string"},
            "email": {"type": "string"},
        },
        "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
        "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
        "then": {"required": ["phone"]},
        "else": {"required": ["email"]},
        "additionalProperties": False,
    },
}
TOOLS: dict[str, Tool] = {
    "test_simple_text": _answers(text_content("This is a simple text response for testing.")),
    "test_image_content": _answers(_image()),
    "test_audio_content": _answers(types.AudioContent(data=WAV, mime_type="audio/wav")),
    "test_embedded_resource": _answers(
        embedded("test://embedded-resource", "text/plain", "This is an embedded resource content.")
    ),
    "test_multiple_content_types": _answers(
        text_content("Multiple content types test:"),
        _image(),
        embedded("test://mixed-content-resource", "application/json", '{"test":"data","value":123}'),
    ),
    "test_error_handling": _fails,
    "test_tool_with_logging": _logs,
    "test_logging_tool": _logs,
    "test_tool_with_progress": _progresses,
    "test_sampling": _samples,
    "test_elicitation": _elicits(_USER, "User response:"),
    "test_elicitation_sep1034_defaults": _elicits(_DEFAULTS),
    "test_elicitation_sep1330_enums": _elicits(_ENUMS),
    "test_reconnection": _reconnects,
    "test_custom_headers": _answers(text_content("Heard.")),
    "json_schema_2020_12_tool": _answers(text_content("Validated.")),
    "test_missing_capability": _needs_sampling,
    "test_streaming_elicitation": _requires(_NAME),
    "test_input_required_result_elicitation": _requires(_NAME),
    "test_input_required_result_sampling": _requires(_CAPITAL),
    "test_input_required_result_list_roots": _requires(_ROOTS),
    "test_input_required_result_request_state": _requires(_CONFIRM, stateful=True),
    "test_input_required_result_tampered_state": _requires(_CONFIRM, stateful=True),
    "test_input_required_result_multiple_inputs": _requires(_ALL, stateful=True),
    "test_input_required_result_multi_round": _rounds,
    "test_input_required_result_capabilities": _only_declared,
}
PROMPTS: dict[str, tuple[tuple[str, ...], Callable[[Mapping[str, str]], list[Any]]]] = {
    "test_simple_prompt": ((), lambda _: [text_content("This is a simple prompt for testing.")]),
    "test_prompt_with_arguments": (
        ("arg1", "arg2"),
        lambda given: [text_content(f"Prompt with arguments: arg1='{given['arg1']}', arg2='{given['arg2']}'")],
    ),
    "test_prompt_with_embedded_resource": (
        ("resourceUri",),
        lambda given: [
            embedded(given["resourceUri"], "text/plain", "Embedded resource content for testing."),
            text_content("Please process the embedded resource above."),
        ],
    ),
    "test_prompt_with_image": ((), lambda _: [_image(), text_content("Please analyze the image above.")]),
    "test_input_required_result_prompt": ((), lambda _: [text_content("With your context.")]),
}
CONTEXT = {
    "user_context": _elicitation(
        "What context should the prompt use?",
        {"type": "object", "properties": {"context": {"type": "string"}}, "required": ["context"]},
    )
}
