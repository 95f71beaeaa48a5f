"""Read what an importer is given (a path, bytes or text) within a size limit, and clean the values in it."""

from __future__ import annotations

import codecs
import io
import json
import math
import os
import re
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, BinaryIO, TypeGuard

from att.errors import Invalid, NotFound, TooLarge

__all__ = [
    "MAX_COUNT",
    "MAX_SECONDS",
    "Source",
    "clean",
    "clip",
    "exception_type",
    "in_utc",
    "is_count",
    "load_json",
    "open_source",
    "parse_time",
    "read_text",
    "seconds",
    "source_name",
    "stamp",
    "wide_encoding",
]

Source = str | bytes | bytearray | os.PathLike[str]

MAX_BYTES = 512 << 20
MAX_DOCUMENT_BYTES = 128 << 20
"""Limit of formats that must be held in memory as a whole."""
CLIP_BYTES = 64 << 10
MAX_COUNT = 2**31 - 1
MAX_SECONDS = 10 * 366 * 86_400.0
"""Ten years: what claims to have taken longer is no duration."""

_FIRST_TIME = datetime(1990, 1, 1, tzinfo=UTC)
_AHEAD = timedelta(days=2)
"""Clocks of other machines, and times that name no zone, may be ahead."""

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SURROGATES = re.compile("[\ud800-\udfff]")
_CONTENT = re.compile(r"\s*[<{\[\ufeff]|.*\bin \d+(\.\d+)? ?s(econds)?\b")
_AT_LINE = re.compile(r"\S.*:\d+: ([A-Za-z_][\w.]*)")
_RAISED = re.compile(r"([A-Za-z_][\w.]*(?:Error|Exception|Failed|Exit|Interrupt|Warning|Timeout|Failure))(?::|$)")


def source_name(source: Source) -> str:
    """Return how error messages call the source."""
    if isinstance(source, bytes | bytearray) or _is_content(source):
        return "the report"
    return repr(os.fspath(source))


def open_source(source: Source, *, limit_bytes: int = MAX_BYTES) -> BinaryIO:
    """Open the source for reading bytes; raise NotFound, Invalid, or TooLarge over `limit_bytes`."""
    if isinstance(source, bytes | bytearray):
        _check_size(len(source), limit_bytes, "The report")
        return io.BytesIO(source)
    if isinstance(source, str) and _is_content(source):
        return open_source(source.encode("utf-8", "backslashreplace"), limit_bytes=limit_bytes)
    path = _existing(source)
    try:
        _check_size(path.stat().st_size, limit_bytes, f"{str(path)!r}")
        return path.open("rb")
    except OSError as error:
        raise Invalid(f"{str(path)!r} cannot be read: {error.strerror}.") from None


def read_text(source: Source) -> str:
    """Read the whole source as text: UTF-8 or, by its byte order mark or its zero bytes, UTF-16 or UTF-32."""
    with open_source(source, limit_bytes=MAX_DOCUMENT_BYTES) as stream:
        data = stream.read(MAX_DOCUMENT_BYTES + 1)
    _check_size(len(data), MAX_DOCUMENT_BYTES, source_name(source))
    return _decode(data)


def load_json(source: Source) -> Any:
    """Read a JSON document; raise Invalid when it is broken or nested too deeply."""
    text = read_text(source)
    try:
        return json.loads(text)
    except RecursionError:
        raise Invalid(f"{source_name(source)} is JSON nested too deeply to be a test report.") from None
    except ValueError as error:
        if str(error).startswith("Extra data: line ") and text.lstrip()[:1] == "{":
            raise Invalid(
                f"{source_name(source)} holds more than one JSON value, but is no pytest report log."
            ) from None
        raise Invalid(
            f"{source_name(source)} is not valid JSON ({error}). A truncated file cannot be imported."
        ) from None


def wide_encoding(head: bytes) -> str | None:
    """Return the encoding to decode with when the bytes are UTF-16 or UTF-32, else None."""
    for bom, encoding in _BOMS[1:]:
        if head.startswith(bom):
            return encoding
    sample = head[:512]
    if len(sample) >= 4 and sample.count(0) * 3 > len(sample):
        return "utf-16-be" if sample[0] == 0 else "utf-16-le"
    return None


def clean(text: str) -> str:
    """Return the text without lone surrogates and NUL, which no store can keep, as escapes."""
    if text.isascii() and "\0" not in text:
        return text
    text = text.replace("\0", "\\x00")
    return _SURROGATES.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def clip(text: str) -> str:
    """Return a clean text of at most 64 KiB of UTF-8; from a longer one the beginning and the end."""
    text = clean(text)
    if len(text) * 4 <= CLIP_BYTES:
        return text
    data = text.encode()
    if len(data) <= CLIP_BYTES:
        return text
    head, tail = data[: CLIP_BYTES // 2], data[-CLIP_BYTES // 2 + 100 :]
    mark = f"\n[... {len(data) - len(head) - len(tail)} bytes left out ...]\n"
    return head.decode(errors="ignore") + mark + tail.decode(errors="ignore")


def is_count(value: object) -> TypeGuard[int]:
    """Return whether the value is a number of tests, warnings or attempts that a run can have."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_COUNT


def seconds(value: object) -> float | None:
    """Return a duration in seconds from a number or its text, None for anything that is not one."""
    number = stamp(value)
    return number if number is not None and number <= MAX_SECONDS else None


def stamp(value: object) -> float | None:
    """Return a number of any size that is not negative from a number or its text, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value.replace(",", "") if isinstance(value, str) else value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and number >= 0 else None


def parse_time(value: object, tz: tzinfo = UTC) -> datetime | None:
    """Return an aware UTC time from epoch seconds or ISO text (`tz` where it names no zone), else None.

    A time at which no test can have run, before 1990 or after now, is none.
    """
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _plausible(datetime.fromtimestamp(value, UTC))
        if not isinstance(value, str):
            return None
        moment = datetime.fromisoformat(value.strip().removesuffix(" UTC"))
    except (ValueError, OverflowError, OSError):
        return None
    return in_utc(moment, UTC if value.rstrip().endswith(" UTC") else tz)


def in_utc(moment: datetime, tz: tzinfo) -> datetime | None:
    """Return the time in UTC, read in `tz` where it names no zone; None for one at which no test can have run."""
    try:
        return _plausible((moment if moment.tzinfo else moment.replace(tzinfo=tz)).astimezone(UTC))
    except (ValueError, OverflowError):
        return None


def _plausible(moment: datetime) -> datetime | None:
    return moment if _FIRST_TIME <= moment <= datetime.now(UTC) + _AHEAD else None


def exception_type(message: str, longrepr: str = "") -> str | None:
    """Return the exception's type as pytest's last line, or else the message, names it."""
    last = longrepr.rstrip().rpartition("\n")[2]
    if match := _AT_LINE.fullmatch(last):
        return match[1]
    if match := _RAISED.match(message):
        return match[1]
    return "AssertionError" if message.startswith("assert ") else None


def _is_content(source: object) -> bool:
    return isinstance(source, str) and ("\n" in source or not source or _CONTENT.match(source) is not None)


def _existing(source: str | os.PathLike[str]) -> Path:
    try:
        path = Path(source)
        if path.is_file():
            return path
        exists = path.exists()
    except (OSError, ValueError) as error:
        raise Invalid(f"{source!r} cannot be read: {error}.") from None
    except TypeError:
        raise Invalid(f"A report is a path, bytes or text, not {type(source).__name__}.") from None
    if exists:
        raise Invalid(f"{str(path)!r} is not a file. Name a report, or load the folder.")
    raise NotFound(f"There is no report {str(path)!r}.", path=str(path))


def _check_size(size: int, limit: int, name: str) -> None:
    if size > limit:
        raise TooLarge(f"{name} has {size} bytes; a report may have {limit}.", size_bytes=size, limit_bytes=limit)


def _decode(data: bytes) -> str:
    if wide := wide_encoding(data):
        return data.decode(wide, "replace").removeprefix("\ufeff")
    return data.decode("utf-8", "replace").removeprefix("\ufeff")
