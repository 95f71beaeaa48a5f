"""One declaration per operation: from it every surface derives its route, schema, command and method."""

from __future__ import annotations

import errno
import inspect
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal, TypeVar, Union, Unpack, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model
from pydantic.fields import FieldInfo

from att.errors import ATTError, Invalid, NotFound
from att.models import PATTERNS, Page, Run, allowing

__all__ = [
    "REGISTRY",
    "Action",
    "CallerSide",
    "Cursor",
    "Limit",
    "Operation",
    "Operations",
    "Parameter",
    "ProjectId",
    "RunId",
    "Seconds",
    "Surface",
    "operation",
    "operation_of",
]

Action = Literal["read", "write", "execute"]
Surface = Literal["rest", "mcp", "cli", "python"]
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


@dataclass(frozen=True)
class CallerSide:
    """Marks a parameter that the caller acts on (waiting); it never goes over the wire."""


ProjectId = Annotated[
    str,
    Field(
        pattern=allowing(
            "an id is a-z, 0-9, '-' and '_', begins with a letter or digit, and has at most 63 characters",
            r"^[a-z0-9][a-z0-9_-]{0,62}$",
        ),
        description="The project's id: lower-case letters, digits, '-' and '_', at most 63.",
        examples=["demo"],
    ),
]
RunId = Annotated[str, Field(min_length=1, max_length=200, description="Id of a run.")]
"""Has no pattern: an id that no run can have is one that is not there, and no wrong argument."""
Cursor = Annotated[str | None, Field(max_length=200, description="Where to go on; null starts at the oldest kept.")]
Limit = Annotated[int, Field(ge=1, le=10_000, description="Most elements in one page.")]
Seconds = Annotated[float, Field(gt=0, le=86_400, description="Seconds.")]

F = TypeVar("F", bound=Callable[..., Any])
_ATTRIBUTE = "__att_operation__"


@dataclass(frozen=True)
class Parameter:
    """One argument of an operation as surfaces see it."""

    name: str
    annotation: Any
    default: Any
    """`inspect.Parameter.empty` when required; `...` when leaving it out differs from giving null."""
    caller_side: bool
    location: Literal["path", "query", "body"]

    @property
    def required(self) -> bool:
        return self.default is inspect.Parameter.empty

    @property
    def omittable(self) -> bool:
        """Whether the function is called without this argument when the caller did not give it."""
        return self.default is ...

    @property
    def description(self) -> str:
        """The text declared with the annotation's `Field`, or an empty one."""
        found = [m.description for m in get_args(self.annotation)[1:] if getattr(m, "description", None)]
        return found[0] if found else ""


@dataclass(frozen=True)
class Operation:
    """What ATT can do, declared once. `owner` is the `Operations` class that the function belongs to."""

    name: str
    method: Method
    path: str
    function: Callable[..., Any]
    action: Action
    resource: str | None = None
    python_address: str | None = None
    query: frozenset[str] = frozenset()
    errors: tuple[type[ATTError], ...] = ()
    absent: Mapping[Surface, str] = field(default_factory=dict)
    created: bool = False
    slow: bool = False
    destructive: bool = False

    owners: ClassVar[dict[str, type[Operations]]] = {}

    @property
    def owner(self) -> type[Operations]:
        return self.owners[self.name]

    @property
    def group(self) -> str:
        """Everything before the last dot of the name."""
        return self.name.rpartition(".")[0]

    @property
    def verb(self) -> str:
        return self.name.rpartition(".")[2]

    @cached_property
    def doc(self) -> str:
        return inspect.getdoc(self.function) or ""

    @property
    def summary(self) -> str:
        return self.doc.partition("\n")[0]

    @cached_property
    def python(self) -> str:
        """The one Python address: `p.` is a project handle, `s.` a session."""
        if self.python_address is not None:
            return self.python_address
        return f"{'p' if self.on_project else 's'}.{self.name}"

    @property
    def cli(self) -> str:
        """The words of the command after `att`."""
        return self.name.replace(".", " ").replace("_", "-")

    @cached_property
    def on_project(self) -> bool:
        """Whether the project handle binds the first argument."""
        first = next(iter(self.parameters), None)
        return first == "project"

    @cached_property
    def _hints(self) -> dict[str, Any]:
        return typing.get_type_hints(self.function, include_extras=True)

    @cached_property
    def parameters(self) -> dict[str, Parameter]:
        """Every argument by name, caller-side ones included."""
        found: dict[str, Parameter] = {}
        for raw in list(inspect.signature(self.function).parameters.values())[1:]:
            hint = self._hints[raw.name]
            if raw.kind is inspect.Parameter.VAR_KEYWORD:
                for name, annotation in _unpacked(hint).items():
                    found[name] = self._parameter(name, annotation, _declared_default(annotation))
            else:
                found[raw.name] = self._parameter(raw.name, hint, raw.default)
        return found

    def _parameter(self, name: str, annotation: Any, default: Any) -> Parameter:
        caller_side = any(isinstance(m, CallerSide) for m in get_args(annotation)[1:])
        location: Literal["path", "query", "body"] = "body"
        if f"{{{name}}}" in self.path:
            location = "path"
        elif self.method in ("GET", "DELETE") or name in self.query:
            location = "query"
        return Parameter(name, annotation, default, caller_side, location)

    @property
    def wire_parameters(self) -> list[Parameter]:
        """The arguments that go over the wire."""
        return [p for p in self.parameters.values() if not p.caller_side]

    @cached_property
    def arguments_model(self) -> type[BaseModel]:
        """The pydantic model that validates the wire arguments on every surface."""
        fields: dict[str, Any] = {}
        for parameter in self.wire_parameters:
            default = ... if parameter.required else None if parameter.omittable else parameter.default
            fields[parameter.name] = (parameter.annotation, default)
        config = ConfigDict(extra="forbid", frozen=True)
        name = "".join(part.title() for part in self.name.replace("_", ".").split(".")) + "Arguments"
        return create_model(name, __config__=config, **fields)

    @cached_property
    def returns(self) -> Any:
        """The annotated result."""
        return self._hints.get("return", type(None))

    @cached_property
    def result_adapter(self) -> TypeAdapter[Any]:
        return TypeAdapter(self.returns)

    @cached_property
    def result_types(self) -> tuple[type, ...]:
        """The classes that the result may have."""
        is_union = get_origin(self.returns) in (Union, types.UnionType)
        members = get_args(self.returns) if is_union else (self.returns,)
        return tuple(m for m in members if isinstance(m, type))

    @property
    def followable(self) -> bool:
        """Whether the result can be followed from a cursor."""
        return "cursor" in self.parameters and any(issubclass(t, Page) for t in self.result_types)

    @property
    def run_type(self) -> type[Run] | None:
        """The kind of run that this operation may return, or None."""
        return next((t for t in self.result_types if issubclass(t, Run)), None)

    @property
    def long(self) -> bool:
        """Whether it may begin work that outlives the call, and answer with a run to wait for."""
        run = self.run_type
        return run is not None and self.name not in (run.status_operation, run.cancel_operation)

    @property
    def declared_errors(self) -> tuple[type[ATTError], ...]:
        """Every error a caller has to expect, beside authentication."""
        implied: list[type[ATTError]] = []
        if self.wire_parameters:
            implied.append(Invalid)
        if "{project}" in self.path:
            implied.append(NotFound)
        return tuple(dict.fromkeys([*implied, *self.errors]))

    def validate(self, given: Mapping[str, Any]) -> BaseModel:
        """Return the validated wire arguments.

        Raises Invalid, naming each wrong argument and what it should be.
        """
        try:
            return self.arguments_model.model_validate(dict(given))
        except ValidationError as error:
            raise self._invalid(error) from None

    def _invalid(self, error: ValidationError) -> Invalid:
        problems = []
        for item in error.errors(include_url=False, include_input=False):
            words = PATTERNS.get(item.get("ctx", {}).get("pattern", ""))
            where = ".".join(str(part) for part in item["loc"] if part != "[key]") or "(all)"
            problem = f"not allowed; {words}" if words else self._callers(where) or item["msg"]
            problems.append({"argument": where, "problem": problem})
        text = "; ".join(f"{p['argument']}: {p['problem']}" for p in problems)
        return Invalid(f"{self.name} cannot take these arguments: {text.rstrip('.')}.", problems=problems)

    def _callers(self, name: str) -> str:
        """Say why an argument that the caller acts on is not taken; an empty text for any other."""
        if name not in self.parameters or not self.parameters[name].caller_side:
            return ""
        instead = ", and read the run again at the Location of the answer" if self.long else ""
        return f"this is for the Python client and the command line, which act on it themselves; leave it out{instead}"

    def call(self, target: Operations, arguments: BaseModel) -> Any:
        """Call the function on its domain object with validated arguments."""
        given = arguments.model_fields_set
        values = {
            p.name: getattr(arguments, p.name) for p in self.wire_parameters if not p.omittable or p.name in given
        }
        with self.refusing_names():
            return self.function(target, **values)

    @contextmanager
    def refusing_names(self) -> Iterator[None]:
        """Raise Invalid where the system refuses what was given as a name, or as text."""
        try:
            yield
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise
            raise Invalid(f"{self.name} cannot take a name that is too long for a file; give a shorter one.") from None
        except UnicodeEncodeError as error:
            if error.reason != "surrogates not allowed":
                raise
            raise Invalid(f"{self.name} cannot take half a character, as in {error.object[:80]!r}.") from None


def _unpacked(hint: Any) -> dict[str, Any]:
    inner = get_args(hint)[0] if get_origin(hint) is Unpack else hint
    return typing.get_type_hints(inner, include_extras=True)


def _declared_default(annotation: Any) -> Any:
    """Return the default that an unpacked argument's `Field` declares; without one, leaving it out says something."""
    fields = [m for m in get_args(annotation)[1:] if isinstance(m, FieldInfo)]
    return next((field.default for field in fields if not field.is_required()), ...)


REGISTRY: dict[str, Operation] = {}
"""Every declared operation by name; complete once `att.domains` is imported."""


class Operations:
    """Base of the classes whose methods are operations; defining one registers them."""

    def __init_subclass__(cls) -> None:
        for member in vars(cls).values():
            declared = getattr(member, _ATTRIBUTE, None)
            if isinstance(declared, Operation):
                if declared.name in REGISTRY:
                    raise ValueError(f"operation {declared.name!r} is declared twice")
                Operation.owners[declared.name] = cls
                REGISTRY[declared.name] = declared


def operation(
    name: str,
    *,
    get: str | None = None,
    post: str | None = None,
    put: str | None = None,
    patch: str | None = None,
    delete: str | None = None,
    resource: str | None = None,
    python: str | None = None,
    action: Action | None = None,
    query: tuple[str, ...] = (),
    errors: tuple[type[ATTError], ...] = (),
    absent: Mapping[Surface, str] | None = None,
    created: bool = False,
    slow: bool = False,
    destructive: bool = False,
) -> Callable[[F], F]:
    """Declare a method as the operation `name` under exactly one HTTP method and path.

    `absent` names surfaces that must not offer it, each with the reason; `slow` gives it the pool of calls that take
    seconds; `query` names arguments that travel in the query although the method has a body.
    """
    routes: dict[Method, str | None] = {"GET": get, "POST": post, "PUT": put, "PATCH": patch, "DELETE": delete}
    chosen: list[tuple[Method, str]] = [(method, path) for method, path in routes.items() if path is not None]
    if len(chosen) != 1:
        raise ValueError(f"{name} needs exactly one HTTP method and path")
    method, path = chosen[0]
    default_action: Action = "read" if method == "GET" else "write"

    def declare(function: F) -> F:
        declared = Operation(
            name=name,
            method=method,
            path=path,
            function=function,
            action=action or default_action,
            resource=resource,
            python_address=python,
            query=frozenset(query),
            errors=errors,
            absent=dict(absent or {}),
            created=created,
            slow=slow,
            destructive=destructive,
        )
        setattr(function, _ATTRIBUTE, declared)
        return function

    return declare


def operation_of(function: Callable[..., Any]) -> Operation:
    """Return the declaration attached to a method.

    Raises TypeError when it has none.
    """
    declared = getattr(function, _ATTRIBUTE, None)
    if not isinstance(declared, Operation):
        raise TypeError(f"{function!r} is not declared as an operation")
    return declared
