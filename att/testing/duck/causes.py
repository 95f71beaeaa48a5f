"""Failures with the same cause, counted in SQL."""

from __future__ import annotations

import numpy as np
import pandas as pd

from att.testing.analysis.executions import ordered_runs
from att.testing.analysis.frames import TEXT
from att.testing.analysis.grouping import fingerprints
from att.testing.duck.database import Database

__all__ = ["failure_groups"]

# Rows of one moment are in the order in which they lie in the files.
_GROUPS = """
    WITH placed AS (
        SELECT coalesce(f.fingerprint, m.fingerprint) AS cause, f.exception AS e, f.message AS m, f.nodeid AS n,
               f.run_id, t.moment, row(t.moment, f.filename, f.file_row_number) AS place
        FROM failures f
        JOIN moments t ON t.run_id = f.run_id
        LEFT JOIN made_fingerprints m ON f.fingerprint IS NULL
             AND m.exception IS NOT DISTINCT FROM f.exception AND m.message IS NOT DISTINCT FROM f.message
    )
    SELECT cause AS fingerprint,
           arg_max(e, place) FILTER (e IS NOT NULL) AS exception,
           arg_max(m, place) FILTER (m IS NOT NULL) AS message,
           count(*) AS failures, count(DISTINCT n) AS tests, count(DISTINCT run_id) AS runs,
           min(moment) FILTER (moment >= 0) AS first_at, max(moment) FILTER (moment >= 0) AS last_at,
           arg_max(n, place) AS nodeid
    FROM placed GROUP BY cause
"""


def failure_groups(database: Database, runs: pd.DataFrame) -> pd.DataFrame:
    """Answer `att.testing.analysis.failure_groups`."""
    import pyarrow as pa

    ordered = ordered_runs(runs)
    moment, times = pd.factorize(ordered["started_at"], sort=True)  # -1: no time is known
    run_ids = pa.array(ordered["run_id"].astype(object), pa.string())
    database.keep("moments", pa.table({"run_id": run_ids, "moment": moment.astype(np.int64)}))
    _make_fingerprints(database)
    table = database.frame(_GROUPS)
    for name in ("first_at", "last_at"):
        place = table[name].fillna(-1).to_numpy(dtype=np.int64)
        table[name] = pd.Series(times).reindex(place).reset_index(drop=True)
    for name in ("fingerprint", "exception", "message", "nodeid"):
        table[name] = table[name].astype(object).where(table[name].notna(), None).astype(TEXT)
    order = ["failures", "last_at", "fingerprint"]
    return table.sort_values(order, ascending=[False, False, True], ignore_index=True)


def _make_fingerprints(database: Database) -> None:
    """Give each kind of failure that came without a fingerprint one, as the analysis over frames does."""
    import pyarrow as pa

    unknown = database.rows("""
        SELECT DISTINCT f.exception, f.message FROM failures f JOIN moments t ON t.run_id = f.run_id
        WHERE f.fingerprint IS NULL
    """)
    exception, message = ([row[i] for row in unknown] for i in (0, 1))
    columns = {"exception": exception, "message": message, "fingerprint": fingerprints(unknown)}
    database.keep(
        "made_fingerprints", pa.table({name: pa.array(column, pa.string()) for name, column in columns.items()})
    )
