"""The way up to the widgets, which stand above the client and load Jupyter's: only when they are asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["cockpit"]


def cockpit(name: str) -> Any:
    """Return a widget's class by its name."""
    return getattr(import_module("att.notebook"), name)
