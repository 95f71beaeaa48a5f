"""Locks on files as POSIX has them. On a system without them importing works, and using them says so."""

from __future__ import annotations

import sys

from att.errors import NotSupported

__all__ = ["LOCK_EX", "LOCK_NB", "LOCK_SH", "flock", "require_posix"]

try:
    from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, flock

    _HAS_LOCKS = True
except ImportError:
    _HAS_LOCKS = False
    LOCK_SH, LOCK_EX, LOCK_NB = 1, 2, 4  # type: ignore[misc]

    def flock(fd: int, operation: int, /) -> None:  # type: ignore[misc]  # noqa: ARG001
        """Raise NotSupported."""
        raise _unsupported()


def require_posix() -> None:
    """Raise NotSupported where ATT can neither start nor look after processes."""
    if not _HAS_LOCKS:
        raise _unsupported()


def _unsupported() -> NotSupported:
    return NotSupported(
        f"ATT does not run projects on {sys.platform} yet, only on POSIX systems: Linux, macOS, WSL. Connect to a "
        "server that runs on one with att.connect(url)."
    )
