"""The three frames as Arrow tables with the same types in every file, and back."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from att.testing.analysis.frames import FAILURES, RESULTS, RUNS, Column, FrameKind, conform

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["CONTRACT", "compacted", "to_arrow", "to_frame"]

CONTRACT: Mapping[FrameKind, Mapping[str, Column]] = MappingProxyType(
    {"runs": RUNS, "results": RESULTS, "failures": FAILURES}
)


def to_arrow(frame: pd.DataFrame, kind: FrameKind) -> pa.Table:
    """Return a frame as a table; categories become dictionaries of those that occur."""
    import pyarrow as pa

    columns = CONTRACT[kind]
    arrays = {str(name): _array(frame[name], columns[name].kind if name in columns else None) for name in frame.columns}
    return pa.table(arrays)


def _array(values: pd.Series[Any], kind: str | None) -> Any:
    import pyarrow as pa

    if kind in ("category", "outcome") or isinstance(values.dtype, pd.CategoricalDtype):
        category = values.astype("category").cat.remove_unused_categories().cat
        names = pa.array(category.categories.astype(object), pa.string())
        codes = category.codes.to_numpy().astype(np.int32)
        return pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes < 0), names)
    types = {
        "text": pa.string(),
        "time": pa.timestamp("us", "UTC"),
        "seconds": pa.float64(),
        "float": pa.float64(),
        "int": pa.int64(),
        "bool": pa.bool_(),
    }
    if kind is not None:
        return pa.array(values, types[kind], from_pandas=True)
    found = pa.array(values, from_pandas=True)
    return found.cast(pa.string()) if pa.types.is_null(found.type) or pa.types.is_large_string(found.type) else found


def to_frame(table: pa.Table, kind: FrameKind) -> pd.DataFrame:
    """Return a table as a frame that keeps the contract."""
    import pyarrow as pa

    nullable = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
    frame: pd.DataFrame = table.unify_dictionaries().to_pandas(types_mapper=nullable.get)
    return conform(frame, kind)


def compacted(table: pa.Table) -> pa.Table:
    """Return a table whose dictionaries hold only what occurs, which filtering leaves as they were."""
    import pyarrow as pa

    table = table.unify_dictionaries()
    for place, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            table = table.set_column(place, field.name, _compacted(table[field.name].combine_chunks()))
    return table


def _compacted(array: Any) -> Any:
    import pyarrow as pa

    codes = array.indices.fill_null(-1).to_numpy()
    used = np.unique(codes[codes >= 0])
    places = np.searchsorted(used, codes).astype(np.int32)
    return pa.DictionaryArray.from_arrays(pa.array(places, mask=codes < 0), array.dictionary.take(pa.array(used)))
