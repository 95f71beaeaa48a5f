"""Values of the history that travel beside its tables."""

from __future__ import annotations

from pydantic import Field

from att.models import Model

__all__ = ["HistoryPruned"]


class HistoryPruned(Model):
    """What was deleted from the history of a project."""

    project: str
    runs: int = Field(description="Runs that were deleted.")
    freed_bytes: int | None = Field(default=None, description="What the disk got back; null without `vacuum`.")
