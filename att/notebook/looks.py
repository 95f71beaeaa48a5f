"""Scripts and styles of the widgets, read from `static/`; nothing is built and nothing is fetched."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

__all__ = ["script", "styles"]


@cache
def _read(name: str) -> str:
    return (files("att.notebook") / "static" / name).read_text("utf-8")


def script(*names: str) -> str:
    """Return scripts as one module; only the last one exports."""
    return "\n".join(map(_read, names))


def styles(*names: str) -> str:
    """Return style sheets as one."""
    return "\n".join(map(_read, names))
