"""ATT's operations as plain functions, for `jupyter-server-mcp`, through which Jupyter AI finds its tools.

That server loads `names` from the entry-point group `jupyter_server_mcp.tools`, and then each function that it names.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from att.operations import Operation, Parameter

__all__ = ["names"]

_PREFIX = "att_"
Function = Callable[..., Awaitable[dict[str, Any]]]


def names() -> list[str]:
    """Return the functions as `module:name`: those that `c.ATT.mcp_tools` allows."""
    return [f"{__name__}:{name}" for name in _offered()]


def __getattr__(name: str) -> Function:
    operation = _offered().get(name) if name.startswith(_PREFIX) else None
    if operation is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _function(name, operation)


def _offered() -> dict[str, Operation]:
    from att.settings import load_settings
    from att.surfaces.mcp_tools import allowed
    from att.surfaces.rest import all_operations

    groups = load_settings().mcp_tools
    offered = [o for o in all_operations() if "mcp" not in o.absent and allowed(o, groups)]
    return {_PREFIX + o.name.replace(".", "_"): o for o in offered}


def _function(name: str, operation: Operation) -> Function:
    """Return a function with the operation's signature; it calls whoever serves the data directory."""
    omittable = {p.name for p in operation.wire_parameters if p.omittable}

    async def call(**given: Any) -> dict[str, Any]:
        kept = {k: v for k, v in given.items() if v is not None or k not in omittable}
        return await asyncio.to_thread(_call, operation, kept)

    signature = inspect.Signature([_parameter(p) for p in operation.wire_parameters], return_annotation=dict[str, Any])
    call.__name__ = call.__qualname__ = name
    call.__doc__ = operation.doc
    call.__signature__ = signature  # type: ignore[attr-defined]
    call.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()} | {"return": dict[str, Any]}
    return call


def _parameter(declared: Parameter) -> inspect.Parameter:
    annotation = declared.annotation | None if declared.omittable else declared.annotation
    default = None if declared.omittable else declared.default
    return inspect.Parameter(declared.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _call(operation: Operation, given: dict[str, Any]) -> dict[str, Any]:
    from att.cli.connection import open_session

    with open_session(None, None, None) as session:
        value = session.transport.call(operation, given)
    found: dict[str, Any] = operation.result_adapter.dump_python(value, mode="json")
    return found
