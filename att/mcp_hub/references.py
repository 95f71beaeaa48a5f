"""Secrets by reference: what may be kept, what is read when a connection is made, and what must not be shown."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from att.errors import Invalid
from att.mcp_hub.models import McpServer, Reference, Value
from att.projects.masking import MASK, looks_secret

__all__ = ["Resolver", "check_references", "scrubbed"]

_PLACEHOLDER = re.compile(r"\$\{(env|file):([^}]+)\}")
_SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie"})
_SHORTEST_SECRET = 4
_HELP = 'give it by reference, {"env": "NAME"}, {"file": "path"} or a text with ${env:NAME}'


class Resolver:
    """Reads references, and remembers what it has read so that it can be kept out of messages."""

    def __init__(self) -> None:
        self.secrets: set[str] = set()

    def text(self, value: Value) -> str:
        """Return what a value stands for. Raises Invalid, naming the reference, when it cannot be read."""
        if isinstance(value, Reference):
            return self._read(value)
        return _PLACEHOLDER.sub(lambda match: self._read(Reference(**{match[1]: match[2]})), value)

    def texts(self, values: Mapping[str, Value]) -> dict[str, str]:
        """Return every value of a mapping."""
        return {name: self.text(value) for name, value in values.items()}

    def _read(self, reference: Reference) -> str:
        found = _variable(reference.env) if reference.env is not None else _content(reference)
        self.secrets.add(found)
        return found


def scrubbed(text: str, secrets: Iterable[str]) -> str:
    """Return a text with every secret masked."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, MASK)
    return text


def check_references(server: McpServer) -> None:
    """Raise Invalid when something that looks like a secret is written out."""
    for place in _written_out(server):
        raise Invalid(f"{place} of the MCP server {server.name!r} looks like a secret: {_HELP}.", place=place)


def _written_out(server: McpServer) -> Iterator[str]:
    for name, value in server.env.items():
        if _plain(value) and looks_secret(name, str(value)):
            yield f"env.{name}"
    for name, value in server.headers.items():
        if _plain(value) and (looks_secret(name, str(value)) or name.lower() in _SECRET_HEADERS):
            yield f"headers.{name}"
    for number, (option, value) in enumerate(_options(server.args)):
        if _plain(value) and not value.isdigit() and looks_secret(option, value):
            yield f"args.{number} ({option})"
    if server.address is not None:
        yield from _written_out_in(server.address)


def _written_out_in(url: str) -> Iterator[str]:
    parts = urlsplit(url)
    if parts.password or "${" in url:
        yield "address (send it as a header)"
    for name, value in parse_qsl(parts.query):
        if looks_secret(name, value):
            yield f"address parameter {name} (send it as a header)"


def _options(args: list[str]) -> Iterator[tuple[str, str]]:
    for here, after in pairwise([*args, ""]):
        option, equals, value = here.partition("=")
        if here.startswith("-"):
            yield option, value if equals else "" if after.startswith("-") else after
        else:
            yield "", here


def _plain(value: Value) -> bool:
    return isinstance(value, str) and bool(value) and _PLACEHOLDER.search(value) is None


def _variable(name: str) -> str:
    found = os.environ.get(name)
    if found is None:
        raise Invalid(f"The variable {name} is not set where ATT runs; set it there, or refer to another.", env=name)
    return found


def _content(reference: Reference) -> str:
    path = Path(str(reference.file)).expanduser()
    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        told = getattr(error, "strerror", None) or "it is no text"
        raise Invalid(f"The secret in {path} cannot be read: {told}.", file=str(path)) from None
    if reference.pointer is None:
        return content.strip()
    try:
        found = _pointed(json.loads(content), reference.pointer)
    except ValueError:
        raise Invalid(f"{path} is no JSON any more; the reference {reference.pointer} is lost.") from None
    if not isinstance(found, str):
        raise Invalid(f"{path} has no text at {reference.pointer} any more.", file=str(path))
    return found


def _pointed(document: Any, pointer: str) -> Any:
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        document = document.get(key) if isinstance(document, dict) else None
    return document
