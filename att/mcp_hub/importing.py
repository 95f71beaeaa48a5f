"""Reads the `mcpServers` files of editors and chat programs; their secrets stay where they are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from att.errors import ATTError, Invalid, NotFound, PermissionDenied
from att.mcp_hub.models import McpServer, Reference, Value
from att.mcp_hub.references import check_references

__all__ = ["Imported", "read_config", "servers_of"]

Imported = tuple[str, McpServer | ATTError]
"""The name of an entry, and what it says or why it cannot be taken."""

_SECTIONS = (("mcpServers",), ("servers",), ("mcp", "servers"))
_VARIABLE = re.compile(r"\$\{(?:env:)?([A-Za-z_][A-Za-z0-9_]*)\}")
_FORBIDDEN = re.compile(r"[^A-Za-z0-9._-]+")


def read_config(path: Path) -> dict[str, Any]:
    """Return the content of a configuration file. Raises NotFound, PermissionDenied, Invalid."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotFound(f"There is no file {path} where ATT runs.", path=str(path)) from None
    except OSError as error:
        raise PermissionDenied(f"{path} cannot be read: {error.strerror}.", path=str(path)) from None
    except ValueError as error:
        raise Invalid(f"{path} is no JSON: {error}.", path=str(path)) from None
    if not isinstance(content, dict):
        raise Invalid(f"{path} holds no JSON object.", path=str(path))
    return content


def servers_of(config: Mapping[str, Any], project: str | None, path: Path | None) -> Iterator[Imported]:
    """Yield every server of a configuration; with `path`, secrets become references into that file.

    Raises Invalid when it has no servers.
    """
    for section in _SECTIONS:
        found = _inside(config, section)
        if isinstance(found, dict) and found:
            for name, entry in found.items():
                yield name, _server(name, entry, project, path, section)
            return
    raise Invalid('The configuration has no servers; it needs {"mcpServers": {"name": {"command": ...}}}.')


def _inside(config: Any, keys: tuple[str, ...]) -> Any:
    for key in keys:
        config = config.get(key) if isinstance(config, dict) else None
    return config


def _server(
    name: str, entry: Any, project: str | None, path: Path | None, section: tuple[str, ...]
) -> McpServer | ATTError:
    try:
        if not isinstance(entry, dict):
            raise Invalid("it is no JSON object")
        if entry.get("type") == "sse":
            raise Invalid("its transport 'sse' was replaced by Streamable HTTP; give that address")
        pointer = "/".join(["", *section, _escaped(name)])
        server = McpServer(
            name=_FORBIDDEN.sub("-", name).strip("-.") or "server",
            project=project,
            command=entry.get("command"),
            args=[_rewritten(argument) for argument in entry.get("args") or []],
            env=_values(entry.get("env") or {}, path, f"{pointer}/env", "env"),
            cwd=entry.get("cwd"),
            address=entry.get("url") or entry.get("serverUrl"),
            headers=_values(entry.get("headers") or {}, path, f"{pointer}/headers", "headers"),
            enabled=not entry.get("disabled", False),
        )
        if (server.command is None) == (server.address is None):
            raise Invalid("it needs either a command or a url")
        check_references(server)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        return Invalid(f"{'.'.join(map(str, first['loc']))}: {first['msg']}")
    except ATTError as error:
        return error
    return server


def _values(given: Mapping[str, Any], path: Path | None, pointer: str, kind: str) -> dict[str, Value]:
    """Return variables or headers; a value that looks like a secret becomes a reference to its place in the file."""
    found: dict[str, Value] = {}
    for name, raw in given.items():
        value = Reference.model_validate(raw) if isinstance(raw, dict) else _rewritten(raw)
        found[name] = value
        if path is not None and _is_secret(name, value, kind):
            found[name] = Reference(file=str(path), pointer=f"{pointer}/{_escaped(name)}")
    return found


def _is_secret(name: str, value: Value, kind: str) -> bool:
    try:
        check_references(McpServer.model_validate({"name": "x", kind: {name: value}}))
    except Invalid:
        return True
    return False


def _rewritten(value: Any) -> str:
    """Write variables as ATT does: `${NAME}` and `${env:NAME}` are both in use."""
    return _VARIABLE.sub(r"${env:\1}", str(value))


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
