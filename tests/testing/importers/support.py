"""The stored reports of real runs with the counts that pytest's own session had."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

__all__ = ["CATEGORIES", "SAMPLES", "manifest", "sample"]

SAMPLES = Path(__file__).parent / "samples"
CATEGORIES = ("passed", "failed", "skipped", "errors", "xfailed", "xpassed")


def manifest() -> list[dict[str, Any]]:
    """Return file, kind and expected counts of every sample; `expected` is None where they cannot be known."""
    entries: list[dict[str, Any]] = json.loads((SAMPLES / "manifest.json").read_text())
    return entries


def sample(name: str) -> bytes:
    """Return the bytes of a sample."""
    return (SAMPLES / name).read_bytes()
