"""The contract of the three history frames: their columns, units and types, empty frames, and checks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api import types as pdt

from att.errors import Invalid
from att.testing.analysis.times import utc_times

__all__ = [
    "FAILING",
    "FAILURES",
    "OUTCOMES",
    "RESULTS",
    "RUNS",
    "TEXT",
    "Column",
    "FrameKind",
    "Kind",
    "coded",
    "conform",
    "describe",
    "empty",
    "require",
    "validate",
]

OUTCOMES = ("passed", "failed", "error", "skipped", "xfailed", "xpassed", "rerun")
"""Every outcome of a test attempt, in the order of their category codes; `rerun` is an attempt that was retried."""

FAILING = ("failed", "error")
"""Outcomes that are a verdict against the test."""

Kind = Literal["text", "category", "outcome", "time", "seconds", "float", "int", "bool"]
FrameKind = Literal["runs", "results", "failures"]


@dataclass(frozen=True)
class Column:
    """One column of the contract. A required column holds no nulls and is never left out."""

    kind: Kind
    meaning: str
    required: bool = False


def _count(meaning: str) -> Column:
    return Column("int", f"{meaning}; null when the source cannot know.")


RUNS: Mapping[str, Column] = MappingProxyType(
    {
        "run_id": Column("text", "Identity of the run, unique over all projects.", required=True),
        "project": Column("text", "Project that was tested.", required=True),
        "started_at": Column("time", "When the run began.", required=True),
        "duration_seconds": Column("seconds", "Wall-clock time of the run."),
        "status": Column("text", "passed, failed, no_tests, usage_error, interrupted, timed_out, crashed, ..."),
        "returncode": Column("int", "Exit code of pytest; null for imported reports."),
        "complete": Column("bool", "The suite reached its end."),
        "passed": _count("Tests that passed"),
        "failed": _count("Tests that failed"),
        "skipped": _count("Tests that were skipped"),
        "errors": _count("Errors in setup, teardown or collection"),
        "xfailed": _count("Expected failures"),
        "xpassed": _count("Unexpected passes"),
        "rerun": _count("Attempts that were retried"),
        "tests_collected": _count("Tests that were selected to run"),
        "suite": Column("text", "unit, integration, e2e, property, all, or the target."),
        "branch": Column("text", "Git branch."),
        "commit": Column("text", "Git commit, full hash."),
        "dirty": Column("bool", "The work tree had changes, or Python files, that are not in the commit."),
        "source": Column("text", "runner, junit, ctrf, ci, ..."),
        "python": Column("text", "Python version that ran the tests."),
        "pytest": Column("text", "pytest version."),
        "os": Column("text", "Operating system."),
        "host": Column("text", "Machine that ran the tests."),
        "ci_url": Column("text", "Where the CI run can be read."),
        "coverage": Column("float", "Covered lines in percent, 0 to 100."),
        "parent": Column("text", "run_id of the run of which this run is a shard."),
        "shard": Column("text", "Which shard of the parent, as `1/4`."),
    }
)
"""Columns of `runs`: one row a run. A history store may add columns; analysis does not read them."""

RESULTS: Mapping[str, Column] = MappingProxyType(
    {
        "run_id": Column("category", "The run; joins with `runs.run_id`.", required=True),
        "nodeid": Column("category", "pytest's id of the test.", required=True),
        "attempt": Column("int", "1 for the first attempt, then 2, 3, ... when it was retried.", required=True),
        "outcome": Column("outcome", f"One of {', '.join(OUTCOMES)}.", required=True),
        "setup_seconds": Column("seconds", "Time in setup."),
        "call_seconds": Column("seconds", "Time in the test itself."),
        "teardown_seconds": Column("seconds", "Time in teardown."),
        "duration_seconds": Column("seconds", "Time of the whole attempt."),
        "started_at": Column("time", "When the attempt began."),
        "worker": Column("category", "xdist worker or shard."),
        "resolved": Column(
            "bool",
            "Whether nodeid is pytest's own. False for a name that a report gave, `classname::name`, until a run or a "
            "report tells which test it is: then it joins in every run. Null when the source does not tell.",
        ),
    }
)
"""Columns of `results`: one row an attempt of a test in a run."""

FAILURES: Mapping[str, Column] = MappingProxyType(
    {
        "run_id": Column("text", "The run; joins with `runs.run_id`.", required=True),
        "nodeid": Column("text", "pytest's id of the test, or of the file that could not be collected.", required=True),
        "attempt": Column("int", "The attempt that failed."),
        "phase": Column("text", "setup, call, teardown or collect."),
        "exception": Column("text", "Name of the exception class."),
        "message": Column("text", "First line of the exception's message."),
        "fingerprint": Column("text", "Equal for failures with the same cause."),
        "longrepr": Column("text", "Traceback as pytest shows it, clipped."),
    }
)
"""Columns of `failures`: one row a failed phase of an attempt."""

_CONTRACT: Mapping[str, Mapping[str, Column]] = {"runs": RUNS, "results": RESULTS, "failures": FAILURES}
TEXT = pd.Series(["a"]).dtype
"""Type of text columns: `str` since pandas 3, `object` before."""


def coded(codes: npt.NDArray[Any], names: Iterable[str]) -> Any:
    """Return a categorical from codes into `names`; -1 is null."""
    return pd.Categorical.from_codes(codes.astype(np.int64), pd.Index(list(names)))


def describe(kind: FrameKind) -> pd.DataFrame:
    """Return the contract of a frame as a table: `column kind required meaning`."""
    rows = [(name, c.kind, c.required, c.meaning) for name, c in _CONTRACT[kind].items()]
    return pd.DataFrame(rows, columns=["column", "kind", "required", "meaning"])


def empty(kind: FrameKind) -> pd.DataFrame:
    """Return the frame of a history that holds nothing yet, with every column in its type."""
    return conform(pd.DataFrame(), kind)


def conform(frame: pd.DataFrame, kind: FrameKind) -> pd.DataFrame:
    """Return a copy in the contract's order and types; what is missing becomes null, further columns stay at the end.

    Use it for frames that were read from CSV or made by hand. Times without a zone are taken as UTC.
    Raises `Invalid` for a value that its column cannot hold.
    """
    columns = {}
    for name, column in _CONTRACT[kind].items():
        values = frame[name] if name in frame else pd.Series([None] * len(frame), index=frame.index, dtype=object)
        try:
            columns[name] = _cast(values, column.kind)
        except (TypeError, ValueError) as error:
            raise Invalid(
                f"Column {name!r} of the {kind} frame cannot be read as {column.kind}: {error}.", column=name
            ) from error
    further = {name: frame[name] for name in frame.columns if name not in columns}
    return pd.DataFrame({**columns, **further}, index=frame.index)


def _cast(values: pd.Series[Any], kind: Kind) -> pd.Series[Any]:
    if kind == "text":
        return values.astype(object).where(values.notna(), None).astype(TEXT)
    if kind == "category":
        return values if isinstance(values.dtype, pd.CategoricalDtype) else _cast(values, "text").astype("category")
    if kind == "outcome":
        unknown = set(values.dropna().unique()) - set(OUTCOMES)
        if unknown:
            raise ValueError(f"unknown outcomes {sorted(map(str, unknown))}")
        return values.astype(pd.CategoricalDtype(list(OUTCOMES)))
    if kind == "time":
        return utc_times(values)
    if kind in ("seconds", "float"):
        return pd.to_numeric(values).astype("float64")
    if kind == "int":
        return pd.to_numeric(values).astype("Int64")
    return values.astype("boolean")


def require(frame: pd.DataFrame, kind: FrameKind, *names: str) -> pd.DataFrame:
    """Return the frame if it has the named columns; a frame without any column is an empty history.

    Raises `Invalid` naming the columns that are missing.
    """
    if frame.empty and not len(frame.columns):
        return empty(kind)
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise Invalid(
            f"The {kind} frame lacks {', '.join(missing)}; att.testing.analysis.frames.describe({kind!r}) lists "
            "the columns and conform() makes such a frame.",
            missing=missing,
        )
    return frame


def validate(runs: pd.DataFrame, results: pd.DataFrame, failures: pd.DataFrame) -> None:
    """Check that three frames keep the contract, as a history store must return them.

    Raises `Invalid` that lists every broken column.
    """
    frames = {"runs": runs, "results": results, "failures": failures}
    problems = [
        f"{kind}.{name}: {problem}"
        for kind, columns in _CONTRACT.items()
        for name, column in columns.items()
        if (problem := _problem(frames[kind], name, column))
    ]
    if "run_id" in runs and runs["run_id"].duplicated().any():
        problems.append("runs.run_id: not unique")
    if problems:
        raise Invalid("The frames break the contract: " + "; ".join(problems) + ".", problems=problems)


def _problem(frame: pd.DataFrame, name: str, column: Column) -> str | None:
    if name not in frame:
        return "missing"
    values = frame[name]
    if not _fits(values, column.kind):
        return f"{values.dtype} is not {column.kind}"
    if column.required and values.isna().any():
        return "holds nulls"
    return None


def _fits(values: pd.Series[Any], kind: Kind) -> bool:
    dtype = values.dtype
    if kind == "text":
        return bool(pdt.is_string_dtype(dtype) or pdt.is_object_dtype(dtype))
    if kind == "category":
        return isinstance(dtype, pd.CategoricalDtype)
    if kind == "outcome":
        return isinstance(dtype, pd.CategoricalDtype) and tuple(dtype.categories) == OUTCOMES
    if kind == "time":
        return isinstance(dtype, pd.DatetimeTZDtype) and str(dtype.tz) == "UTC"
    if kind in ("seconds", "float"):
        return bool(dtype == np.float64)
    return bool(pdt.is_integer_dtype(dtype) if kind == "int" else pdt.is_bool_dtype(dtype))
