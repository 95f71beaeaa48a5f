"""What programs write for terminals, as a person would see it there: overwritten by returns, without control codes."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["clipped", "coloured", "plain"]

_COLOUR = r"\x1b\[[0-9;:]*m"
_CODES = re.compile(
    rf"(?P<colour>{_COLOUR})"
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*(?:[@-~]|(?=[^ -~])|$)"  # CSI, also one that was cut off
    r"|(?:\x1b\]|\x9d)[^\x07\x1b\x9c\r\n]*(?:\x07|\x1b\\|\x9c)?"  # OSC: titles, links
    r"|(?:\x1b[PX^_]|[\x90\x98\x9e\x9f])[^\x1b\x9c\n]*(?:\x1b\\|\x9c)?"  # DCS, SOS, PM, APC
    r"|\x1b[ -/]*[0-~]?"
    r"|[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f]"
)
_PARTS = re.compile(rf"(\r|{_COLOUR})")
_RESETS = ("\x1b[m", "\x1b[0m")


def plain(text: str) -> str:
    """Return text without escape sequences and control characters; of what a return has overwritten the last is left.

    Tabs and newlines stay. What follows a carriage return takes the place of the whole line.
    """
    return text if text.isprintable() else _shown(text, colours=False)


def coloured(text: str) -> str:
    """Return text as `plain` does, with the sequences that colour it (SGR) left in it."""
    return text if text.isprintable() else _shown(text, colours=True)


def clipped(text: str, most: int) -> str:
    """Return the first `most` characters of a coloured text, its colours not counted; `…` says that there were more."""
    kept: list[str] = []
    for part in _PARTS.split(text):
        if part.startswith("\x1b"):
            kept.append(part)
        elif len(part) > most:
            return "".join([*kept, part[:most], " …"])
        else:
            kept.append(part)
            most -= len(part)
    return "".join(kept)


def _shown(text: str, *, colours: bool) -> str:
    clean = _CODES.sub(lambda found: (found["colour"] or "") if colours else "", text)
    return "\n".join("".join(_line(line)) for line in clean.split("\n")) if "\r" in clean else clean


def _line(line: str) -> Iterator[str]:
    """Give the parts of a line that are left in the end: colours that still hold, and what was written last."""
    held: list[str] = []
    last: list[str] = []
    returned = False
    for part in _PARTS.split(line):
        if part == "\r":
            returned = True
        elif part.startswith("\x1b") or not part:
            last.append(part)
        else:
            if returned:
                _hold(held, last)
                last, returned = [], False
            last.append(part)
    yield from held
    yield from last


def _hold(held: list[str], parts: list[str]) -> None:
    """Bring the colours that hold up to date with these parts of a line."""
    for part in parts:
        if part in _RESETS:
            held.clear()
        elif part.startswith("\x1b"):
            held.append(part)
