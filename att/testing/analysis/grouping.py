"""Failures with the same cause, counted together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from att.testing.analysis.executions import ordered_runs
from att.testing.analysis.frames import TEXT, require
from att.testing.fingerprint import Cause, fingerprint

__all__ = ["failure_groups", "fingerprints", "identified"]


def failure_groups(runs: pd.DataFrame, failures: pd.DataFrame) -> pd.DataFrame:
    """Group failures by fingerprint: the most frequent cause first.

    A failure without fingerprint is grouped by its exception and its message without numbers and addresses. Failures
    of runs that are not in `runs` are left out.

    Returns::

        fingerprint     identity of the cause
        exception       exception class of the newest failure; null when not known
        message         its message
        failures        how often it happened
        tests           different tests that it hit
        runs            different runs in which it happened
        first_at        start of the first run with it
        last_at         start of the newest run with it
        nodeid          test of the newest failure
    """
    table = identified(runs, failures)
    groups = table.groupby("fingerprint", sort=False)
    result = groups.agg(
        exception=("exception", "last"),
        message=("message", "last"),
        failures=("nodeid", "size"),
        tests=("nodeid", "nunique"),
        runs=("run_id", "nunique"),
        first_at=("started_at", "min"),
        last_at=("started_at", "max"),
        nodeid=("nodeid", "last"),
    ).reset_index()
    order = ["failures", "last_at", "fingerprint"]
    return result.sort_values(order, ascending=[False, False, True], ignore_index=True)


def identified(runs: pd.DataFrame, failures: pd.DataFrame) -> pd.DataFrame:
    """Return the failures of the runs in time order, each with `started_at` of its run and a fingerprint."""
    failures = require(failures, "failures", "run_id", "nodeid")
    times = ordered_runs(runs)[["run_id", "started_at"]]
    table = failures[[name for name in failures if name != "started_at"]].merge(times, on="run_id", how="inner")
    for name in ("exception", "message", "fingerprint"):
        if name not in table:
            table[name] = pd.Series(None, index=table.index, dtype=TEXT)
    table["fingerprint"] = _fingerprints(table)
    return table.sort_values("started_at", kind="stable", na_position="first")


def _fingerprints(table: pd.DataFrame) -> pd.Series[Any]:
    missing = table["fingerprint"].isna()
    if not missing.any():
        return table["fingerprint"]
    texts = table.loc[missing, ["exception", "message"]].astype(object)
    texts = texts.where(texts.notna(), None)
    made = pd.Series(fingerprints(texts.itertuples(index=False, name=None)), index=texts.index)
    return table["fingerprint"].astype(object).where(~missing, made.reindex(table.index))


def fingerprints(texts: Iterable[tuple[str | None, str | None]]) -> list[str]:
    """Return the fingerprint of each exception and message."""
    known: dict[tuple[str | None, str | None], str] = {}
    made = []
    for pair in texts:
        if pair not in known:
            known[pair] = fingerprint(Cause(pair[0], pair[1] or "", None, None), "")
        made.append(known[pair])
    return made
