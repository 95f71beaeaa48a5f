"""Who supervises a data directory: a flock is the proof, and a file beside it says who holds it."""

from __future__ import annotations

import os
import weakref
from pathlib import Path

from pydantic import ValidationError

from att.locking import LOCK_EX, LOCK_NB, LOCK_SH, flock
from att.runtime.models import Supervisor

__all__ = ["Lease"]


class Lease:
    """The right to supervise. It ends with the process that holds it, however that ends."""

    def __init__(self, lock: Path) -> None:
        self._lock = lock
        self._info = lock.with_suffix(".json")
        self._fd: int | None = None
        # A child that is forked without exec would keep the lock after its parent's death.
        drop = weakref.WeakMethod(self._drop)
        os.register_at_fork(after_in_child=lambda: (method := drop()) and method())

    @property
    def held(self) -> bool:
        """Whether this object holds it."""
        return self._fd is not None

    def acquire(self, holder: Supervisor) -> bool:
        """Take it if nobody has it, and say who has it now. Raises OSError when that cannot be written."""
        fd = self._open()
        try:
            flock(fd, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return False
        try:
            self._tell(holder)
        except OSError:
            os.close(fd)
            raise
        self._fd = fd
        return True

    def _tell(self, holder: Supervisor) -> None:
        part = self._info.with_suffix(f".{os.getpid()}.part")
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "w") as file:
            file.write(holder.model_dump_json())
        part.replace(self._info)

    def release(self) -> None:
        """Give it back; harmless when it is not held."""
        if self._fd is not None:
            self._info.unlink(missing_ok=True)
            self._drop()

    def holder(self) -> Supervisor | None:
        """Return who has it, or None."""
        if not self._taken():
            return None
        try:
            return Supervisor.model_validate_json(self._info.read_bytes(), extra="ignore")
        except (FileNotFoundError, ValidationError):  # taken this very moment
            return None

    def _taken(self) -> bool:
        try:
            fd = os.open(self._lock, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            flock(fd, LOCK_SH | LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(fd)
        return False

    def _open(self) -> int:
        return os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def _drop(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
