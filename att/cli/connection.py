"""Which ATT a command speaks to: a server that was named, the one that serves the data directory, or the directory."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from att.client.discovery import named_server, published_server
from att.client.session import Session
from att.errors import Invalid
from att.operations import REGISTRY

__all__ = ["cli_address", "open_session"]


def open_session(url: str | None, token: str | None, data_dir: str | None) -> Session:
    """Open the session of a command.

    Raises Invalid when both a server and a directory are named, and what connecting raises.
    """
    if url is not None and data_dir is not None:
        raise Invalid("Give either --url or --data-dir.")
    if url is None and data_dir is None:
        url = os.environ.get("ATT_URL")
    if url:
        return named_server(url, token, "named", address=cli_address)
    from traitlets import TraitError

    from att.settings import load_settings

    try:
        settings = load_settings()
    except (TraitError, ValueError) as error:
        raise Invalid(f"A setting of ATT is wrong: {error}") from None
    folder = Path(data_dir).expanduser().absolute() if data_dir else settings.data_path
    server = published_server(folder, address=cli_address)
    if server is not None:
        return server
    from att.client.transports import InProcessTransport
    from att.workspace import Workspace

    workspace = Workspace(folder, settings=settings, kind="cli")
    return Session(InProcessTransport(workspace), "no server serves it", address=cli_address)


def cli_address(name: str, arguments: Mapping[str, Any]) -> str:
    """Return the command that a person types for an operation with these arguments."""
    return f"`att {REGISTRY[name].cli} {shlex.join(str(value) for value in arguments.values())}`"
