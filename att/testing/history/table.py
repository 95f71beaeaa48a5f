"""A table that travels: the answer of an analysis as JSON records, as CSV and as an Arrow stream."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, PrivateAttr

from att.models import Model

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Table", "TableColumn"]

ARROW = "application/vnd.apache.arrow.stream"
CSV = "text/csv"
Kind = Literal["string", "integer", "number", "boolean", "time"]
Value = str | int | float | bool | None


class TableColumn(Model):
    """One column; times are ISO 8601 texts in UTC, the end of a name tells the unit (`_seconds`)."""

    name: str
    kind: Kind


class Table(Model):
    """Rows of an analysis. JSON holds the first `limit` of them; CSV and Arrow, asked for with `Accept`, hold all."""

    media_types: ClassVar[tuple[str, ...]] = (CSV, ARROW)

    columns: list[TableColumn]
    records: list[dict[str, Value]] = Field(description="One object a row; null where a value is not known.")
    rows: int = Field(description="How many rows there are, the ones left out here included.")

    _frame: Any = PrivateAttr(None)

    @classmethod
    def of(cls, frame: pd.DataFrame, limit: int) -> Table:
        """Return a frame as a table with its first `limit` rows as records."""
        columns = [TableColumn(name=str(name), kind=_kind(frame[name])) for name in frame.columns]
        shown = frame.head(limit)
        values = [_values(shown[column.name], column.kind) for column in columns]
        names = [column.name for column in columns]
        records = [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]
        table = cls(columns=columns, records=records, rows=len(frame))
        table._frame = frame
        return table

    def to_frame(self) -> pd.DataFrame:
        """Return the records as a DataFrame: times in UTC, numbers as float64."""
        import pandas as pd

        columns = {
            column.name: _series([record[column.name] for record in self.records], column.kind)
            for column in self.columns
        }
        return pd.DataFrame(columns)

    def render(self, media_type: str) -> bytes:
        """Return all rows as CSV or as an Arrow stream."""
        frame = self.to_frame() if self._frame is None else self._frame
        if media_type == CSV:
            return str(frame.to_csv(index=False, date_format="%Y-%m-%dT%H:%M:%S.%fZ")).encode()
        import pyarrow as pa

        table, sink = pa.Table.from_pandas(frame, preserve_index=False), io.BytesIO()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        return sink.getvalue()


def _kind(values: pd.Series[Any]) -> Kind:
    from pandas.api import types

    dtype = values.dtype
    if types.is_bool_dtype(dtype):
        return "boolean"
    if types.is_integer_dtype(dtype):
        return "integer"
    if types.is_float_dtype(dtype):
        return "number"
    return "time" if types.is_datetime64_any_dtype(dtype) else "string"


def _values(values: pd.Series[Any], kind: Kind) -> list[Value]:
    import numpy as np

    if kind == "time":
        texts = values.dt.strftime("%Y-%m-%dT%H:%M:%S.%fZ").astype(object)
        return list(texts.where(values.notna(), None))
    if kind == "number":
        return [value if np.isfinite(value) else None for value in values.astype(float).tolist()]
    plain = values.astype(object)
    return list(plain.where(plain.notna(), None))


def _series(values: list[Value], kind: Kind) -> pd.Series[Any]:
    import pandas as pd

    if kind == "time":
        return pd.to_datetime(pd.Series(values, dtype=object), utc=True, format="ISO8601").dt.as_unit("us")
    if kind == "number":
        return pd.Series(values, dtype="float64")
    if kind == "string":
        return pd.Series(values, dtype=str) if None not in values else pd.Series(values, dtype=pd.Series(["a"]).dtype)
    whole = None not in values
    return pd.Series(values, dtype={"integer": "int64", "boolean": "bool"}[kind] if whole else _NULLABLE[kind])


_NULLABLE = {"integer": "Int64", "boolean": "boolean"}
