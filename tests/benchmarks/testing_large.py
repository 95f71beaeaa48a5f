"""50 million results: appending a run stays as fast as at the beginning, and DuckDB answers in bounded memory.

Run `python -m tests.benchmarks.testing_large`; `--results` makes it smaller. The first part fills the history of a
data directory and appends runs on the way. The second exports ten generated histories to Parquet and puts every
question to them in a process of its own, whose peak memory above its imports is what counts.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import pandas as pd

from att.testing.exports import open_parquet, to_parquet
from att.testing.samples import sample_history
from tests.benchmarks.support.histories import AttHistory, RunSample, outcomes_of, samples
from tests.benchmarks.support.table import Row, print_table

TESTS = 2_000
PROJECTS = 10
STAGES = 10
APPENDED = 15
MEMORY = "1GB"
MEMORY_MIB = 1e9 / (1 << 20)
EXPORT_DAYS = 400


def append_milliseconds(folder: Path, runs: int) -> list[float]:
    """Fill a history in stages and return what appending one run costs after each: the least of some."""
    history = AttHistory(folder)
    made = samples(TESTS, runs)
    costs = []
    for stage in range(1, STAGES + 1):
        began = time.perf_counter()
        history.fill(islice(made, runs // STAGES - APPENDED))
        costs.append(_append(history, islice(made, APPENDED)))
        seconds = time.perf_counter() - began
        filled = stage * (runs // STAGES) * TESTS
        print(f"history of {filled:,} results: a run is appended in {costs[-1]:.1f} ms ({seconds:.0f} s)", flush=True)
    history.close()
    return costs


def _append(history: AttHistory, runs: Iterator[RunSample]) -> float:
    best = float("inf")
    for run in runs:
        outcomes = outcomes_of(run)
        began = time.perf_counter()
        history.append(run, outcomes)
        best = min(best, time.perf_counter() - began)
    return best * 1000


def export(folder: Path, runs: int) -> int:
    """Export one history after another into the folder; return the number of results."""
    count = 0
    for number in range(PROJECTS):
        start = pd.Timestamp("2020-01-06T06:00:00Z") + pd.Timedelta(days=number)
        made = sample_history(
            TESTS, runs // PROJECTS, projects=(f"shop{number}",), seed=number, start=start.isoformat()
        )
        # Each project has months of its own here, so that none is merged with another: that is not what is measured.
        away = pd.Timedelta(days=EXPORT_DAYS * number * max(1, runs // PROJECTS // 800))
        times = {"started_at": made.runs["started_at"] + away}
        began = time.perf_counter()
        to_parquet(made.runs.assign(**times), made.results, made.failures, folder)
        count += len(made.results)
        print(f"exported {count:,} results ({time.perf_counter() - began:.1f} s for the last)", flush=True)
    return count


def ask(folder: Path) -> None:
    """Put every question; print its seconds and its peak of memory above the imports, as JSON."""
    import duckdb
    import pyarrow.dataset  # noqa: F401

    assert duckdb.__version__
    _peak()
    base = _peak()
    answers = {}
    with open_parquet(folder, "duckdb", memory=MEMORY) as h:
        first, last = h.runs["run_id"].iloc[[-3, -1]]
        questions: dict[str, Callable[[], pd.DataFrame]] = {
            "join": lambda: h.outages(),
            "pass_rate": lambda: h.pass_rate(),
            "flaky": lambda: h.flaky(),
            "slowest": lambda: h.slowest(),
            "regressions": lambda: h.regressions(),
            "regressions, all": lambda: h.regressions(2_000, len(h.runs)),
            "first_failed": lambda: h.first_failed(),
            "compare": lambda: h.compare(first, last),
            "failure_groups": lambda: h.failure_groups(),
        }
        for name, question in questions.items():
            began = time.perf_counter()
            rows = len(question())
            answers[name] = (time.perf_counter() - began, _peak() - base, rows)
    print(json.dumps(answers))


def _peak() -> float:
    """Return the peak of resident memory in MiB since the last call, and begin anew."""
    status = Path("/proc/self/status").read_text()
    Path("/proc/self/clear_refs").write_text("5")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def main() -> int:
    """Print both tables; return 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=int, default=50_000_000)
    parser.add_argument("--only", choices=("append", "duckdb"))
    parser.add_argument("--ask", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.ask:
        ask(arguments.ask)
        return 0
    runs = arguments.results // TESTS
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="att-bench-") as name:
        folder = Path(name)
        if arguments.only != "duckdb":
            costs = append_milliseconds(folder, runs)
            # What else the machine does disturbs single stages, so the least of three stands beside the least of three.
            last, first = min(costs[-3:]), min(costs[:3])
            rows.append(Row(f"append a run at {runs * TESTS:,} results", last, "ms", "at the beginning", first, 1.5))
        if arguments.only != "append":
            rows += duckdb_rows(folder / "export", runs)
    print_table(rows)
    return int(any(row.holds is False for row in rows))


def duckdb_rows(folder: Path, runs: int) -> list[Row]:
    """Export, ask, and return what each question cost."""
    export(folder, runs)
    size = sum(path.stat().st_size for path in folder.rglob("*.parquet"))
    command = [sys.executable, "-m", "tests.benchmarks.testing_large", "--ask", str(folder)]
    answers = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    rows = [Row("Parquet", size / (1 << 20), "MiB")]
    for name, (seconds, peak, count) in answers.items():
        rows.append(Row(f"{name} ({count:,} rows)", seconds, "s"))
        rows.append(Row("  peak memory", peak, "MiB", f"limit {MEMORY}", MEMORY_MIB, 1.5))
    return rows


if __name__ == "__main__":
    sys.exit(main())
