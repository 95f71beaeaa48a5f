"""Take reports into the history of a project: those of one build as one run, and the same file once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, field, replace

from att.errors import ATTError, Invalid
from att.testing.history.store import HistoryStore
from att.testing.importers.models import ParsedReport
from att.testing.importers.nodeids import NodeIds
from att.testing.importers.parsing import merge, parse
from att.testing.importers.reading import in_utc
from att.testing.loading.converting import failures_of, record_of, results_of
from att.testing.loading.finding import FoundReport
from att.testing.loading.grouping import is_of_a_class, together
from att.testing.loading.labels import Labelling, Labels, of_report
from att.testing.loading.models import ImportedReport

__all__ = ["Loaded", "Loader"]

_TWICE = "The same report is kept already."
_HEAD_BYTES = 1 << 16


@dataclass
class Loaded:
    """What has joined the history."""

    runs: int = 0
    results: int = 0
    sources: set[str] = field(default_factory=set)


@dataclass(eq=False)
class _Part:
    """A report of a build: what was read of it, or what became of it."""

    found: FoundReport
    labels: Labels | None = None
    parsed: ParsedReport | None = None
    digest: str = ""
    answer: ImportedReport | None = None

    def say(self, result: str, reason: str, run_id: str | None = None) -> None:
        self.answer = ImportedReport.model_validate(
            {"path": self.found.name, "result": result, "run_id": run_id, "reason": reason}
        )


class Loader:
    """Loads reports into one project's history.

    A file that names its time is one report however it is labelled; of one that does not, as of the console, the same
    bytes under another commit, branch or time are another report. `loaded` tells what is new.
    """

    def __init__(self, history: HistoryStore, project: str, known: NodeIds, labelling: Labelling) -> None:
        self._history = history
        self._project = project
        self._known = known
        self._labelling = labelling
        self.loaded = Loaded()

    def load(self, builds: Iterable[Sequence[FoundReport]]) -> Iterator[ImportedReport]:
        """Load the reports of each build as one run; one that is broken does not stop the others.

        Reports with different labels, or of different formats, are different runs.
        """
        for build in builds:
            parts = [self._read(found) for found in build]
            for same in together(parts, lambda part: part.labels):
                broken = sum(part.parsed is None and _has_tests(part.found) for part in same)
                whole = [part for part in same if part.answer is None]
                for run in together(whole, lambda part: part.parsed and part.parsed.kind):
                    self._keep(run, broken)
            yield from (part.answer for part in parts if part.answer is not None)

    def _read(self, found: FoundReport) -> _Part:
        part = _Part(found)
        try:
            part.labels = self._labelling.of_path(found.inside, found.name)
            if found.error is not None:
                raise found.error
            content = hashlib.sha256(found.data)
            labelled = content.copy()
            labelled.update(repr(astuple(part.labels)).encode())
            if (run_id := self._holder(content.hexdigest(), labelled.hexdigest())) is not None:
                part.say("duplicate", _TWICE, run_id)
                part.labels = None
                return part
            part.parsed = parse(found.data, known=self._known, tz=self._labelling.tz)
            part.digest = (labelled if part.parsed.started_at is None else content).hexdigest()
        except ATTError as error:
            _refuse(part, error)
        return part

    def _keep(self, parts: list[_Part], broken: int) -> None:
        """Keep reports as one run, and tell what became of each. Another process may keep some meanwhile."""
        while parts:
            several = list({part.digest: part for part in reversed(parts)}.values())[::-1]
            try:
                run_id, notes = self._write(several, broken)
            except ATTError as error:
                for part in parts:
                    _refuse(part, error)
                return
            if notes is not None:
                for part in parts:
                    part.say(*(("imported", notes) if part in several else ("duplicate", _TWICE)), run_id)
                return
            holders = [self._holder(part.digest) for part in parts]
            for part, holder in zip(parts, holders, strict=True):
                if holder is not None or not any(holders):
                    part.say("duplicate", _TWICE, holder or run_id)
            parts = [part for part in parts if part.answer is None]

    def _write(self, parts: Sequence[_Part], broken: int) -> tuple[str, str | None]:
        """Return the run's id and what is to be said about it; None when one of the reports was kept meanwhile."""
        reports = [part.parsed for part in parts if part.parsed is not None]
        parsed = reports[0] if len(reports) == 1 else merge(reports)
        if broken:
            parsed = replace(parsed, complete=False)
        labels = (parts[0].labels or Labels()).over(of_report(parsed))
        written = (part.found.modified for part in parts)
        times = [time for at in written if at is not None and (time := in_utc(at, self._labelling.tz)) is not None]
        started_at = labels.started_at or min(times, default=None)
        if started_at is None:
            raise Invalid(
                "It does not say when the run began: give started_at, or a group (?P<started_at>...) in match."
            )
        digests = sorted(part.digest for part in parts)
        digest = digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
        run_id = f"import-{hashlib.sha256(f'{self._project}/{digest}'.encode()).hexdigest()[:20]}"
        record = record_of(parsed, labels, started_at, project=self._project, run_id=run_id, digest=digest)
        if len(parts) > 1:
            record = replace(record, reports=digests)
        results = results_of(parsed.tests)
        if not self._history.keep(record, results, failures_of(parsed.tests)):
            return run_id, None
        self.loaded.runs += 1
        self.loaded.results += len(results)
        self.loaded.sources.add(record.source)
        return run_id, _notes(len(parts), broken, labels.started_at is None, len(record.unresolved))

    def _holder(self, *digests: str) -> str | None:
        return self._history.holder(self._project, digests)


def _refuse(part: _Part, error: ATTError) -> None:
    part.say("refused", error.message[:1].upper() + error.message[1:])


def _has_tests(found: FoundReport) -> bool:
    """Return whether a report that cannot be read should have told of tests: other XML files lie beside reports."""
    return is_of_a_class(found.name) or b"<testsuite" in found.data[:_HEAD_BYTES]


def _notes(files: int, broken: int, timeless: bool, unresolved: int) -> str:
    """Say what could not be known, and of how many files the run is."""
    who = "1 test is" if unresolved == 1 else f"{unresolved:,} tests are"
    notes = [
        f"One run of {files:,} files." if files > 1 else "",
        f"{broken:,} more could not be read, so the run is not complete." if broken else "",
        f"The report{'s name' if files > 1 else ' names'} no time; the file's own stands in." if timeless else "",
        f"{who} not known to the project yet, and will join when a run names them." if unresolved else "",
    ]
    return " ".join(note for note in notes if note)
