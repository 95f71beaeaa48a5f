"""Copy the files of a template. Used by the setup runner too: standard library only."""

from __future__ import annotations

import shutil
from pathlib import Path

__all__ = ["copy_files"]


def copy_files(files: Path, target: Path) -> None:
    """Copy a folder's content into a folder, which is made when it is not there.

    Modes are not copied: an installed template may be read-only.
    """
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc", ".pytest_cache")
    shutil.copytree(files, target, ignore=ignored, dirs_exist_ok=True, symlinks=True, copy_function=shutil.copyfile)
