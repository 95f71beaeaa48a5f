"""Values in words: one value in a few characters, with its unit and symbol."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel

from att.events.models import Event
from att.models import Model
from att.runtime.models import ExitRecord, LogLine
from att.terminal import coloured, plain

__all__ = ["NOTHING", "because", "brief", "health", "label", "line_of", "log_line", "says", "state"]

_STATE_SYMBOLS = {
    "running": "●",
    "starting": "◐",
    "stopping": "◑",
    "stopped": "○",
    "exited": "□",
    "backoff": "↻",
    "crash_loop": "✖",
    "lost": "?",
    "succeeded": "✓",
    "passed": "✓",
    "failed": "✗",
    "timed_out": "✗",
    "crashed": "✗",
    "collect_error": "✗",
    "usage_error": "✗",
    "internal_error": "✗",
    "no_tests": "∅",
    "interrupted": "-",
    "cancelled": "-",
}
_HEALTH_SYMBOLS = {"healthy": "✓", "starting": "…", "transient": "~", "unhealthy": "✗", "unknown": "?"}
NOTHING = "-"


def state(name: str) -> str:
    """Write a state with its symbol."""
    return f"{_STATE_SYMBOLS.get(name, '')} {name}".strip()


def health(name: str) -> str:
    """Write a health with its symbol."""
    return f"{_HEALTH_SYMBOLS.get(name, '')} {name}".strip()


def brief(value: Any, name: str = "") -> str:
    """Write a value in one line; the end of `name` tells its unit."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value.astimezone():%Y-%m-%d %H:%M:%S}"
    if isinstance(value, int | float):
        return _number(value, name)
    if isinstance(value, ExitRecord):
        return value.reason
    if isinstance(value, Model):
        return value.model_dump_json(exclude_none=True)
    if isinstance(value, dict):
        return " ".join(f"{key}={brief(item)}" for key, item in value.items()) or NOTHING
    if isinstance(value, list | tuple):
        return " ".join(brief(item) for item in value) or NOTHING
    return str(value)


def _number(value: float, name: str) -> str:
    if name.endswith("_seconds"):
        return _seconds(value)
    if name.endswith("_bytes"):
        return _bytes(value)
    return str(value) if isinstance(value, int) else f"{value:.4g}"


def _seconds(value: float) -> str:
    if value < 0:
        return f"-{_seconds(-value)}"
    if value < 0.9995:
        return f"{value * 1000:.0f} ms" if value >= 0.001 or not value else f"{value * 1000:.1g} ms"
    if value < 59.95:
        return f"{value:.1f} s"
    minutes, seconds = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"


def _bytes(value: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"


def label(name: str) -> str:
    """Write the name of a field without its unit."""
    for suffix in ("_seconds", "_bytes", "_at"):
        name = name.removesuffix(suffix)
    return name.replace("_", " ")


def log_line(line: LogLine, *, colours: bool = False) -> str:
    """Write a line of output with its time and stream, as a terminal would show it in the end."""
    stream = "err" if line.stream == "stderr" else "out"
    shown = coloured(line.text) if colours else plain(line.text)
    after = "\x1b[0m" if "\x1b" in shown else ""
    return f"{line.at.astimezone():%H:%M:%S} {stream} | {shown}{after}"


def line_of(value: Any, *, colours: bool = False) -> str:
    """Write one element of a sequence in a line; output keeps its colours when they are wanted."""
    if isinstance(value, LogLine):
        return log_line(value, colours=colours)
    if isinstance(value, Event):
        data = brief(value.data) if value.data else ""
        return f"{brief(value.at)}  {value.kind}  {value.project or NOTHING}  {data}".rstrip()
    if isinstance(value, BaseModel):
        told = ((name, getattr(value, name)) for name in type(value).model_fields)
        return "  ".join(brief(content, name) for name, content in told if says(content))
    return brief(value)


def because(reason: str, told: str = "") -> str:
    """Write a reason behind what it explains; nothing for none, and not again what the name `told` says."""
    first, _, rest = reason.partition("; ")
    more = rest if first.rstrip(".").lower() == told.replace("_", " ") else reason
    return f" ({more})" if more else ""


def says(value: Any) -> bool:
    """Say whether a value tells a person something."""
    return value is not None and value != "" and value != [] and value != {}
