"""The test history beside rows in SQLite and a DuckDB file: appending a run, and 90 days as a pandas frame.

Run `python -m tests.benchmarks.testing`; 5 million results (2,000 tests in 2,500 runs) are made first. Ratios count:
the least of interleaved rounds, and for memory the peak above the imports in a process of its own. What the pytest
plugin and the importers cost is measured by `tests.benchmarks.plugin` and `tests.benchmarks.importers`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.support.histories import KINDS, RUNS, opened, outcomes_of, samples
from tests.benchmarks.support.table import Row, print_table

LOADERS = ("att", "rows", "duckdb")
APPENDERS = ("att", "rows", "lean rows")
DAYS = 90
LOAD_ROUNDS, APPEND_ROUNDS = 5, 30
MIB = 1 << 20


def fill(folder: Path, tests: int, runs: int) -> None:
    """Make the same history in every store."""
    for kind in KINDS:
        began = time.perf_counter()
        history = opened(kind, folder)
        history.fill(samples(tests, runs, first=RUNS - runs))
        history.close()
        print(f"{kind}: {tests * runs:,} results in {time.perf_counter() - began:.0f} s", flush=True)


def load_seconds(folder: Path) -> dict[str, float]:
    """Return the least seconds in which each store gives its frame, after checking that they hold the same."""
    best = dict.fromkeys(LOADERS, float("inf"))
    stores = {kind: opened(kind, folder) for kind in LOADERS}
    for _ in range(LOAD_ROUNDS):
        seen = set()
        for kind, history in stores.items():
            began = time.perf_counter()
            frame = history.load(DAYS)
            best[kind] = min(best[kind], time.perf_counter() - began)
            failed = int((frame["outcome"] == "failed").sum())
            seen.add((len(frame), failed, round(float(frame["duration_seconds"].sum()), 2), frame["nodeid"].nunique()))
            del frame
        if len(seen) != 1:
            raise SystemExit(f"The stores disagree: {seen}")
    for history in stores.values():
        history.close()
    return best


def load_megabytes(kind: str, folder: Path) -> float:
    """Return how far loading raises the memory of a new process above what it has imported."""
    command = [sys.executable, "-m", "tests.benchmarks.testing", "--peak", kind, "--folder", str(folder)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def print_peak(kind: str, folder: Path) -> None:
    """Load in this process and print the megabytes of its peak above its memory before."""
    history = opened(kind, folder)
    history.load(0)  # what loading imports and opens
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = _status("VmRSS")
    history.load(DAYS)
    print((_status("VmHWM") - before) / 1024)


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def append_milliseconds(folder: Path, tests: int) -> dict[str, float]:
    """Return the least milliseconds in which each store takes one more run."""
    best = dict.fromkeys(APPENDERS, float("inf"))
    stores = {kind: opened(kind, folder) for kind in APPENDERS}
    order = list(APPENDERS)
    later = RUNS + int(time.time()) % 100_000  # after all others, also when the stores are used again
    for run in samples(tests, APPEND_ROUNDS, first=later, seed=2):
        outcomes = outcomes_of(run)
        for kind in order:
            began = time.perf_counter()
            stores[kind].append(run, outcomes)
            best[kind] = min(best[kind], (time.perf_counter() - began) * 1000)
        order.append(order.pop(0))  # the first one finds the outcomes out of the processor's caches
    for history in stores.values():
        history.close()
    return best


def main() -> int:
    """Print the table; return 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tests", type=int, default=2_000)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--folder", type=Path, help="Where the stores are; they are made there once.")
    parser.add_argument("--peak", choices=LOADERS, help="Only load, and print the megabytes that it took.")
    asked = parser.parse_args()
    if asked.peak:
        print_peak(asked.peak, asked.folder)
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.folder or Path(temporary)
        folder.mkdir(exist_ok=True)
        if not (folder / "att.db").exists():
            fill(folder, asked.tests, asked.runs)
        seconds = load_seconds(folder)
        megabytes = {kind: load_megabytes(kind, folder) for kind in LOADERS}
        milliseconds = append_milliseconds(folder, asked.tests)
        size = {kind: (folder / name).stat().st_size / MIB for kind, name in (("att", "att.db"), ("rows", "rows.db"))}
    rows = [
        Row("90 days to pandas", seconds["att"], "s", "pd.read_sql over rows", seconds["rows"], 0.1),
        Row("90 days to pandas", seconds["att"], "s", "DuckDB file", seconds["duckdb"], 2),
        Row("peak memory of it", megabytes["att"], "MB", "pd.read_sql over rows", megabytes["rows"], 0.6),
        Row("peak memory of it", megabytes["att"], "MB", "DuckDB file", megabytes["duckdb"]),
        Row("append of one run", milliseconds["att"], "ms", "rows by run and test", milliseconds["rows"], 0.5),
        Row("append of one run", milliseconds["att"], "ms", "rows by run only", milliseconds["lean rows"]),
        Row("size on disk", size["att"], "MB", "rows by run and test", size["rows"]),
    ]
    print_table(rows)
    return int(any(row.holds is False for row in rows))


if __name__ == "__main__":
    sys.exit(main())
