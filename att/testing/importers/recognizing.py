"""Tell which format a file has, or had before it was cut off, by its beginning."""

from __future__ import annotations

import re

from att.testing.importers.models import ReportKind
from att.testing.importers.reading import wide_encoding

__all__ = ["HEAD_BYTES", "kind_of_broken", "text_of_head"]

HEAD_BYTES = 64 << 10

_ROOT = re.compile(r"<(?:[\w.-]+:)?([A-Za-z_][\w.-]*)[\s/>]")
_ROOTS = ("testsuites", "testsuite", "testrun")
_SESSION = re.compile(
    r"^=+ (?:test session starts|FAILURES|ERRORS|warnings summary.*|short test summary info) =+\r?$|\[ *\d+%\]\r?$",
    re.MULTILINE,
)
_BY_SUFFIX: dict[str, tuple[ReportKind, ...]] = {
    ".xml": ("junit",),
    ".json": ("json-report", "ctrf", "reportlog"),
    ".jsonl": ("reportlog",),
    ".ndjson": ("reportlog",),
}


def text_of_head(head: bytes) -> str:
    """Return the text of a file's first bytes, without the byte order mark and blanks that it begins with."""
    return head.decode(wide_encoding(head) or "utf-8", "ignore").lstrip("\ufeff \t\r\n")


def kind_of_broken(name: str, data: bytes) -> tuple[ReportKind, ...]:
    """Return which formats a file that is refused has: none for a file that is no report, but only lies beside some.

    Of one without content, or that cannot be unpacked, the name has to tell.
    """
    text = text_of_head(data[:HEAD_BYTES])
    if not text:
        return _BY_SUFFIX.get(name[name.rfind(".") :].lower(), ())
    if text[0] == "<":
        root = _ROOT.search(text)
        return ("junit",) if root is None or root[1] in _ROOTS else ()
    if text[0] == "{":
        return _kind_of_json(text)
    return ("console",) if _SESSION.search(text) else ()


def _kind_of_json(text: str) -> tuple[ReportKind, ...]:
    if "$report_type" in text:
        return ("reportlog",)
    if '"reportFormat"' in text or ('"results"' in text and '"summary"' in text):
        return ("ctrf",)
    return ("json-report",) if '"exitcode"' in text or '"collectors"' in text else ()
