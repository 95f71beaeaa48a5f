"""Where ATT keeps what it must not forget."""

from __future__ import annotations

from att.store.engine import Store

__all__ = ["Store"]
