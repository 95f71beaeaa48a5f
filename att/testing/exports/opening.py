"""Open an export for analysis, in memory or by DuckDB."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload

from att.errors import Invalid
from att.testing.exports.parquet import from_parquet
from att.testing.exports.places import Place, PlaceName

if TYPE_CHECKING:
    from att.testing.duck import DuckHistory
    from att.testing.history.history import History

__all__ = ["Engine", "open_parquet"]

Engine = Literal["pandas", "duckdb"]


@overload
def open_parquet(source: PlaceName, engine: Literal["pandas"] = "pandas") -> History: ...
@overload
def open_parquet(
    source: PlaceName, engine: Literal["duckdb"], *, memory: str = ..., spill: str | Path | None = ...
) -> DuckHistory: ...
def open_parquet(
    source: PlaceName, engine: Engine = "pandas", *, memory: str = "1GB", spill: str | Path | None = None
) -> History | DuckHistory:
    """Open what `to_parquet` wrote; both engines have the same methods and give the same tables.

    `pandas` reads all of it into memory, about 40 bytes a result. `duckdb` (extra `jupyter-att[duckdb]`) answers in
    SQL: DuckDB holds at most `memory` (`"500MB"`, `"4GB"`) and keeps the rest in temporary files in the folder `spill`
    (default: the system's).
    Raises `NotFound` when there is no export, `NotSupported` with the pip line when the engine is missing.
    """
    if engine == "pandas":
        from att.testing.history.history import History

        return History(*from_parquet(source), name=str(source))
    if engine != "duckdb":
        raise Invalid(f"engine is pandas or duckdb, not {engine!r}.", engine=engine)
    from att.testing.duck import DuckHistory

    place = Place.of(source)
    place.require_marker()
    return DuckHistory(place, memory=memory, spill=spill)
