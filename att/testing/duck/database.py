"""A DuckDB over the Parquet files of an export: its limits, its views, and the folder into which it spills."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from att.errors import Invalid, NotSupported
from att.testing.analysis.frames import FrameKind, empty
from att.testing.exports.arrow import CONTRACT, to_arrow
from att.testing.exports.places import Place

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Database"]

Arrays = Mapping[str, npt.NDArray[Any]]


class Database:
    """One connection; what it keeps is gone with it. Not to be used by several threads at once."""

    def __init__(self, place: Place, memory: str, spill: str | Path | None) -> None:
        """Open views `runs`, `results` and `failures`; tables are kept in a new folder inside `spill`.

        Raises `NotSupported` with the pip line when DuckDB is missing and `Invalid` for a limit that it cannot read.
        """
        try:
            import duckdb
        except ImportError as error:
            raise NotSupported("engine='duckdb' needs DuckDB: pip install 'jupyter-att[duckdb]'") from error
        folder = tempfile.mkdtemp(prefix="att-duckdb-", dir=None if spill is None else Path(spill).expanduser())
        self._connection = duckdb.connect(f"{folder}/tables.duckdb")
        self.close = weakref.finalize(self, _close, self._connection, folder)
        settings = {"memory_limit": memory, "temp_directory": folder, "preserve_insertion_order": False}
        try:
            for name, value in settings.items():
                self._connection.execute(f"SET {name} = ?", [value])
        except duckdb.Error as error:
            self.close()
            raise Invalid(f"DuckDB does not take {settings}: {error}", memory=memory) from error
        self._store = self._registered(place)
        for kind in CONTRACT:
            self._view(place, kind)

    def _registered(self, place: Place) -> Any:
        """Return the fsspec file system of the place, made known to DuckDB; None for a local folder."""
        from pyarrow import fs

        if not isinstance(place.files, fs.PyFileSystem):
            return None
        self._connection.register_filesystem(place.files.handler.fs)
        return place.files.handler.fs

    def _view(self, place: Place, kind: FrameKind) -> None:
        paths = place.parquet_files(kind)
        self.keep(f"no_{kind}", to_arrow(empty(kind), kind))
        if not paths:
            self.run(f"CREATE VIEW {kind} AS SELECT *, '' AS filename, 0 AS file_row_number FROM no_{kind}")
            return
        if self._store is not None:
            paths = [self._store.unstrip_protocol(path) for path in paths]
        files = ", ".join(_quoted(path) for path in paths)
        options = "hive_partitioning = false, union_by_name = true, filename = true, file_row_number = true"
        found = f"SELECT * FROM read_parquet([{files}], {options})"
        names = self._connection.sql(found).columns
        if not set(CONTRACT[kind]) <= set(names):  # an export of before those columns
            found += f" UNION ALL BY NAME SELECT * FROM no_{kind}"
        self.run(f"CREATE VIEW {kind} AS {found}")

    def keep(self, name: str, values: Arrays | Any) -> None:
        """Make or replace a table of arrays of equal length, or of an Arrow table."""
        import pyarrow as pa

        table = pa.table(dict(values)) if isinstance(values, Mapping) else values
        self._connection.register("given", table)
        self.run(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM given")
        self._connection.unregister("given")

    def run(self, sql: str, *values: Any) -> None:
        """Run a statement that answers nothing."""
        self._connection.execute(sql, list(values))

    def frame(self, sql: str, *values: Any) -> pd.DataFrame:
        """Return the answer as a frame."""
        answer: pd.DataFrame = self._connection.sql(sql, params=list(values)).to_arrow_table().to_pandas()
        return answer

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return the answer as tuples."""
        answer: list[tuple[Any, ...]] = self._connection.execute(sql, list(values)).fetchall()
        return answer

    def arrays(self, sql: str, *values: Any) -> Arrays:
        """Return the answer's columns, numbers as int64 or float64; SQL's NULL becomes NaN."""
        columns = self._connection.execute(sql, list(values)).fetchnumpy()
        return {name: _plain(column) for name, column in columns.items()}


def _close(connection: Any, folder: str) -> None:
    connection.close()
    shutil.rmtree(folder, ignore_errors=True)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _plain(column: Any) -> npt.NDArray[Any]:
    values = np.ma.filled(column.astype(float), np.nan) if np.ma.is_masked(column) else np.ma.getdata(column)
    if values.dtype.kind in "iu":
        return values.astype(np.int64)
    return values.astype(np.float64) if values.dtype.kind == "f" else values
