"""Build the frames `runs`, `results` and `failures` from a history's Arrow streams, column by column."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from att.testing.analysis.frames import FAILURES, OUTCOMES, coded, conform, empty
from att.testing.history.blocks import ATTEMPT, OUTCOME, WHOLE, WORKER, read_stream
from att.testing.history.records import PARTS, Part

__all__ = ["Frames", "assemble", "failures_frame", "results_frame", "runs_frame"]

Ints = npt.NDArray[np.int32] | npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
_FIRST_LINE = pc.ReplaceSubstringOptions(r"(?s)\n.*", "")


class Frames(NamedTuple):
    """The three frames of a history; `att.testing.analysis.frames` describes their columns."""

    runs: pd.DataFrame
    results: pd.DataFrame
    failures: pd.DataFrame


def assemble(read: Callable[[Part], Any]) -> Frames:
    """Return the frames of what `read` gives for each part: an Arrow stream's reader or its bytes."""
    tables = {part: _table(read(part)) for part in PARTS}
    runs, tests = tables["runs"], tables["tests"]
    return Frames(
        runs_frame(runs),
        results_frame(tables.pop("results"), runs, tests),
        failures_frame(tables.pop("failures"), runs, tests),
    )


def _table(source: Any) -> pa.Table:
    return source.read_all() if isinstance(source, pa.RecordBatchReader) else read_stream(source)


def runs_frame(runs: pa.Table) -> pd.DataFrame:
    """Return the frame of the runs, in time order; further columns of the catalogue stay at the end."""
    return conform(runs.drop_columns(["run", "workers"]).to_pandas(), "runs")


def results_frame(results: pa.Table, runs: pa.Table, tests: pa.Table) -> pd.DataFrame:
    """Return the frame of the results. Rows of a run or test that was deleted meanwhile are left out."""
    if not len(results):
        return empty("results")
    run, kept_run = _positions(results["run"], runs["run"])
    test, kept_test = _positions(results["test"], tests["test"])
    if not (kept := kept_run & kept_test).all():
        return results_frame(results.filter(pa.array(kept)), runs, tests)
    code = results["code"].to_numpy()
    phases = [_seconds(results[f"{name}_us"]) for name in ("setup", "call", "teardown")]
    total = _total(phases)
    phases[1][WHOLE.of(code).astype(np.bool_)] = np.nan
    columns = {
        "run_id": coded(run, runs["run_id"].to_pylist()),
        "nodeid": _nodeids(test, tests),
        "attempt": ATTEMPT.of(code).astype(np.int32),
        "outcome": coded(OUTCOME.of(code), OUTCOMES),
        **dict(zip(("setup_seconds", "call_seconds", "teardown_seconds"), phases, strict=True)),
        "duration_seconds": total,
        "started_at": _moments(results["start_us"], runs["started_at"], run),
        "worker": _workers(WORKER.of(code), runs["workers"], run),
        "resolved": tests["resolved"].to_numpy()[test],
    }
    return pd.DataFrame(columns, copy=False)


def _positions(numbers: pa.ChunkedArray, known: pa.ChunkedArray) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """Return the place of each number among the known ones, and whether it is there."""
    keys = known.to_numpy()
    places = np.full(max(keys.max(initial=0), pc.call_function("max", [numbers]).as_py() or 0) + 1, -1, dtype=np.int32)
    places[keys] = np.arange(len(keys))
    found = places[numbers.to_numpy()]
    return found, np.asarray(found >= 0)


def _nodeids(test: Ints, tests: pa.Table) -> Any:
    """Return the nodeids that occur as categories; two names of one test are one category."""
    used = np.flatnonzero(np.bincount(test, minlength=len(tests)))
    names = tests["nodeid"].take(pa.array(used)).to_pylist()
    categories = list(dict.fromkeys(names))
    code_of = {name: code for code, name in enumerate(categories)}
    codes = np.zeros(len(tests), dtype=np.int32)
    codes[used] = [code_of[name] for name in names]
    return coded(codes[test], categories)


def _seconds(microseconds: pa.ChunkedArray) -> Floats:
    """Return seconds, NaN where there are none."""
    seconds = microseconds.to_numpy().astype(np.float64, copy=False)
    return np.asarray(seconds / 1e6)


def _total(parts: list[Floats]) -> Floats:
    total = np.zeros(len(parts[0]))
    known = np.zeros(len(total), dtype=np.bool_)
    for part in parts:
        has = ~np.isnan(part)
        known |= has
        np.add(total, part, out=total, where=has)
    total[~known] = np.nan
    return total


def _moments(offsets: pa.ChunkedArray, began: pa.ChunkedArray, run: Ints) -> pd.Series[Any]:
    starts = began.cast(pa.int64()).to_numpy()[run]
    times = pc.call_function("add", [offsets.combine_chunks(), pa.array(starts)]).cast(pa.timestamp("us", "UTC"))
    return pd.Series(times.to_pandas())


def _workers(numbers: Ints, names: pa.ChunkedArray, run: Ints) -> Any:
    """Return the names of the workers: the number of each counts from 1 in its run's list, 0 is none."""
    lists = names.combine_chunks()
    flat = lists.flatten().to_pylist()
    categories = list(dict.fromkeys(flat))
    code_of = {name: code for code, name in enumerate(categories)}
    codes = np.array([-1, *(code_of[name] for name in flat)], dtype=np.int16)
    first = np.cumsum(np.append(0, lists.value_lengths().to_numpy()))[:-1]
    return coded(codes[np.where(numbers, first[run] + numbers, 0)], categories)


def failures_frame(failures: pa.Table, runs: pa.Table, tests: pa.Table) -> pd.DataFrame:
    """Return the frame of the failures. Those of a run or test that was deleted meanwhile are left out."""
    if not len(failures):
        return empty("failures")
    run, kept_run = _positions(failures["run"], runs["run"])
    test, kept_test = _positions(failures["test"], tests["test"])
    if not (kept := kept_run & kept_test).all():
        return failures_frame(failures.filter(pa.array(kept)), runs, tests)
    columns = {
        "run_id": runs["run_id"].take(pa.array(run)),
        "nodeid": tests["nodeid"].take(pa.array(test)),
        "message": pc.call_function("replace_substring_regex", [failures["message"]], _FIRST_LINE),
    }
    chosen = [columns[name] if name in columns else failures[name] for name in FAILURES]
    more = [name for name in failures.column_names if name not in (*FAILURES, "run", "test", "sections")]
    table = pa.table([*chosen, *(failures[name] for name in more)], names=[*FAILURES, *more])
    return conform(table.to_pandas(), "failures")
