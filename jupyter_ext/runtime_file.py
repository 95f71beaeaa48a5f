"""The file by which a kernel finds the server that started it: `att-<pid>.json` in Jupyter's runtime folder."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

__all__ = ["RuntimeFile", "sweep"]


class RuntimeFile:
    """Facts about one running server, readable by its user only."""

    def __init__(self, folder: Path, facts: dict[str, Any]) -> None:
        self.path = folder / f"att-{facts['pid']}.json"
        self._facts = facts

    def write(self) -> None:
        """Put the file in place in one step, as 0600; whatever lay there is replaced, never written through."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = self.path.with_name(f".{self.path.name}.new")
        draft.unlink(missing_ok=True)
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "w") as file:
            json.dump(self._facts, file, indent=2)
        draft.replace(self.path)

    def remove(self) -> None:
        """Remove the file, unless another server has put its own in that place."""
        found = _read(self.path)
        if found is not None and found.get("instance_id") == self._facts["instance_id"]:
            self.path.unlink(missing_ok=True)


def sweep(folder: Path) -> list[Path]:
    """Remove the files of servers that are gone: a dead pid, or one that another process has got since."""
    stale = [path for path in folder.glob("att-*.json") if not _alive(_read(path))]
    for path in stale:
        path.unlink(missing_ok=True)
    return stale


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _alive(facts: dict[str, Any] | None) -> bool:
    import psutil

    if facts is None:
        return False
    try:
        created = psutil.Process(int(facts["pid"])).create_time()
        return abs(created - float(facts["create_time"])) < 1.0
    except (psutil.NoSuchProcess, KeyError, TypeError, ValueError):
        return False
    except psutil.AccessDenied:
        return True
