"""What to run: the launch specification, and the environment that a child is given."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["LaunchSpec", "child_environment"]

MIB = 1024 * 1024
_OWN_VARIABLE = re.compile(r"ATT_|JPY_|JUPYTERHUB_|JUPYTER.*TOKEN")


def child_environment(base: Mapping[str, str], extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a child: `base` without ATT's and Jupyter's own variables, plus `extra`.

    Leaves out `ATT_*`, `JPY_*`, `JUPYTERHUB_*` and `JUPYTER*TOKEN*` of `base`; what `extra` names is set as it is.
    """
    kept = {name: value for name, value in base.items() if not _OWN_VARIABLE.match(name)}
    return {**kept, "PYTHONUNBUFFERED": "1", **(extra or {})}


@dataclass(frozen=True)
class LaunchSpec:
    """What to run and how. `env` is the child's whole environment (see `child_environment`)."""

    command: tuple[str, ...]
    cwd: Path
    env: dict[str, str] = field(default_factory=dict, repr=False)
    kind: str = "app"
    grace_seconds: float = 10.0
    log_limit_bytes: int = 64 * MIB
    segment_bytes: int = 16 * MIB
    private_tmp: bool = False
    port: int | None = None
    meta: dict[str, str] = field(default_factory=dict)

    def to_json(self, **more: object) -> str:
        """Return the specification without the environment, which may hold secrets, as JSON."""
        fields: dict[str, object] = {
            name: value for name, value in vars(self).items() if name not in ("env", "cwd", "command")
        }
        return json.dumps({"command": list(self.command), "cwd": str(self.cwd), **fields, **more}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> LaunchSpec:
        """Read a specification back; the environment is empty."""
        values: dict[str, Any] = json.loads(text)
        known = {name: values[name] for name in cls.__dataclass_fields__ if name in values}
        return cls(**{**known, "command": tuple(values["command"]), "cwd": Path(values["cwd"])})
