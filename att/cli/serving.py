"""`att mcp serve --stdio`: ATT as an MCP server for editors that start servers themselves."""

from __future__ import annotations

import argparse
from typing import Any

from att.client.session import Session

__all__ = ["WORDS", "add_serving", "serve"]

WORDS = "mcp serve"
"""The words of the command after `att`."""
_TOLD = "Serve MCP to the program that started this command, which speaks over its standard input and output."
_MORE = """\
An editor's configuration looks like this:

  {"mcpServers": {"att": {"command": "att", "args": ["mcp", "serve", "--stdio"]}}}

It speaks to the Jupyter server that serves the data directory, when one runs; else it works in the data directory
itself, and watches its projects until the editor ends it. Over HTTP, a Jupyter server with ATT serves MCP at mcp."""


def add_serving(group: Any, common: argparse.ArgumentParser) -> None:
    """Add the command to the group `mcp`."""
    leaf = group.add_parser(
        WORDS.rpartition(" ")[2],
        help=_TOLD,
        description=f"{_TOLD}\n\n{_MORE}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[common],
    )
    leaf.add_argument("--stdio", action="store_true", required=True, help="The only transport of this command.")
    leaf.set_defaults(by_hand=serve, parser=leaf)


def serve(session: Session) -> None:
    """Serve until standard input ends. Nothing but the protocol is written to standard output."""
    import anyio
    from mcp.server.stdio import stdio_server

    from att.settings import load_settings
    from att.surfaces.mcp import build_server

    server = build_server(session.transport.call, load_settings())

    async def run() -> None:
        async with stdio_server() as (incoming, outgoing):
            await server.run(incoming, outgoing, server.create_initialization_options())

    anyio.run(run)
