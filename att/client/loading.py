"""Read the reports that a path stands for, here where the caller is, and send them in bounded batches."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from att.client.progress import progress
from att.errors import TooLarge
from att.testing.loading.finding import FoundFile, FoundReport, find_files, read_reports
from att.testing.loading.grouping import read_builds
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
    with progress(f"{given['project']}: {path}") as show:
        reading, batch = _Reading(files, show), _Batch()
        for build in read_builds(files, given.get("run_per", "auto"), reading.read):
            result += batch.add(build)
            if batch.full:
                result += batch.send(labels, ask)
        result += batch.send(labels, ask)
    result.sort(key=lambda report: reading.order[report.path])
    if given.get("files") or given.get("reports"):
        result += ask(given).reports
    return ImportResult(reports=result)


class _Reading:
    """Reads files, shows how far it is, and remembers where each report stands in the order of the paths."""

    def __init__(self, files: Sequence[FoundFile], show: Callable[[float | None, str], None]) -> None:
        self.order: dict[str, tuple[int, int]] = {}
        self._places = {file.path: place for place, file in enumerate(files)}
        self._show = show
        self._read = 0

    def read(self, file: FoundFile) -> Iterator[FoundReport]:
        self._show(self._read / len(self._places), f"{self._read:,} of {len(self._places):,} files")
        self._read += 1
        for number, found in enumerate(read_reports(file)):
            self.order[found.name] = (self._places[file.path], number)
            yield found


class _Batch:
    """Builds that travel together; the reports of one are not parted."""

    def __init__(self) -> None:
        self._builds: list[list[SentReport]] = []
        self._reasons: dict[str, str] = {}
        self._bytes = 0

    @property
    def full(self) -> bool:
        return self._bytes >= _BATCH_BYTES or sum(map(len, self._builds)) >= _BATCH_REPORTS

    def add(self, build: Sequence[FoundReport]) -> list[ImportedReport]:
        """Take the reports of a build in; those that cannot be sent are returned with the reason.

        Among others they are sent empty, so that the run that lacks them is not taken for complete.
        """
        refused = []
        taken: list[SentReport] = []
        for found in build:
            packed = gzip.compress(found.data, 1)
            reason = "" if found.error is None else found.error.message
            if len(packed) > _MOST_BYTES:
                reason = f"Packed it has {len(packed)} bytes, too many to be sent. {_ADVICE}"
                packed = gzip.compress(b"")
            if reason and len(build) == 1:
                refused.append(ImportedReport(path=found.name, result="refused", reason=reason))
                continue
            if reason:
                self._reasons[found.name] = reason
            self._bytes += len(packed)
            taken.append(
                SentReport(
                    path=found.name,
                    inside=found.inside,
                    content=base64.b64encode(packed).decode(),
                    packing="gzip",
                    modified_at=found.modified,
                )
            )
        if taken:
            self._builds.append(taken)
        return refused

    def send(self, labels: Mapping[str, Any], ask: Ask) -> list[ImportedReport]:
        """Send what is there."""
        builds, self._builds, self._bytes = self._builds, [], 0
        reasons, self._reasons = self._reasons, {}
        told = _sent(builds, labels, ask)
        return [
            report.model_copy(update={"reason": reasons[report.path]}) if report.path in reasons else report
            for report in told
        ]


def _sent(builds: list[list[SentReport]], labels: Mapping[str, Any], ask: Ask) -> list[ImportedReport]:
    """Send builds, in smaller requests where a server takes only those."""
    if not builds:
        return []
    try:
        return ask({**labels, "reports": [*chain.from_iterable(builds)]}).reports
    except TooLarge as error:
        if len(builds) == 1:
            reason = f"{error.message} {_ADVICE}"
            return [ImportedReport(path=report.path, result="refused", reason=reason) for report in builds[0]]
    half = len(builds) // 2
    return [*_sent(builds[:half], labels, ask), *_sent(builds[half:], labels, ask)]
