"""The client: finds the server or opens a workspace, and gives every operation its one Python address."""

from __future__ import annotations

from typing import Any

from att.models import Model


def _printed(value: Any) -> str:
    """Load the views when somebody prints a value, not before."""
    from att.client.display import printed

    return printed(value)


Model.printer = _printed
