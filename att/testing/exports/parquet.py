"""Export a history to Parquet in hive partitions by time, and read it back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pandas as pd

from att.errors import Conflict, Invalid
from att.testing.analysis.executions import ordered_runs
from att.testing.analysis.frames import FrameKind, conform, empty
from att.testing.exports.arrow import CONTRACT, compacted, to_arrow, to_frame
from att.testing.exports.places import Place, PlaceName

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Partition", "from_parquet", "read_frame", "to_parquet"]

Partition = Literal["year", "month", "day"]
"""Time of a run's start by which files are parted."""

_FORMATS: Mapping[str, str] = MappingProxyType({"year": "%Y", "month": "%Y-%m", "day": "%Y-%m-%d"})
_FILE = "part-0.parquet"
_VERSION = 1
_UNDATED = "__HIVE_DEFAULT_PARTITION__"
_ROW_GROUP = 1 << 18


def to_parquet(
    runs: pd.DataFrame,
    results: pd.DataFrame,
    failures: pd.DataFrame,
    target: PlaceName,
    *,
    partition: Partition = "month",
) -> list[str]:
    """Write a history as `runs/month=2026-03/part-0.parquet`, `results/...` and `failures/...`; return the paths.

    `target` is a folder, or a URL that fsspec knows (`s3://bucket/history`). A run that the target holds already is
    replaced and no run is written twice; runs that are not in these frames stay there, so the target may be an archive
    to which each month is added. Results and failures of runs that are not in `runs` are left out. A file is complete
    or not there; its name says nothing of when it was written.

    Text is UTF-8, times are microseconds in UTC, durations are seconds as doubles; the columns are those of
    `att.testing.analysis.frames`. One month is held in memory beside the frames.
    Raises `Conflict` when the target is parted in another way, `NotSupported` when a URL's package is missing,
    `Invalid` when the target is a file.
    """
    if partition not in get_args(Partition):
        raise Invalid(f"partition is {', '.join(get_args(Partition))}, not {partition!r}.", partition=partition)
    place = Place.of(target)
    _claim(place, partition)
    frames: dict[FrameKind, pd.DataFrame] = {"runs": ordered_runs(runs), "results": results, "failures": failures}
    frames = {kind: conform(frame, kind) for kind, frame in frames.items()}
    parts = frames["runs"]["started_at"].dt.strftime(_FORMATS[partition]).fillna(_UNDATED)
    return list(_Archive(place, partition, frames, parts.to_numpy(dtype=object)).write())


def _claim(place: Place, partition: str) -> None:
    marker = place.read_marker()
    if marker is None:
        place.write_marker({"version": _VERSION, "partition": partition})
    elif marker["partition"] != partition:
        raise Conflict(
            f"{place.name} is parted by {marker['partition']}, not by {partition}: export to another folder, or with "
            f"partition={marker['partition']!r}.",
            partition=marker["partition"],
        )


@dataclass(frozen=True)
class _Archive:
    """An export under way: the frames, and the part into which each run goes."""

    place: Place
    partition: str
    frames: Mapping[FrameKind, pd.DataFrame]
    parts: np.ndarray[Any, Any]

    def write(self) -> Iterator[str]:
        """Write each part; the runs last, so that no reader finds a run before its results."""
        order: tuple[FrameKind, ...] = ("results", "failures", "runs")
        run_ids = self.frames["runs"]["run_id"].astype(object)
        mine = run_ids.to_numpy()
        rows = {kind: self._part_of_rows(kind, run_ids) for kind in order}
        for part in sorted({*self.parts} | self._parts_with(mine)):
            tables = {kind: self._merged(kind, part, np.flatnonzero(rows[kind] == part), mine) for kind in order}
            ranks = _ranks(tables["runs"])
            for kind in order:
                yield from self._replace(kind, part, _in_order(tables[kind], ranks))

    def _part_of_rows(self, kind: FrameKind, run_ids: pd.Series[Any]) -> np.ndarray[Any, Any]:
        """Return the part of each row of a frame; NaN or empty for rows of unknown runs."""
        place = pd.Series(self.parts, index=pd.Index(run_ids))
        run_id = self.frames[kind]["run_id"].astype("category")
        by_category = place.reindex(run_id.cat.categories.astype(object)).to_numpy(dtype=object)
        return np.append(by_category, "")[run_id.cat.codes.to_numpy()]

    def _parts_with(self, run_ids: np.ndarray[Any, Any]) -> set[str]:
        """Return the parts that hold one of the runs already, also where its start has moved to another month."""
        import pyarrow.parquet as pq

        key = f"/{self.partition}="
        found = set()
        for path in self.place.parquet_files("runs"):
            with self.place.files.open_input_file(path) as file:
                kept = pq.read_table(file, columns=["run_id"])["run_id"].to_pylist()
            if not set(kept).isdisjoint(run_ids):
                found.add(path.rpartition("/")[0].rpartition(key)[2])
        return found

    def _path(self, kind: FrameKind, part: str) -> str:
        return self.place.path(kind, f"{self.partition}={part}", _FILE)

    def _merged(self, kind: FrameKind, part: str, rows: Any, run_ids: np.ndarray[Any, Any]) -> pa.Table:
        """Return the rows of one part: what it holds of other runs, and then ours."""
        import pyarrow as pa

        ours = to_arrow(self.frames[kind].iloc[rows], kind)
        others = self._others(self._path(kind, part), run_ids)
        if others is None or not len(others):
            return ours
        return pa.concat_tables([others, ours], promote_options="permissive").unify_dictionaries()

    def _others(self, path: str, run_ids: np.ndarray[Any, Any]) -> pa.Table | None:
        import pyarrow as pa
        import pyarrow.parquet as pq
        from pyarrow import dataset

        if not self.place.files.get_file_info(path).is_file:
            return None
        with self.place.files.open_input_file(path) as file:
            table = pq.read_table(file)
        ours = dataset.field("run_id").isin(pa.array(run_ids, pa.string()))
        return compacted(table.filter(~ours))

    def _replace(self, kind: FrameKind, part: str, table: pa.Table) -> Iterator[str]:
        """Write a file beside the one that it then replaces; nothing is written and nothing left for no rows."""
        import pyarrow.parquet as pq

        path = self._path(kind, part)
        if not len(table):
            if self.place.files.get_file_info(path).is_file:
                self.place.files.delete_file(path)
            return
        self.place.files.create_dir(path.rpartition("/")[0], recursive=True)
        with self.place.files.open_output_stream(f"{path}.part") as stream:
            pq.write_table(table, stream, compression="zstd", row_group_size=_ROW_GROUP)
        self.place.files.move(f"{path}.part", path)
        yield path


def _ranks(runs: pa.Table) -> dict[str, int]:
    ordered = ordered_runs(runs.select(["run_id", "started_at"]).to_pandas())
    return {run_id: rank for rank, run_id in enumerate(ordered["run_id"])}


def _in_order(table: pa.Table, ranks: Mapping[str, int]) -> pa.Table:
    """Return the rows run by run in time order, so that the same history gives the same file."""
    column = table["run_id"].combine_chunks().dictionary_encode()
    of_name = np.array([ranks[name] for name in column.dictionary.to_pylist()], dtype=np.int64)
    rank = of_name[column.indices.to_numpy()] if len(table) else np.zeros(0)
    if (rank[1:] >= rank[:-1]).all():
        return table
    return table.take(np.argsort(rank, kind="stable"))


def from_parquet(source: PlaceName) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Read an export back: the frames `runs`, `results` and `failures`, whole, in memory.

    Raises `NotFound` when there is no export, `NotSupported` when a URL's package is missing.
    """
    place = Place.of(source)
    place.require_marker()
    runs, results, failures = (read_frame(place, kind) for kind in CONTRACT)
    return runs, results, failures


def read_frame(place: Place, kind: FrameKind, run_ids: Iterable[str] | None = None) -> pd.DataFrame:
    """Read one frame of an export, or only what belongs to the runs."""
    import pyarrow as pa
    from pyarrow import dataset

    paths = place.parquet_files(kind)
    if not paths:
        return empty(kind)
    files = dataset.dataset(paths, filesystem=place.files, format="parquet")
    schema = pa.unify_schemas([f.physical_schema for f in files.get_fragments()], promote_options="permissive")
    chosen = None if run_ids is None else dataset.field("run_id").isin(pa.array(run_ids, pa.string()))
    return to_frame(files.replace_schema(schema).to_table(filter=chosen), kind)
