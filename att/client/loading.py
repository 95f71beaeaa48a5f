"""Read the reports that a path stands for, here where the caller is, and send them in bounded batches."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from typing import Any

from att.client.progress import progress
from att.errors import TooLarge
from att.testing.loading.finding import FoundReport, find_files, read_reports
from att.testing.loading.models import ImportedReport, ImportResult, SentReport

__all__ = ["send_reports"]

_ADVICE = "Put it into the project, and name it in files."
_BATCH_BYTES = 4 << 20
_BATCH_REPORTS = 200
_MOST_BYTES = 40 << 20
"""Of one report when it is packed; a request is not longer than a few times this."""

Ask = Callable[[Mapping[str, Any]], ImportResult]


def send_reports(path: str, given: Mapping[str, Any], ask: Ask) -> ImportResult:
    """Send every report of a file, folder, glob or zip; `ask` loads those of one batch, and then what else is given.

    Raises NotFound when the path stands for nothing, and what `ask` raises. What cannot be read is told as refused.
    """
    files = find_files(path)
    labels = {name: value for name, value in given.items() if name not in ("files", "reports")}
    result: list[ImportedReport] = []
    order: dict[str, int] = {}
    with progress(f"{given['project']}: {path}") as show:
        batch = _Batch()
        for found in chain.from_iterable(_told(files, show)):
            order[found.name] = len(order)
            refused = batch.add(found)
            if refused is not None:
                result.append(refused)
            elif batch.full:
                result += batch.send(labels, ask)
        result += batch.send(labels, ask)
    result.sort(key=lambda report: order[report.path])
    if given.get("files") or given.get("reports"):
        result += ask(given).reports
    return ImportResult(reports=result)


def _told(files: list[Any], show: Callable[[float | None, str], None]) -> Iterator[Iterator[FoundReport]]:
    for number, file in enumerate(files):
        show(number / len(files), f"{number:,} of {len(files):,} files")
        yield read_reports(file)


class _Batch:
    """Reports that travel together."""

    def __init__(self) -> None:
        self._reports: list[SentReport] = []
        self._bytes = 0

    @property
    def full(self) -> bool:
        return self._bytes >= _BATCH_BYTES or len(self._reports) >= _BATCH_REPORTS

    def add(self, found: FoundReport) -> ImportedReport | None:
        """Take a report in; one that cannot be sent is returned with the reason."""
        if found.error is not None:
            return ImportedReport(path=found.name, result="refused", reason=found.error.message)
        packed = gzip.compress(found.data, 1)
        if len(packed) > _MOST_BYTES:
            reason = f"Packed it has {len(packed)} bytes, too many to be sent. {_ADVICE}"
            return ImportedReport(path=found.name, result="refused", reason=reason)
        self._bytes += len(packed)
        self._reports.append(
            SentReport(
                path=found.name,
                inside=found.inside,
                content=base64.b64encode(packed).decode(),
                packing="gzip",
                modified_at=found.modified,
            )
        )
        return None

    def send(self, labels: Mapping[str, Any], ask: Ask) -> list[ImportedReport]:
        """Send what is there."""
        reports, self._reports, self._bytes = self._reports, [], 0
        return _sent(reports, labels, ask)


def _sent(reports: list[SentReport], labels: Mapping[str, Any], ask: Ask) -> list[ImportedReport]:
    """Send reports, in smaller requests where a server takes only those."""
    if not reports:
        return []
    try:
        return ask({**labels, "reports": reports}).reports
    except TooLarge as error:
        if len(reports) == 1:
            return [ImportedReport(path=reports[0].path, result="refused", reason=f"{error.message} {_ADVICE}")]
    half = len(reports) // 2
    return [*_sent(reports[:half], labels, ask), *_sent(reports[half:], labels, ask)]
