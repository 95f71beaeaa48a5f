"""The command `att`: every operation as `att <group> <verb>`, derived from its declaration."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    from att.cli.running import run

    return run(argv)
