"""Export a history to CSV, which every spreadsheet and database reads."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from att.testing.analysis.frames import FrameKind, conform

__all__ = ["to_csv"]


def to_csv(
    runs: pd.DataFrame, results: pd.DataFrame, failures: pd.DataFrame, folder: str | Path, *, compress: bool = False
) -> list[Path]:
    """Write `runs.csv`, `results.csv` and `failures.csv` into a folder, in place of those that are there.

    UTF-8 with a header; times as ISO 8601 in UTC, durations in seconds, nulls as empty fields. `compress` writes
    `.csv.gz`. `att.testing.analysis.conform(pandas.read_csv(path), "runs")` gives a frame back. Returns the paths.
    """
    target = Path(folder).expanduser()
    target.mkdir(parents=True, exist_ok=True)
    written = []
    frames: dict[FrameKind, pd.DataFrame] = {"runs": runs, "results": results, "failures": failures}
    for kind, frame in frames.items():
        path = target / f"{kind}.csv{'.gz' if compress else ''}"
        # The same history gives the same bytes: gzip's header would hold the time.
        how = {"method": "gzip", "mtime": 0} if compress else None
        conform(frame, kind).to_csv(path, index=False, date_format="%Y-%m-%dT%H:%M:%S.%fZ", compression=how)
        written.append(path)
    return written
