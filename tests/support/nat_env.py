"""The environment with a real NeMo Agent Toolkit: the smallest one that serves and speaks MCP."""

from __future__ import annotations

from pathlib import Path

from tests.support.environments import cached_python

__all__ = ["nat_python"]

REQUIREMENTS = (
    "nvidia-nat-core==1.9.0",
    "nvidia-nat-mcp==1.9.0",
    "sqlalchemy",
    "greenlet",
    "langchain-core",
    "pip",
    "setuptools>=64",
)


def nat_python() -> Path:
    """Return its interpreter, building it first if this machine has not got it (about half a minute)."""
    return cached_python("nat", REQUIREMENTS)
