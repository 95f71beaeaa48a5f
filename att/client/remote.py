"""Operations as methods: with the declared signature and the project bound, for type checkers and for IPython."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, Protocol, Self, TypeVar, overload

from att.operations import Operation, operation_of

if TYPE_CHECKING:
    from att.client.session import Session

__all__ = ["Group", "Remote", "caller_signature", "declared_by", "project_remote", "remote", "stands_for"]

P = ParamSpec("P")
R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Any])


class Place(Protocol):
    """Where operations are called: a session, or a group of it."""

    @property
    def _session(self) -> Session: ...

    @property
    def _project(self) -> str | None: ...


class Group:
    """Some operations of a session, or of one project in it."""

    def __init__(self, session: Session, project: str | None = None) -> None:
        self._session = session
        self._project = project

    def __repr__(self) -> str:
        names = [name for name, member in inspect.getmembers_static(type(self)) if isinstance(member, Remote)]
        return f"<{type(self).__name__}{f' of {self._project}' if self._project else ''}: {', '.join(names)}>"


class Remote(Generic[P, R]):
    """A descriptor that calls an operation through the session of the group it is read from."""

    def __init__(self, function: Callable[..., Any], *, on_project: bool) -> None:
        self.operation: Operation = operation_of(function)
        self.on_project = on_project

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name
        self.__doc__ = self.operation.doc

    @overload
    def __get__(self, group: None, owner: type) -> Self: ...
    @overload
    def __get__(self, group: Place, owner: type) -> Callable[P, R]: ...

    def __get__(self, group: Place | None, owner: type) -> Self | Callable[P, R]:
        if group is None:
            return self
        session, bound = group._session, {"project": group._project} if self.on_project else {}

        def method(*args: Any, **kwargs: Any) -> Any:
            given = self.signature.bind(*args, **kwargs).arguments
            return self._result(session, session.call(self.operation, {**bound, **given}))

        method.__name__ = self.name
        method.__qualname__ = f"{owner.__name__}.{self.name}"
        method.__doc__ = self.operation.doc
        method.__signature__ = self.signature  # type: ignore[attr-defined]
        method.operation = self.operation  # type: ignore[attr-defined]
        return method

    def _result(self, _session: Session, value: Any) -> Any:
        return value

    @cached_property
    def signature(self) -> inspect.Signature:
        """The signature a caller sees: every keyword by name, the project left off when it is bound."""
        return caller_signature(self.operation, on_project=self.on_project)


def caller_signature(operation: Operation, *, on_project: bool) -> inspect.Signature:
    """Return the operation's signature with unpacked keywords written out."""
    raw = inspect.signature(operation.function).parameters
    shown = []
    for parameter in operation.parameters.values():
        if on_project and parameter.name == "project":
            continue
        kind = raw[parameter.name].kind if parameter.name in raw else inspect.Parameter.KEYWORD_ONLY
        shown.append(
            inspect.Parameter(parameter.name, kind, default=parameter.default, annotation=parameter.annotation)
        )
    return inspect.Signature(shown, return_annotation=operation.returns)


def declared_by(method: Any) -> Operation | None:
    """Return the operation that a method of a session or handle stands for."""
    found = getattr(method, "operation", None)
    return found if isinstance(found, Operation) else None


def stands_for(function: Callable[..., Any], *, on_project: bool = False) -> Callable[[F], F]:
    """Give a method written by hand the docstring and the runtime signature of the operation it stands for."""
    operation = operation_of(function)

    def dress(method: F) -> F:
        declared = caller_signature(operation, on_project=on_project)
        own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
        method.__doc__ = operation.doc
        shown = declared.replace(parameters=[own, *declared.parameters.values()])
        method.__signature__ = shown  # type: ignore[attr-defined]
        method.operation = operation  # type: ignore[attr-defined]
        return method

    return dress


def remote(function: Callable[Concatenate[Any, P], R]) -> Remote[P, R]:
    """Make an operation a method of the session or one of its groups."""
    return Remote(function, on_project=False)


def project_remote(function: Callable[Concatenate[Any, str, P], R]) -> Remote[P, R]:
    """Make an operation a method of the project handle or one of its groups, with the project bound."""
    return Remote(function, on_project=True)
