"""REST over the registry, without a web framework: routes, arguments from a request, and the answer's bytes."""

from __future__ import annotations

import logging
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Generic, TypeVar, Union, get_args, get_origin
from urllib.parse import quote, unquote

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json, to_json

from att.errors import ATTError, Internal, Invalid, NotFound, NotSupported, TooLarge
from att.models import Run
from att.operations import REGISTRY, Operation
from att.surfaces.handwritten import HAND_WRITTEN, HandWritten

__all__ = [
    "EVENT_STREAM",
    "Answer",
    "Endpoint",
    "Found",
    "MalformedBody",
    "MethodNotAllowed",
    "NotAcceptable",
    "RestSurface",
    "Router",
    "UnsupportedMediaType",
    "all_operations",
    "body_limit",
    "media_types",
    "parse_body",
    "parse_query",
    "preferred",
    "problem_answer",
    "validated",
    "wants_events",
]

EVENT_STREAM = "text/event-stream"
_JSON = "application/json"
_PROBLEM = "application/problem+json"
_TRANSPORT_KEYS = frozenset({"token", "no_track_activity", "_xsrf"})
"""Query keys that Jupyter itself reads; they are no arguments."""
_log = logging.getLogger("att.rest")

Call = Callable[[Operation, Mapping[str, Any]], Any]
T = TypeVar("T")


class MalformedBody(Invalid):
    """The body is not a JSON object."""

    status = 400
    title = "Malformed body"


class UnsupportedMediaType(Invalid):
    """The body is declared as something else than JSON."""

    status = 415
    title = "Unsupported media type"


class MethodNotAllowed(NotSupported):
    """The path exists, but not with this method."""

    status = 405
    title = "Method not allowed"


class NotAcceptable(NotSupported):
    """The path cannot answer in the media type that was asked for."""

    status = 406
    title = "Not acceptable"


@dataclass(frozen=True)
class Answer:
    """A whole HTTP answer."""

    status: int
    body: bytes
    content_type: str = _JSON
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class _Node(Generic[T]):
    words: dict[str, _Node[T]] = field(default_factory=dict)
    parameter: _Node[T] | None = None
    methods: dict[str, tuple[T, tuple[str, ...]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Found(Generic[T]):
    """A route that matches, with the values of its path parameters."""

    target: T
    values: dict[str, str]


class Router(Generic[T]):
    """Finds the target of a method and a path; a fixed word wins over a parameter."""

    def __init__(self) -> None:
        self._root: _Node[T] = _Node()

    def add(self, method: str, template: str, target: T) -> None:
        """Add a route such as `/projects/{project}`."""
        node, names = self._root, []
        for segment in template.strip("/").split("/"):
            if segment.startswith("{"):
                names.append(segment[1:-1])
                node.parameter = node.parameter or _Node()
                node = node.parameter
            else:
                node = node.words.setdefault(segment, _Node())
        node.methods[method] = (target, tuple(names))

    def find(self, method: str, path: str) -> Found[T]:
        """Return the route of a percent-encoded path. Raises NotFound and MethodNotAllowed."""
        node, values = self._root, []
        for segment in path.strip("/").split("/"):
            fixed = node.words.get(segment)
            if fixed is None and node.parameter is not None:
                values.append(_unquoted(segment))
            below = fixed or node.parameter
            if below is None:
                raise _no_route(path)
            node = below
        if not node.methods:
            raise _no_route(path)
        if method not in node.methods:
            allowed = sorted(node.methods)
            raise MethodNotAllowed(f"{method} is not possible here; use {' or '.join(allowed)}.", allowed=allowed)
        target, names = node.methods[method]
        return Found(target, dict(zip(names, values, strict=True)))


def _no_route(path: str) -> NotFound:
    return NotFound(f"There is nothing at {path!r}; GET openapi.json lists every path.")


def _unquoted(segment: str) -> str:
    try:
        return unquote(segment, errors="strict")
    except UnicodeDecodeError:
        raise Invalid(f"The path segment {segment!r} is not UTF-8.") from None


class Endpoint:
    """One operation as REST serves it: what can be prepared is prepared once.

    `location` is the path template under which a run that the operation begins is read again.
    """

    def __init__(self, operation: Operation, location: str | None = None) -> None:
        self.operation = operation
        self.action = operation.action
        self.domain = operation.group.partition(".")[0]
        self._location = location
        wire = operation.wire_parameters
        self._places = {p.name: p.location for p in wire}
        self._lists = frozenset(p.name for p in wire if p.location == "query" and _takes_a_list(p.annotation))
        self._media_types = media_types(operation)

    def arguments(
        self,
        values: Mapping[str, str],
        query: Mapping[str, Sequence[bytes]],
        body: bytes = b"",
        content_type: str = "",
        limit: int = 1 << 26,
    ) -> dict[str, Any]:
        """Collect the arguments of a request. Raises Invalid, MalformedBody, UnsupportedMediaType and TooLarge."""
        given = parse_query(query, self._lists)
        self._check_places(given, "query")
        if body:
            fields = parse_body(body, content_type, limit)
            self._check_places(fields, "body")
            given.update(fields)
        given.update(values)
        return given

    def _check_places(self, given: Mapping[str, Any], here: str) -> None:
        for name in given:
            place = self._places.get(name, here)
            if place != here:
                raise Invalid(f"{name} goes into the {place}, not into the {here}.", argument=name)

    def answer(self, call: Call, given: Mapping[str, Any], accept: str = "") -> Answer:
        """Run the operation and serialise what it returns, as `accept` wants it. Raises what the operation raises."""
        result = call(self.operation, given)
        media_type = preferred(accept, self._media_types)
        if media_type != _JSON:
            return Answer(200, result.render(media_type), media_type)
        body = self.operation.result_adapter.dump_json(result)
        if isinstance(result, Run) and self._location is not None:
            location = self._location.format(project=quote(result.project), run=quote(result.run_id))
            return Answer(202, body, headers={"Location": location})
        return Answer(201 if self.operation.created else 200, body)


class RestSurface:
    """Every operation that REST offers, below `base` (for example `/api/v1`)."""

    def __init__(self, base: str, operations: Iterable[Operation] | None = None) -> None:
        self.base = base
        everything = {o.name: o for o in (all_operations() if operations is None else operations)}
        offered = [o for o in everything.values() if "rest" not in o.absent]
        self.endpoints = {o.name: Endpoint(o, _location(o, everything, base)) for o in offered}
        self.router: Router[Endpoint | HandWritten] = Router()
        for endpoint in self.endpoints.values():
            self.router.add(endpoint.operation.method, endpoint.operation.path, endpoint)
        for route in HAND_WRITTEN:
            self.router.add("GET", route.path, route)

    def answer(
        self,
        call: Call,
        arguments: Callable[[], Mapping[str, Any]],
        endpoint: Endpoint,
        path: str,
        accept: str = "",
    ) -> Answer:
        """Answer a request in whole; errors become problem documents, defects are logged and told without details."""
        try:
            return endpoint.answer(call, arguments(), accept)
        except ATTError as error:
            return problem_answer(error, path)
        except Exception:  # noqa: BLE001 - a defect is logged and told without details
            _log.exception("%s failed", endpoint.operation.name)
            return problem_answer(Internal("ATT failed; the server's log says where."), path)


def all_operations() -> list[Operation]:
    """Return every operation of every domain."""
    import att.domains  # noqa: F401 - completes the registry

    return list(REGISTRY.values())


def _location(operation: Operation, everything: Mapping[str, Operation], base: str) -> str | None:
    """Return the path template under which a run of this operation is read again."""
    run = operation.run_type
    return base + everything[run.status_operation].path if run and operation.long else None


def problem_answer(error: ATTError, instance: str | None = None) -> Answer:
    """Return an error as RFC 9457 wants it."""
    headers: dict[str, str] = {}
    if error.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="att"'
    if error.status == 405 and "allowed" in error.details:
        headers["Allow"] = ", ".join(error.details["allowed"])
    return Answer(error.status, to_json(error.to_problem(instance), fallback=str), _PROBLEM, headers)


def parse_query(query: Mapping[str, Sequence[bytes]], lists: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Return the arguments in a query: a list where one is taken or where a key is repeated, else a text."""
    found: dict[str, Any] = {}
    for name, raw in query.items():
        if name in _TRANSPORT_KEYS or (name.isdigit() and not any(raw)):
            continue  # digits alone are what JupyterLab's requests carry against caches
        try:
            values = [value.decode() for value in raw]
        except UnicodeDecodeError:
            raise Invalid(f"The query argument {name!r} is not UTF-8.", argument=name) from None
        found[name] = values if name in lists or len(values) > 1 else values[0]
    return found


def parse_body(body: bytes, content_type: str, limit: int) -> dict[str, Any]:
    """Return the JSON object in a body. Raises TooLarge, UnsupportedMediaType and MalformedBody.

    A body without a type, or with the form type that curl and other clients put on any body, is read as JSON as well.
    """
    if len(body) > limit:
        raise TooLarge(f"The body has {len(body)} bytes; at most {limit} are taken.", limit_bytes=limit)
    media = content_type.partition(";")[0].strip().lower()
    if media not in ("", _JSON, "application/x-www-form-urlencoded") and not media.endswith("+json"):
        raise UnsupportedMediaType(f"The body is {media!r}; send a JSON object as {_JSON}.")
    try:
        found = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise MalformedBody(f"The body is not JSON: {error}.") from None
    if not isinstance(found, dict):
        raise MalformedBody(f"The body must be a JSON object, not {_json_kind(found)}.")
    return found


def body_limit(file_limit_bytes: int) -> int:
    """Return how large a body may be so that the largest file can be written, however JSON escapes it."""
    return 6 * file_limit_bytes + (1 << 20)


def wants_events(accept: str) -> tuple[bool, bool]:
    """Return whether an Accept header names the event stream, and whether it takes nothing else."""
    offers = [part.partition(";")[0].strip().lower() for part in accept.split(",") if part.strip()]
    return EVENT_STREAM in offers, bool(offers) and all(offer == EVENT_STREAM for offer in offers)


def media_types(operation: Operation) -> tuple[str, ...]:
    """Return in which media types a result renders itself, beside JSON."""
    return tuple(media for kind in operation.result_types for media in getattr(kind, "media_types", ()))


def preferred(accept: str, offered: Sequence[str]) -> str:
    """Return the media type that an Accept header likes best: JSON where it says nothing of what is offered."""
    known = (_JSON, *offered)
    wanted: list[tuple[float, str]] = []
    for part in accept.split(",") if offered else ():
        media, *parameters = (word.strip().lower() for word in part.split(";"))
        found = next((one for one in known if media in (one, f"{one.partition('/')[0]}/*", "*/*")), None)
        if found is not None:
            wanted.append((_quality(parameters), found))
    best = max(wanted, key=lambda pair: pair[0], default=(0.0, _JSON))
    return best[1] if best[0] > 0 else _JSON


def _quality(parameters: Sequence[str]) -> float:
    value = next((text.removeprefix("q=") for text in parameters if text.startswith("q=")), "1")
    try:
        return float(value)
    except ValueError:
        return 0.0


M = TypeVar("M", bound=BaseModel)


def validated(model: type[M], given: Mapping[str, Any]) -> M:
    """Validate the arguments of a hand-written route. Raises Invalid."""
    try:
        return model.model_validate(dict(given))
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        problems = [{"argument": ".".join(map(str, e["loc"])) or "(all)", "problem": e["msg"]} for e in found]
        told = "; ".join(f"{p['argument']}: {p['problem']}" for p in problems)
        raise Invalid(f"These arguments cannot be taken: {told.rstrip('.')}.", problems=problems) from None


def _takes_a_list(annotation: Any) -> bool:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _takes_a_list(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return any(_takes_a_list(member) for member in get_args(annotation))
    return annotation is list or origin is list


def _json_kind(value: Any) -> str:
    if value is None:
        return "null"
    kinds = {bool: "a boolean", int: "a number", float: "a number", str: "a text", list: "an array"}
    return kinds.get(type(value), "something else")
