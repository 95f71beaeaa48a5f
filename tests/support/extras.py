"""Packages that a laptop may lack."""

from __future__ import annotations

import importlib
import os
from typing import Any

import pytest

__all__ = ["needed"]


def needed(name: str) -> Any:
    """Import a module. Skips without it, and fails where CI is set."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        why = f"{name} cannot be imported ({error}): pip install -e '.[dev]'."
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
