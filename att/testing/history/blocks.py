"""Blocks: the results and failures of one run as one compressed Arrow IPC message, on disk as on the wire.

Every message of a part has the same schema without dictionaries, so any sequence of them between the schema's message
and the end marker is an Arrow stream: a server sends what it has stored and decodes nothing.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import repeat
from operator import sub
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from att.errors import Invalid
from att.testing.history.records import ResultColumns
from att.testing.importers.reading import clean
from att.testing.models import CapturedSection, Outcome, PhaseOutcome, TestFailure, TestOutcome

__all__ = [
    "ATTEMPT",
    "CALL",
    "CODES",
    "END",
    "FAILURES",
    "OUTCOME",
    "OUTCOMES",
    "RESULTS",
    "SCHEMAS",
    "SETUP",
    "TEARDOWN",
    "WHOLE",
    "WORKER",
    "Bits",
    "encode_failures",
    "encode_notes",
    "encode_results",
    "failures_of",
    "head",
    "outcomes_of",
    "read_messages",
    "read_stream",
    "test_numbers",
]

Ints = npt.NDArray[np.int64]

OUTCOMES: tuple[Outcome, ...] = ("passed", "failed", "error", "skipped", "xfailed", "xpassed", "rerun")
"""Outcomes by their code; `att.testing.analysis.frames.OUTCOMES` is the same, and a test holds them equal."""
CODES = {outcome: code for code, outcome in enumerate(OUTCOMES)}

RESULTS = pa.schema(
    [
        pa.field("run", pa.int32(), nullable=False),
        pa.field("test", pa.int32(), nullable=False),
        pa.field("code", pa.int64(), nullable=False),
        pa.field("setup_us", pa.int64()),
        pa.field("call_us", pa.int64()),
        pa.field("teardown_us", pa.int64()),
        pa.field("start_us", pa.int64()),
    ]
)
"""`run` and `test` are the catalogue's numbers; `code` holds what `Bits` names, in one column because each buffer of a
block costs as much as a thousand rows to read; `start_us` counts from the start of the run."""


class Bits(NamedTuple):
    """A field of `code`."""

    first: int
    size: int

    def of(self, code: Ints) -> Ints:
        """Return the field of each code."""
        return np.asarray(code >> self.first & ((1 << self.size) - 1))


OUTCOME = Bits(0, 4)
SETUP, CALL, TEARDOWN = Bits(4, 3), Bits(7, 3), Bits(10, 3)
WHOLE = Bits(13, 1)
"""`call_us` is the whole attempt, of which the phases are not known."""
WORKER = Bits(16, 16)
"""0 is none, others count from 1 in the run's `workers`."""
ATTEMPT = Bits(32, 31)

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

_PHASES = ("setup", "call", "teardown")
_PHASE_OUTCOMES: tuple[PhaseOutcome | None, ...] = (None, "passed", "failed", "skipped", "rerun")
_PHASE_CODES = {outcome: code for code, outcome in enumerate(_PHASE_OUTCOMES)}
_OPTIONS = pa.ipc.IpcWriteOptions(compression="zstd", use_threads=False)
_FIELDS = {"exception": "exception_type"}
_PLAIN = tuple(str(name) for name in FAILURES.names if name not in ("run", "test", "sections"))
"""Columns that are fields of a failure as they are."""
_SECOND = 1e6
_MOST_SECONDS = 1e10
"""Centuries: more may not come back as a time, and far more does not fit into microseconds of 64 bits."""
_MESSAGES_A_THREAD, _MOST_THREADS = 50, 4


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
    return read_stream(b"".join((head(schema), *messages, END)), fields)


def read_stream(data: bytes, fields: Sequence[int] | None = None) -> pa.Table:
    """Return a whole stream as a table. Long ones are read in several threads, each a part of the blocks in order."""
    messages = [message.serialize() for message in pa.ipc.MessageReader.open_stream(data)]
    # Arrow's own threads share the columns of each block, which costs more than it gains where blocks are small.
    options = pa.ipc.IpcReadOptions(included_fields=fields, use_threads=False)

    def read(first: int) -> pa.Table:
        part = b"".join((messages[0], *messages[first : first + size], END))
        return pa.ipc.open_stream(part, options=options).read_all()

    threads = max(1, min(_MOST_THREADS, len(messages) // _MESSAGES_A_THREAD))
    size = max(1, -(-(len(messages) - 1) // threads))
    starts = range(1, max(2, len(messages)), size)
    with ThreadPoolExecutor(threads) as pool:
        return pa.concat_tables(pool.map(read, starts) if threads > 1 else map(read, starts))


def encode_results(
    columns: ResultColumns, began: datetime, run: int, tests: Sequence[int], workers: Sequence[str]
) -> bytes:
    """Return the block of a run's results. `tests` are the numbers of its nodeids, row by row."""
    rows = len(columns)
    setup, call, teardown = (_seconds(getattr(columns, f"{name}_seconds"), rows) for name in _PHASES)
    total = _seconds(columns.duration_seconds, rows)
    whole = np.isnan(setup) & np.isnan(call) & np.isnan(teardown) & ~np.isnan(total)
    numbers = {None: 0} | {name: number for number, name in enumerate(workers, 1)}
    code = (
        _coded(columns.outcome, CODES, rows) << OUTCOME.first
        | _coded(columns.setup, _PHASE_CODES, rows) << SETUP.first
        | _coded(columns.call, _PHASE_CODES, rows) << CALL.first
        | _coded(columns.teardown, _PHASE_CODES, rows) << TEARDOWN.first
        | whole.astype(np.int64) << WHOLE.first
        | _coded(columns.worker, numbers, rows) << WORKER.first
        | np.asarray(1 if columns.attempt is None else columns.attempt, dtype=np.int64) << ATTEMPT.first
    )
    arrays = [
        pa.array(np.full(rows, run, dtype=np.int32)),
        pa.array(np.asarray(tests, dtype=np.int32)),
        pa.array(code),
        *(_microseconds(seconds) for seconds in (setup, np.where(whole, total, call), teardown)),
        _offsets(columns.started_at, began, rows),
    ]
    return _message(pa.record_batch(arrays, schema=RESULTS))


def _coded(values: Sequence[Any] | None, codes: Mapping[Any, int], rows: int) -> Ints:
    if values is None:
        return np.full(rows, codes[None], dtype=np.int64)
    return np.fromiter(map(codes.__getitem__, values), dtype=np.int64, count=rows)


def _seconds(values: Any, rows: int) -> npt.NDArray[np.float64]:
    return np.full(rows, np.nan) if values is None else np.asarray(values, dtype=np.float64)


def _microseconds(seconds: npt.NDArray[np.float64]) -> pa.Array:
    known = np.isfinite(seconds)
    if (np.abs(seconds[known]) > _MOST_SECONDS).any():
        raise Invalid("A test cannot be kept that lasted centuries or began centuries away from its run.")
    rounded = np.rint(np.where(known, seconds, 0) * _SECOND).astype(np.int64)
    return pa.array(rounded, mask=None if known.all() else ~known)


def _offsets(times: Sequence[datetime | None] | None, began: datetime, rows: int) -> pa.Array:
    if times is None:
        return pa.nulls(rows, pa.int64())
    known = [began if at is None else at for at in times]
    passed = map(timedelta.total_seconds, map(sub, known, repeat(began)))  # exact for centuries around `began`
    seconds = np.fromiter(passed, dtype=np.float64, count=rows)
    seconds[[at is None for at in times]] = np.nan
    return _microseconds(seconds)


def encode_notes(columns: ResultColumns) -> bytes | None:
    """Return what only some rows have, by row: the reasons of skips and the numbers of subtests. None without any."""
    notes = {
        name: {row: _text(value) for row, value in enumerate(getattr(columns, name) or ()) if value}
        for name in ("reason", "subtests")
    }
    if not any(notes.values()):
        return None
    return zlib.compress(json.dumps(notes).encode())


def _text(value: Any) -> Any:
    return clean(value) if isinstance(value, str) else value


def encode_failures(failures: Sequence[TestFailure], run: int, tests: Sequence[int]) -> bytes:
    """Return the block of a run's failures. `tests` are the numbers of their nodeids."""
    columns: dict[str, list[Any]] = {
        name: [_text(getattr(failure, _FIELDS.get(name, name))) for failure in failures] for name in _PLAIN
    }
    columns["run"] = [run] * len(failures)
    columns["test"] = list(tests)
    columns["sections"] = [
        json.dumps([(clean(section.title), clean(section.text)) for section in failure.sections])
        if failure.sections
        else None
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
    table = read_messages(RESULTS, messages)
    codes = table["code"].to_numpy()
    parts: list[list[int]] = [
        bits.of(codes).tolist() for bits in (ATTEMPT, OUTCOME, SETUP, CALL, TEARDOWN, WHOLE, WORKER)
    ]
    attempt, outcome, setup, call, teardown, whole, worker = parts
    return [
        TestOutcome(
            nodeid=names[row["test"]],
            attempt=attempt[number],
            outcome=OUTCOMES[outcome[number]],
            started_at=None if row["start_us"] is None else began + timedelta(microseconds=row["start_us"]),
            worker=workers[worker[number] - 1] if worker[number] else None,
            setup=_PHASE_OUTCOMES[setup[number]],
            call=_PHASE_OUTCOMES[call[number]],
            teardown=_PHASE_OUTCOMES[teardown[number]],
            setup_seconds=_in_seconds(row["setup_us"]),
            call_seconds=None if whole[number] else _in_seconds(row["call_us"]),
            teardown_seconds=_in_seconds(row["teardown_us"]),
            whole_seconds=_in_seconds(row["call_us"]) if whole[number] else None,
            reason=reasons.get(str(number)),
            subtests=subtests.get(str(number), 0),
        )
        for number, row in enumerate(table.to_pylist())
    ]


def _in_seconds(microseconds: int | None) -> float | None:
    return None if microseconds is None else microseconds / _SECOND


def failures_of(messages: Iterable[bytes], names: Mapping[int, str]) -> list[TestFailure]:
    """Return what was encoded; `names` are the nodeids by their numbers."""
    return [
        TestFailure(
            **{_FIELDS.get(name, name): row[name] for name in _PLAIN},
            nodeid=names[row["test"]],
            sections=[CapturedSection(title=title, text=text) for title, text in json.loads(row["sections"] or "[]")],
        )
        for row in read_messages(FAILURES, messages).to_pylist()
    ]


def test_numbers(part: str, messages: Sequence[bytes]) -> set[int]:
    """Return the numbers of the tests that stored messages hold."""
    return set(read_messages(SCHEMAS[part], messages, ["test"])["test"].unique().to_pylist())
