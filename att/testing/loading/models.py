"""Values of loading reports: what is sent, and what became of each."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from att.models import Model

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ImportResult", "ImportedReport", "RunPer", "SentReport"]

RunPer = Literal["auto", "file", "folder", "load"]
"""Which reports are one run; `att.testing.loading.grouping.build_of` says what each means."""
ReportPath = Annotated[str, Field(min_length=1, max_length=4096)]


class SentReport(Model):
    """A report that the caller has read."""

    path: ReportPath = Field(description="What the report is called in the answer.")
    inside: ReportPath | None = Field(
        default=None, description="The path below what is loaded, in which `match` looks first."
    )
    content: str = Field(description="The file's bytes as base64, packed as `packing` says.")
    packing: Literal["none", "gzip"] = "none"
    modified_at: datetime | None = Field(
        default=None, description="When the file was written: stands in for a run that names no time."
    )


class ImportedReport(Model):
    """What became of one report."""

    path: str
    result: Literal["imported", "duplicate", "refused"]
    run_id: str | None = Field(default=None, description="The run in the history; null when refused.")
    reason: str = Field(default="", description="Why it was refused, or what could not be known about it.")


class ImportResult(Model):
    """What became of each report; those of one run stand together."""

    reports: list[ImportedReport]

    @property
    def imported(self) -> int:
        """How many were new."""
        return sum(report.result == "imported" for report in self.reports)

    def to_frame(self) -> pd.DataFrame:
        """Return the reports as a frame: `path result run_id reason`."""
        import pandas as pd

        names = list(ImportedReport.model_fields)
        rows = [[getattr(report, name) for name in names] for report in self.reports]
        frame = pd.DataFrame(rows, columns=names, dtype=object)
        return frame.astype({"path": str, "result": pd.CategoricalDtype(["imported", "duplicate", "refused"])})
