"""Take reports into the history of a project: each on its own, and the same file once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import astuple
from datetime import UTC, datetime, tzinfo

from att.errors import ATTError, Invalid
from att.testing.history.store import HistoryStore
from att.testing.importers.models import ParsedReport
from att.testing.importers.nodeids import NodeIds
from att.testing.importers.parsing import parse
from att.testing.loading.converting import failures_of, record_of, results_of
from att.testing.loading.finding import FoundReport
from att.testing.loading.labels import Labelling, Labels, of_report
from att.testing.loading.models import ImportedReport

__all__ = ["Loader"]


class Loader:
    """Loads reports into one project's history.

    A file that names its time is one run however it is labelled; of one that does not, as of the console, the same
    bytes under another commit, branch or time are another run.
    """

    def __init__(self, history: HistoryStore, project: str, known: NodeIds, labelling: Labelling) -> None:
        self._history = history
        self._project = project
        self._known = known
        self._labelling = labelling

    def load(self, reports: Iterable[FoundReport]) -> Iterator[ImportedReport]:
        """Load each report; one that is broken does not stop the others."""
        for report in reports:
            try:
                yield self._load(report)
            except ATTError as error:
                reason = error.message[:1].upper() + error.message[1:]
                yield ImportedReport(path=report.name, result="refused", reason=reason)

    def _load(self, found: FoundReport) -> ImportedReport:
        if found.error is not None:
            raise found.error
        labels = self._labelling.of_path(found.inside, found.name)
        content = hashlib.sha256(found.data)
        labelled = content.copy()
        labelled.update(repr(astuple(labels)).encode())
        for digest in (content.hexdigest(), labelled.hexdigest()):
            if self._history.has(self._project, digest):
                return self._duplicate(found.name, digest)
        parsed = parse(found.data, known=self._known, tz=self._labelling.tz)
        digest = labelled.hexdigest() if parsed.started_at is None else content.hexdigest()
        return self._keep(found, parsed, labels.over(of_report(parsed)), digest)

    def _keep(self, found: FoundReport, parsed: ParsedReport, labels: Labels, digest: str) -> ImportedReport:
        started_at = labels.started_at or _in_zone(found.modified, self._labelling.tz)
        if started_at is None:
            raise Invalid(
                "It does not say when the run began: give started_at, or a group (?P<started_at>...) in match."
            )
        run_id = self._run_id(digest)
        record = record_of(parsed, labels, started_at, project=self._project, run_id=run_id, digest=digest)
        if not self._history.keep(record, results_of(parsed.tests), failures_of(parsed.tests)):
            return self._duplicate(found.name, digest)
        notes = []
        if labels.started_at is None:
            notes.append("The report names no time; the file's own stands in.")
        if record.unresolved:
            notes.append(_unknown(len(record.unresolved)))
        return ImportedReport(path=found.name, result="imported", run_id=run_id, reason=" ".join(notes))

    def _duplicate(self, name: str, digest: str) -> ImportedReport:
        return ImportedReport(
            path=name, result="duplicate", run_id=self._run_id(digest), reason="The same report is kept already."
        )

    def _run_id(self, digest: str) -> str:
        return f"import-{hashlib.sha256(f'{self._project}/{digest}'.encode()).hexdigest()[:20]}"


def _unknown(tests: int) -> str:
    who = "1 test is" if tests == 1 else f"{tests:,} tests are"
    return f"{who} not known to the project yet, and will join when a run names them."


def _in_zone(time: datetime | None, zone: tzinfo) -> datetime | None:
    if time is None:
        return None
    return (time if time.tzinfo else time.replace(tzinfo=zone)).astimezone(UTC)
