"""Command-line arguments out of declared ones: what is positional, what is a flag, and how a text becomes a value."""

from __future__ import annotations

import argparse
import json
import sys
import types
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from att.errors import Invalid
from att.operations import Operation, Parameter

__all__ = ["add_arguments", "given_arguments"]

Kind = Literal["text", "bool", "list", "dict", "json"]


@dataclass(frozen=True)
class Shape:
    """How a parameter looks on a command line."""

    kind: Kind
    choices: tuple[str, ...] = ()
    nullable: bool = False


def shape_of(annotation: Any) -> Shape:
    """Return the shape of an annotated type."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return shape_of(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        members = [m for m in get_args(annotation) if m is not type(None)]
        inner = shape_of(members[0]) if len(members) == 1 else Shape("text")
        return Shape(inner.kind, inner.choices, nullable=len(members) < len(get_args(annotation)))
    if origin is Literal:
        return Shape("text", tuple(map(str, get_args(annotation))))
    if origin is list:
        return Shape("json" if _is_model(get_args(annotation)[0]) else "list")
    if origin is dict:
        return Shape("dict")
    if annotation is bool:
        return Shape("bool")
    return Shape("json" if _is_model(annotation) else "text")


def description_of(annotation: Any) -> str:
    """Return the outermost description in an annotated type, or an empty text."""
    for part in get_args(annotation)[1:] if get_origin(annotation) is Annotated else ():
        if getattr(part, "description", None):
            return str(part.description)
    inner = (part for part in get_args(annotation) if get_origin(part) is not None)
    return next(filter(None, map(description_of, inner)), "")


def _is_model(annotation: Any) -> bool:
    plain = get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation
    return isinstance(plain, type) and issubclass(plain, BaseModel)


def is_positional(parameter: Parameter) -> bool:
    """Say whether a parameter is given by its place."""
    return parameter.location == "path" or (parameter.required and shape_of(parameter.annotation).kind == "text")


def add_arguments(parser: argparse.ArgumentParser, operation: Operation) -> None:
    """Give a parser the arguments of an operation. What is not given stays out of the namespace."""
    clearable = []
    for parameter in operation.parameters.values():
        shape = shape_of(parameter.annotation)
        if is_positional(parameter):
            told = description_of(parameter.annotation) + (
                " '-' reads standard input." if parameter.name == "content" else ""
            )
            parser.add_argument(parameter.name, help=_help(told), metavar=parameter.name.upper())
        else:
            _add_flag(parser, parameter, shape)
        if parameter.omittable and shape.nullable:
            clearable.append(parameter.name)
    if clearable:
        parser.add_argument(
            "--clear",
            action="append",
            choices=clearable,
            metavar="NAME",
            default=argparse.SUPPRESS,
            help=f"Set back to nothing: {', '.join(clearable)}. May be repeated.",
        )


def _add_flag(parser: argparse.ArgumentParser, parameter: Parameter, shape: Shape) -> None:
    flag = f"--{parameter.name.replace('_', '-')}"
    options: dict[str, Any] = {"dest": parameter.name, "default": argparse.SUPPRESS, "required": parameter.required}
    told = description_of(parameter.annotation)
    if shape.kind == "bool":
        options["action"] = argparse.BooleanOptionalAction
    elif shape.kind in ("list", "dict"):
        options["action"] = "append"
        options["metavar"] = "K=V" if shape.kind == "dict" else "VALUE"
        told += " Everything after -- is taken." if parameter.name == "command" else " May be repeated; or JSON."
    elif shape.kind == "json":
        options["metavar"] = "JSON"
        told += " JSON, or @FILE with it."
    elif shape.choices:
        options["choices"] = shape.choices
    else:
        options["metavar"] = parameter.name.rpartition("_")[2].upper()
    if parameter.name == "wait":
        told = told or "Wait until it is so." if shape.choices else "Wait until it is done."
    elif parameter.name == "timeout":
        told = "Most seconds to wait; the work goes on after that."
    if not parameter.required and parameter.default not in (None, ..., False, True):
        told += f" Default {parameter.default}."
    parser.add_argument(flag, help=_help(told), **options)


def _help(text: str) -> str:
    return text.strip().replace("%", "%%")


def given_arguments(operation: Operation, parsed: argparse.Namespace, rest: list[str]) -> dict[str, Any]:
    """Return what was given on the command line as arguments of the operation; pydantic converts the texts.

    Raises Invalid for JSON or pairs that cannot be read.
    """
    given: dict[str, Any] = {}
    for parameter in operation.parameters.values():
        if hasattr(parsed, parameter.name):
            given[parameter.name] = _value(parameter, getattr(parsed, parameter.name))
    given.update(dict.fromkeys(getattr(parsed, "clear", [])))
    if rest and "command" in operation.parameters:
        given["command"] = rest
    return given


def _value(parameter: Parameter, raw: Any) -> Any:
    kind = shape_of(parameter.annotation).kind
    if kind == "json":
        return _json(parameter, _contents(parameter, raw[1:]) if raw.startswith("@") else raw)
    if kind in ("list", "dict") and len(raw) == 1 and raw[0][:1] in "[{":
        return _json(parameter, raw[0])
    if kind == "dict":
        return dict(_pair(parameter, item) for item in raw)
    if parameter.name == "content" and raw == "-":
        return sys.stdin.read()
    return raw


def _pair(parameter: Parameter, text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise Invalid(f"--{parameter.name} wants NAME=VALUE, not {text!r}.", argument=parameter.name)
    return name, value


def _contents(parameter: Parameter, path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError as error:
        raise Invalid(f"--{parameter.name} cannot read {path}: {error.strerror}.", argument=parameter.name) from None


def _json(parameter: Parameter, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise Invalid(f"--{parameter.name} is not JSON: {error}.", argument=parameter.name) from None
