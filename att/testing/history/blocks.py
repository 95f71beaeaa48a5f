"""Blocks: the results and failures of one run as one compressed Arrow IPC message, on disk as on the wire.

Every message of a part has the same schema without dictionaries, so any sequence of them between the schema's message
and the end marker is an Arrow stream: a server sends what it has stored and decodes nothing.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from att.testing.history.records import ResultColumns
from att.testing.models import CapturedSection, TestFailure, TestOutcome

__all__ = [
    "CODES",
    "END",
    "FAILURES",
    "OUTCOMES",
    "RESULTS",
    "SCHEMAS",
    "encode_failures",
    "encode_notes",
    "encode_results",
    "failures_of",
    "head",
    "outcomes_of",
    "read_messages",
    "test_numbers",
]

OUTCOMES = ("passed", "failed", "error", "skipped", "xfailed", "xpassed", "rerun")
"""Outcomes by their code; `att.testing.analysis.frames.OUTCOMES` is the same, and a test holds them equal."""
CODES = {outcome: code for code, outcome in enumerate(OUTCOMES)}

RESULTS = pa.schema(
    [
        pa.field("run", pa.int32(), nullable=False),
        pa.field("test", pa.int32(), nullable=False),
        pa.field("attempt", pa.int32(), nullable=False),
        pa.field("outcome", pa.int8(), nullable=False),
        pa.field("phases", pa.int16(), nullable=False),
        pa.field("setup_us", pa.int64()),
        pa.field("call_us", pa.int64()),
        pa.field("teardown_us", pa.int64()),
        pa.field("rest_us", pa.int64()),
        pa.field("start_us", pa.int64()),
        pa.field("worker", pa.int16(), nullable=False),
    ]
)
"""`run` and `test` are the catalogue's numbers; `phases` holds three bits each for setup, call and teardown; `rest_us`
is what the attempt took beside the phases that are known, null when they are all of it; `start_us` counts from the
start of the run; `worker` counts in the run's `workers`, -1 is none."""

FAILURES = pa.schema(
    [
        pa.field("run", pa.int32(), nullable=False),
        pa.field("test", pa.int32(), nullable=False),
        pa.field("attempt", pa.int32(), nullable=False),
        pa.field("outcome", pa.utf8(), nullable=False),
        pa.field("phase", pa.utf8()),
        pa.field("exception", pa.utf8()),
        pa.field("message", pa.utf8(), nullable=False),
        pa.field("fingerprint", pa.utf8(), nullable=False),
        pa.field("longrepr", pa.utf8(), nullable=False),
        pa.field("subtest", pa.utf8()),
        pa.field("path", pa.utf8()),
        pa.field("line", pa.int32()),
        pa.field("worker", pa.utf8()),
        pa.field("sections", pa.utf8()),
    ]
)
"""`sections` is JSON: a list of title and text."""

SCHEMAS = {"results": RESULTS, "failures": FAILURES}

END = b"\xff\xff\xff\xff\x00\x00\x00\x00"
"""The end of an Arrow stream."""

_PHASES = (None, "passed", "failed", "skipped", "rerun")
_PHASE_CODES = {outcome: code for code, outcome in enumerate(_PHASES)}
_OPTIONS = pa.ipc.IpcWriteOptions(compression="zstd")
_FIELDS = {"exception": "exception_type"}
_SECOND = 1e6
Ints = npt.NDArray[np.int64]


def head(schema: pa.Schema) -> bytes:
    """Return the message that begins a stream."""
    return bytes(schema.serialize())


def _message(batch: pa.RecordBatch) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=_OPTIONS) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())[len(head(batch.schema)) : -len(END)]


def read_messages(schema: pa.Schema, messages: Iterable[bytes], columns: Sequence[str] | None = None) -> pa.Table:
    """Return stored messages as one table; of the others but `columns` nothing is decompressed."""
    fields = None if columns is None else sorted(schema.get_field_index(name) for name in columns)
    options = pa.ipc.IpcReadOptions(included_fields=fields)
    return pa.ipc.open_stream(b"".join((head(schema), *messages, END)), options=options).read_all()


def encode_results(
    columns: ResultColumns, began: datetime, run: int, tests: Sequence[int], workers: Sequence[str]
) -> bytes:
    """Return the block of a run's results. `tests` are the numbers of its nodeids, row by row."""
    rows = len(columns)
    codes = {name: code for code, name in enumerate(workers)}
    phases = sum(
        (_coded(getattr(columns, name), _PHASE_CODES, rows) << (3 * place))
        for place, name in enumerate(("setup", "call", "teardown"))
    )
    parts = [_seconds(getattr(columns, f"{name}_seconds"), rows) for name in ("setup", "call", "teardown")]
    total = _seconds(columns.duration_seconds, rows)
    rest = total - np.nansum(parts, axis=0)
    arrays = [
        np.full(rows, run),
        np.asarray(tests, dtype=np.int64),
        np.ones(rows) if columns.attempt is None else np.asarray(columns.attempt),
        _coded(columns.outcome, CODES, rows),
        phases,
        *(_microseconds(seconds) for seconds in (*parts, rest)),
        _offsets(columns.started_at, began, rows),
        _coded(columns.worker, codes, rows, -1),
    ]
    cast = [
        array.cast(field.type) if isinstance(array, pa.Array) else pa.array(array.astype(field.type.to_pandas_dtype()))
        for array, field in zip(arrays, RESULTS, strict=True)
    ]
    return _message(pa.record_batch(cast, schema=RESULTS))


def _coded(values: Sequence[Any] | None, codes: dict[Any, int], rows: int, missing: int = 0) -> Ints:
    if values is None:
        return np.full(rows, missing, dtype=np.int64)
    return np.fromiter((codes.get(value, missing) for value in values), dtype=np.int64, count=rows)


def _seconds(values: Any, rows: int) -> npt.NDArray[np.float64]:
    return np.full(rows, np.nan) if values is None else np.asarray(values, dtype=np.float64)


def _microseconds(seconds: npt.NDArray[np.float64]) -> pa.Array:
    known = np.isfinite(seconds)
    rounded = np.rint(np.where(known, seconds, 0) * _SECOND).astype(np.int64)
    return pa.array(rounded, mask=None if known.all() else ~known)


def _offsets(times: Sequence[datetime | None] | None, began: datetime, rows: int) -> pa.Array:
    if times is None:
        return pa.nulls(rows, pa.int64())
    moments = pa.array(times, pa.timestamp("us", "UTC")).cast(pa.int64())
    return pc.subtract(moments, pa.scalar(began, pa.timestamp("us", "UTC")).cast(pa.int64()))


def encode_notes(columns: ResultColumns) -> bytes | None:
    """Return what only some rows have, by row: the reasons of skips and the numbers of subtests. None without any."""
    notes = {
        name: {row: value for row, value in enumerate(getattr(columns, name) or ()) if value}
        for name in ("reason", "subtests")
    }
    if not any(notes.values()):
        return None
    return zlib.compress(json.dumps(notes).encode())


def encode_failures(failures: Sequence[TestFailure], run: int, tests: Sequence[int]) -> bytes:
    """Return the block of a run's failures. `tests` are the numbers of their nodeids."""
    columns: dict[str, list[Any]] = {
        name: [getattr(failure, _FIELDS.get(name, name)) for failure in failures]
        for name in FAILURES.names
        if name not in ("run", "test", "sections")
    }
    columns["run"] = [run] * len(failures)
    columns["test"] = list(tests)
    columns["sections"] = [
        json.dumps([(section.title, section.text) for section in failure.sections]) if failure.sections else None
        for failure in failures
    ]
    arrays = [pa.array(columns[field.name], field.type) for field in FAILURES]
    return _message(pa.record_batch(arrays, schema=FAILURES))


def outcomes_of(
    messages: Iterable[bytes], notes: bytes | None, began: datetime, names: Mapping[int, str], workers: Sequence[str]
) -> list[TestOutcome]:
    """Return what was encoded; `names` are the nodeids by their numbers."""
    told = json.loads(zlib.decompress(notes)) if notes is not None else {}
    reasons, subtests = told.get("reason", {}), told.get("subtests", {})
    return [
        TestOutcome(
            nodeid=names[row["test"]],
            attempt=row["attempt"],
            outcome=OUTCOMES[row["outcome"]],  # type: ignore[arg-type]
            started_at=None if row["start_us"] is None else began + timedelta(microseconds=row["start_us"]),
            worker=workers[row["worker"]] if row["worker"] >= 0 else None,
            setup=_PHASES[row["phases"] & 7],
            call=_PHASES[row["phases"] >> 3 & 7],
            teardown=_PHASES[row["phases"] >> 6 & 7],
            **{f"{name}_seconds": _in_seconds(row[f"{name}_us"]) for name in ("setup", "call", "teardown")},
            reason=reasons.get(str(number)),
            subtests=subtests.get(str(number), 0),
        )
        for number, row in enumerate(read_messages(RESULTS, messages).to_pylist())
    ]


def _in_seconds(microseconds: int | None) -> float | None:
    return None if microseconds is None else microseconds / _SECOND


def failures_of(messages: Iterable[bytes], names: Mapping[int, str]) -> list[TestFailure]:
    """Return what was encoded; `names` are the nodeids by their numbers."""
    return [
        TestFailure(
            **{
                _FIELDS.get(name, name): row[name] for name in FAILURES.names if name not in ("run", "test", "sections")
            },
            nodeid=names[row["test"]],
            sections=[CapturedSection(title=title, text=text) for title, text in json.loads(row["sections"] or "[]")],
        )
        for row in read_messages(FAILURES, messages).to_pylist()
    ]


def test_numbers(part: str, messages: Sequence[bytes]) -> set[int]:
    """Return the numbers of the tests that stored messages hold."""
    return set(pc.unique(read_messages(SCHEMAS[part], messages, ["test"])["test"]).to_pylist())
