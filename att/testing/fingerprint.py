"""What a failure says in one line, and which failures are alike."""

from __future__ import annotations

import hashlib
import re
from pathlib import PurePath
from typing import NamedTuple

from att.testing.records import FailureDetail

__all__ = ["Cause", "cause_of", "fingerprint"]

_TYPE = r"(?P<type>[A-Za-z_][\w.]*(?:<locals>[\w.]+)*)"
_EXCEPTION = re.compile(rf"{_TYPE}(?:: (?P<message>.*))?", re.DOTALL)
_SHOWN_EXCEPTION = re.compile(rf"^E\s+{_TYPE}(?:: (?P<message>.*))?$", re.MULTILINE)
_SHOWN_LINE = re.compile(r"^E\s+(?P<message>.+)$", re.MULTILINE)
_LAST_LINE = re.compile(r"^(?P<path>[^\s:][^:\n]*):(?P<line>\d{1,9})(?:: (?P<type>[A-Za-z_][\w.]*))?$", re.MULTILINE)
_WORKER_LINE = re.compile(r"\[gw\d+\] ")
_INSTALLED = re.compile(r".*/(?:site-packages|dist-packages)/")
_VARYING = (
    (re.compile(r"0x[0-9a-fA-F]+"), "0x"),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "<uuid>"),
    (re.compile(r"\d+"), "0"),
)


class Cause(NamedTuple):
    """Exception type, message and place of a failure, as far as pytest tells them."""

    exception_type: str | None
    message: str
    path: str | None
    line: int | None


def cause_of(detail: FailureDetail) -> Cause:
    """Return the cause from pytest's crash record, or read it from the text when there is none."""
    crash = detail.crash
    if crash is None:
        return _cause_from_text(detail.longrepr)
    text = crash.message.strip()
    if text.startswith("assert "):  # pytest drops the type of a rewritten assertion
        return Cause("AssertionError", text, crash.path, crash.line)
    # A syntax error begins with the file and the source line.
    found = _EXCEPTION.fullmatch(text) or _EXCEPTION.fullmatch(text.rpartition("\n")[2])
    if found is None:
        return Cause(None, text, crash.path, crash.line)
    return Cause(found["type"], found["message"] or "", crash.path, crash.line)


def _cause_from_text(text: str) -> Cause:
    places = list(_LAST_LINE.finditer(text))
    place = places[-1] if places else None
    path, line = (place["path"], int(place["line"])) if place else (None, None)
    exceptions = list(_SHOWN_EXCEPTION.finditer(text))
    if exceptions:
        return Cause(exceptions[-1]["type"], exceptions[-1]["message"] or "", path, line)
    shown = _SHOWN_LINE.search(text)
    first = next((row.strip() for row in text.splitlines() if row.strip() and not _WORKER_LINE.match(row)), "")
    return Cause(place["type"] if place else None, shown["message"] if shown else first, path, line)


def fingerprint(cause: Cause, rootdir: str) -> str:
    """Return 12 hex digits of exception type, message without varying parts, and file.

    Line numbers, addresses, numbers and UUIDs are left out, so that a failure keeps its group while the file is
    edited and across parameters.
    """
    message = cause.message.partition("\n")[0]
    for pattern, stands_for in _VARYING:
        message = pattern.sub(stands_for, message)
    parts = (cause.exception_type or "", message, _stable_path(cause.path, rootdir))
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:12]


def _stable_path(path: str | None, rootdir: str) -> str:
    if path is None:
        return ""
    pure = PurePath(path)
    if rootdir and pure.is_relative_to(rootdir):
        return str(pure.relative_to(rootdir))
    return _INSTALLED.sub("", path)
