"""Acting without root's right to read and write everything, as containers of CI run the tests as root."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["without_root_rights"]

_VERSION_3 = 0x20080522
_DAC_OVERRIDE, _DAC_READ_SEARCH = 1, 2


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


@contextmanager
def without_root_rights() -> Iterator[None]:
    """Let this thread be held to the modes of files meanwhile, also as root (capset(2), which is by thread).

    Raises NotImplementedError for root on a system other than Linux.
    """
    if os.geteuid() != 0:
        yield
        return
    if sys.platform != "linux":
        raise NotImplementedError("root's rights are laid down on Linux only; run the tests as another user")
    before = _effective()
    _set_effective(before & ~(1 << _DAC_OVERRIDE | 1 << _DAC_READ_SEARCH))
    try:
        yield
    finally:
        _set_effective(before)


def _effective() -> int:
    sets = _read()
    return int(sets[0].effective)


def _set_effective(wanted: int) -> None:
    """Change the lower half of the effective set, in which both rights are."""
    sets = _read()
    sets[0].effective = wanted
    _asked("capset", sets)


def _read() -> ctypes.Array[_Sets]:
    sets = (_Sets * 2)()
    _asked("capget", sets)
    return sets


def _asked(call: str, sets: ctypes.Array[_Sets]) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, call)(ctypes.byref(_Header(_VERSION_3, 0)), sets) != 0:
        raise OSError(ctypes.get_errno(), call)
