"""Unpack a report that was sent, within the limits of any report."""

from __future__ import annotations

import base64
import binascii
import gzip
import io
import zlib

from att.errors import ATTError, Invalid, TooLarge
from att.testing.importers.reading import MAX_BYTES
from att.testing.loading.finding import FoundReport
from att.testing.loading.models import SentReport

__all__ = ["received"]


def received(report: SentReport) -> FoundReport:
    """Return what was sent; what cannot be unpacked is a report with an error."""
    try:
        data, error = _unpacked(report), None
    except ATTError as refused:
        data, error = b"", refused
    return FoundReport(report.path, report.inside or report.path, data, report.modified_at, error)


def _unpacked(report: SentReport) -> bytes:
    try:
        content = base64.b64decode(report.content, validate=True)
        if report.packing == "none":
            return content
        with gzip.open(io.BytesIO(content)) as stream:
            data = stream.read(MAX_BYTES + 1)
    except (binascii.Error, ValueError, OSError, EOFError, zlib.error) as error:
        raise Invalid(f"Its content cannot be read as base64 of {report.packing}: {error}.") from None
    if len(data) > MAX_BYTES:
        raise TooLarge(f"It unpacks to more than {MAX_BYTES} bytes.")
    return data
