"""What a setup does, as data: the steps that the manager writes down and the runner carries out.

Loaded by the runner in a bare interpreter: standard library only.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Literal

__all__ = ["SECRET_VARIABLE", "Recipe", "Step", "StepKind"]

StepKind = Literal["copy", "clone", "fetch", "unpack", "environment", "requirements", "install"]

SECRET_VARIABLE = "_ATT_SETUP_SECRET"  # noqa: S105 - the name of a variable
"""Holds the address and login of what is fetched, which must not be in the recipe: recipes are stored."""


@dataclass(frozen=True)
class Step:
    """One thing to do; `arguments` are those of the runner's function for this kind."""

    kind: StepKind
    title: str
    arguments: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Recipe:
    """The steps, in order; each needs the ones before. `limit_bytes` bounds what is fetched and unpacked."""

    steps: tuple[Step, ...]
    limit_bytes: int

    def to_json(self) -> str:
        """Return it as the one argument that the runner takes."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Recipe:
        """Read it back."""
        values = json.loads(text)
        known = Step.__dataclass_fields__
        steps = ({name: step[name] for name in known if name in step} for step in values["steps"])
        return cls(tuple(Step(**step) for step in steps), values["limit_bytes"])
