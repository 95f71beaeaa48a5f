"""Rows of the catalogue as Arrow streams: their schemas follow from the tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
from sqlalchemy import JSON, Boolean, Column, Float, Integer, LargeBinary, Row

from att.store.tables import UtcTime, test_runs, tests

__all__ = ["RUN_COLUMNS", "TEST_COLUMNS", "encode_rows"]

RUN_COLUMNS = [column for column in test_runs.columns if column.name != "detail"]
TEST_COLUMNS = [column for column in tests.columns if column.name != "name"]
_BATCH_ROWS = 10_000
_TYPES = (
    (UtcTime, pa.timestamp("us", "UTC")),
    (Boolean, pa.bool_()),
    (Integer, pa.int32()),
    (Float, pa.float64()),
    (JSON, pa.list_(pa.utf8())),
    (LargeBinary, pa.binary()),
)


def _type(column: Column[Any]) -> pa.DataType:
    return next((arrow for sql, arrow in _TYPES if isinstance(column.type, sql)), pa.utf8())


def encode_rows(columns: Sequence[Column[Any]], rows: Sequence[Row[Any]]) -> Iterator[bytes]:
    """Yield an Arrow IPC stream of rows that hold these columns."""
    schema = pa.schema([pa.field(column.name, _type(column), nullable=bool(column.nullable)) for column in columns])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        for first in range(0, len(rows), _BATCH_ROWS):
            values = list(zip(*rows[first : first + _BATCH_ROWS], strict=True))
            arrays = [pa.array(column, field.type) for column, field in zip(values, schema, strict=True)]
            writer.write_batch(pa.record_batch(arrays, schema=schema))
    yield bytes(sink.getvalue())
