"""Copy the files of a template. Used by the setup runner too: standard library only."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import time
from pathlib import Path

__all__ = ["copy_files"]

_FORGOTTEN_SECONDS = 3600.0
"""A copy that has not become its folder for so long was killed."""
_NO_SIBLING = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY, errno.EXDEV})


def copy_files(files: Path, target: Path) -> None:
    """Copy a folder's content into a folder that is absent or empty; all of it appears at once.

    A hidden copy beside the folder takes its place; what a killed one has left there is deleted by a later one. Where
    nothing can be made beside it, or it is a mount point, the files appear one by one. Modes are not copied: an
    installed template may be read-only. Raises OSError and shutil.Error.
    """
    place = target.resolve()
    _forget_killed(place)
    copy = place.with_name(f"{_beginning(place)}{secrets.token_hex(4)}")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        copy.mkdir()
        _copy(files, copy)
        copy.rename(place)
    except OSError as error:
        shutil.rmtree(copy, ignore_errors=True)
        if error.errno not in _NO_SIBLING:
            raise
        _copy(files, place)
    except BaseException:
        shutil.rmtree(copy, ignore_errors=True)
        raise


def _copy(files: Path, target: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc", ".pytest_cache")
    shutil.copytree(files, target, ignore=ignored, dirs_exist_ok=True, symlinks=True, copy_function=shutil.copyfile)


def _beginning(place: Path) -> str:
    return f".{place.name}.att-"


def _forget_killed(place: Path) -> None:
    """Delete what killed copies have left beside the folder."""
    try:
        siblings = [entry.path for entry in os.scandir(place.parent) if entry.name.startswith(_beginning(place))]
    except OSError:  # there is no such folder yet, or it may not be listed
        return
    for sibling in siblings:
        try:
            age = time.time() - Path(sibling).stat().st_ctime
        except FileNotFoundError:  # it became its folder
            continue
        if age > _FORGOTTEN_SECONDS:
            shutil.rmtree(sibling, ignore_errors=True)
