"""Keep secrets out of what travels: masks values of variables whose names look secret."""

from __future__ import annotations

import re
from collections.abc import Mapping

from att.errors import Invalid

__all__ = ["MASK", "looks_secret", "masked", "unmasked"]

MASK = "********"
_SECRET = re.compile(
    r"KEY(?!S?PATH|BOARD|WORD)|TOKEN|SECRET|PASSW|PASSPHRASE|CREDENTIAL|AUTH(?!OR)|PRIVATE|COOKIE|SIGNATURE|DSN",
    re.IGNORECASE,
)
_HAS_PASSWORD = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s@]*:[^/\s@]+@", re.IGNORECASE)


def looks_secret(name: str, value: str = "") -> bool:
    """Say whether a variable is to be masked: by its name, or because its value is a URL with a password."""
    return _SECRET.search(name) is not None or _HAS_PASSWORD.search(value) is not None


def masked(env: Mapping[str, str]) -> dict[str, str]:
    """Return the environment as it may travel."""
    return {name: MASK if value and looks_secret(name, value) else value for name, value in env.items()}


def unmasked(env: Mapping[str, str], kept: Mapping[str, str]) -> dict[str, str]:
    """Return the environment with masks replaced by the values that are kept.

    Raises Invalid for a masked value of which nothing is kept.
    """
    missing = sorted(name for name, value in env.items() if value == MASK and name not in kept)
    if missing:
        raise Invalid(f"The value of {', '.join(missing)} is masked, and none is kept; give the value itself.")
    return {name: kept[name] if value == MASK else value for name, value in env.items()}
