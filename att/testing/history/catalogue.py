"""The catalogue: what the database says about runs, tests and blocks. Each function works inside a transaction."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Row,
    RowMapping,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from att.errors import Invalid
from att.store.tables import test_blocks, test_reports, test_runs, tests
from att.testing.history.records import RunRecord, Selection
from att.testing.importers.reading import clean

__all__ = [
    "add_block",
    "add_reports",
    "add_run",
    "block",
    "blocks",
    "cleaned",
    "cursor_of",
    "delete_runs",
    "delete_tests",
    "find_run",
    "holder",
    "join_names",
    "names_of",
    "number_tests",
    "page",
    "rows",
    "selected_runs",
    "telling_runs",
]

_RUN = test_runs.c
_COLUMNS = {f.name for f in fields(RunRecord)} & set(_RUN.keys())
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LOOK_BACK, _LATEST_RUNS, _FULL_RUNS, _TELLING_ROWS = 200, 20, 5, 200_000
_NUMBERED = (
    "SELECT group_concat(coalesce(t.test, 0)), min(t.resolved) "
    "FROM json_each(?) j LEFT JOIN tests t ON t.project = ? AND t.name = j.value"
)
_HOLDER = (
    "WITH keys AS (SELECT value FROM json_each(?)) "
    "SELECT run_id FROM test_runs WHERE run_id IN keys UNION ALL "
    "SELECT run_id FROM test_runs WHERE project = ? AND digest IN keys UNION ALL "
    "SELECT r.run_id FROM test_reports f JOIN test_runs r ON r.run = f.run WHERE f.project = ? AND f.digest IN keys "
    "LIMIT 1"
)
_ADD = "INSERT INTO tests (project, name, nodeid, resolved) SELECT ?, value, value, ? FROM json_each(?)"


def holder(connection: Connection, project: str, keys: Collection[str]) -> str | None:
    """Return the run that has one of these ids, or in the project an imported file with one of these digests."""
    row = connection.exec_driver_sql(_HOLDER, (json.dumps([*keys]), project, project)).first()
    return None if row is None else str(row[0])


def add_run(connection: Connection, record: RunRecord, workers: Sequence[str], detail: str) -> int:
    """Insert a run and return its number."""
    values = {name: getattr(record, name) for name in _COLUMNS}
    return connection.execute(insert(test_runs), {**values, "workers": workers, "detail": detail}).lastrowid


def add_reports(connection: Connection, project: str, run: int, digests: Collection[str]) -> None:
    """Insert the files of a run."""
    if digests:
        rows = [{"project": project, "digest": digest, "run": run} for digest in sorted(digests)]
        connection.execute(insert(test_reports), rows)


def cleaned(names: Sequence[str]) -> Sequence[str]:
    """Return names as the store can hold them: lone surrogates and NUL as escapes."""
    together = "".join(names)
    return names if together.isascii() and "\0" not in together else [clean(name) for name in names]


def add_block(connection: Connection, run: int, part: str, rows: int, data: bytes) -> None:
    """Insert a block."""
    connection.execute(insert(test_blocks), {"run": run, "part": part, "rows": rows, "data": data})


def number_tests(
    connection: Connection, project: str, names: Sequence[str], unresolved: Collection[str] = ()
) -> list[int]:
    """Return the number of the test of each clean name, numbering those that are new."""
    numbers, all_resolved = _numbers(connection, project, names)
    strange = set(unresolved)
    if 0 in numbers:
        new = list(dict.fromkeys(name for name, number in zip(names, numbers, strict=True) if not number))
        for known in (True, False):
            some = [name for name in new if (name not in strange) is known]
            connection.exec_driver_sql(_ADD, (project, known, json.dumps(some)))
        numbers, all_resolved = _numbers(connection, project, names)
    if not all_resolved:
        waiting = names_of(connection, project, resolved=False)
        met = {name for name, number in zip(names, numbers, strict=True) if number in waiting and name not in strange}
        join_names(connection, project, dict(zip(met, met, strict=True)))
    return numbers


def _numbers(connection: Connection, project: str, names: Sequence[str]) -> tuple[list[int], bool]:
    """Return the number of each name, 0 where it is new, and whether all are resolved. Python sees two values."""
    numbers, all_resolved = connection.exec_driver_sql(_NUMBERED, (json.dumps(names), project)).one()
    return json.loads(f"[{numbers or ''}]"), all_resolved != 0


def join_names(connection: Connection, project: str, mapping: Mapping[str, str]) -> int:
    """Give unresolved names the nodeids that they stand for; return how many there were."""
    joined = 0
    for name, nodeid in mapping.items():
        mine = (tests.c.project == project) & (tests.c.name == clean(name)) & ~tests.c.resolved
        joined += connection.execute(update(tests).where(mine).values(nodeid=clean(nodeid), resolved=True)).rowcount
    return joined


def names_of(connection: Connection, project: str, *, resolved: bool | None = None) -> dict[int, str]:
    """Return the nodeids of a project by their number."""
    query = select(tests.c.test, tests.c.nodeid).where(tests.c.project == project)
    if resolved is not None:
        query = query.where(tests.c.resolved == resolved)
    return {row[0]: row[1] for row in connection.execute(query)}


def _conditions(selection: Selection) -> list[ColumnElement[bool]]:
    """Return what a run of the selection fulfils."""
    wanted = [
        getattr(_RUN, name) == value
        for name in ("project", "branch", "suite")
        if (value := getattr(selection, name)) is not None
    ]
    if selection.since is not None:
        wanted.append(_RUN.started_at >= selection.since)
    if selection.until is not None:
        wanted.append(_RUN.started_at < selection.until)
    return wanted


def selected_runs(connection: Connection, selection: Selection) -> list[int]:
    """Return the numbers of the selected runs in time order."""
    query = select(_RUN.run).where(*_conditions(selection)).order_by(_RUN.started_at, _RUN.run)
    return list(connection.execute(query).scalars())


def number_of_results(connection: Connection, selection: Selection) -> int:
    """Return how many results the selected runs have; their counts may be others, where a report only states them."""
    query = select(func.sum(test_blocks.c.rows)).join(test_runs, _RUN.run == test_blocks.c.run)
    query = query.where(test_blocks.c.part == "results", *_conditions(selection))
    return connection.execute(query).scalar() or 0


def rows(connection: Connection, columns: Sequence[Column[Any]], selection: Selection) -> Sequence[Row[Any]]:
    """Return columns of the selected runs in time order, or of the project's tests."""
    query = select(*columns)
    if columns[0].table is test_runs:
        query = query.where(*_conditions(selection)).order_by(_RUN.started_at, _RUN.run)
    elif selection.project is not None:
        query = query.where(tests.c.project == selection.project)
    return connection.execute(query).all()


def telling_runs(connection: Connection, project: str) -> list[int]:
    """Return the runs that tell how long tests take: the latest ones, and the latest that ran about everything."""
    query = (
        select(test_blocks.c.run, test_blocks.c.rows)
        .join(test_runs, _RUN.run == test_blocks.c.run)
        .where(_RUN.project == project, test_blocks.c.part == "results", test_blocks.c.rows > 0)
        .order_by(_RUN.started_at.desc(), _RUN.run.desc())
        .limit(_LOOK_BACK)
    )
    latest = connection.execute(query).all()
    most = max((size for _, size in latest), default=0)
    full = [(run, size) for run, size in latest if size * 2 >= most]
    chosen: dict[int, int] = {}
    for run, size in (*full[:_FULL_RUNS], *latest[:_LATEST_RUNS]):
        if not chosen or sum(chosen.values()) + size <= _TELLING_ROWS:
            chosen[run] = size
    return list(chosen)


def find_run(connection: Connection, project: str, run_id: str) -> RowMapping | None:
    """Return the row of a run."""
    query = select(test_runs).where(_RUN.project == project, _RUN.run_id == run_id)
    return connection.execute(query).mappings().first()


def page(connection: Connection, project: str, cursor: str | None, limit: int) -> Sequence[RowMapping]:
    """Return up to `limit` runs of a project, newest first, behind a cursor. Raises Invalid for a strange cursor."""
    query = select(_RUN.run, _RUN.run_id, _RUN.started_at, _RUN.detail).where(_RUN.project == project)
    if cursor is not None:
        at, run = _position(cursor)
        query = query.where(or_(_RUN.started_at < at, (_RUN.started_at == at) & (_RUN.run < run)))
    query = query.order_by(_RUN.started_at.desc(), _RUN.run.desc()).limit(limit)
    return connection.execute(query).mappings().all()


def cursor_of(row: RowMapping) -> str:
    """Return the cursor behind a run."""
    return f"{(row['started_at'] - _EPOCH) // timedelta(microseconds=1)}-{row['run']}"


def _position(cursor: str) -> tuple[datetime, int]:
    try:
        microseconds, run = map(int, cursor.split("-"))
        return _EPOCH + timedelta(microseconds=microseconds), run
    except (ValueError, OverflowError):
        raise Invalid(f"{cursor!r} is not a cursor of test runs; pass back that of a page.", cursor=cursor) from None


def block(connection: Connection, run: int, part: str) -> bytes | None:
    """Return one block."""
    query = select(test_blocks.c.data).where(test_blocks.c.run == run, test_blocks.c.part == part)
    return connection.execute(query).scalar()


def blocks(connection: Connection, runs: Sequence[int], part: str) -> list[bytes]:
    """Return the blocks of runs, in their order; a run that is gone has none."""
    query = select(test_blocks.c.run, test_blocks.c.data).where(test_blocks.c.run.in_(runs), test_blocks.c.part == part)
    found = {row[0]: row[1] for row in connection.execute(query)}
    return [found[run] for run in runs if run in found]


def delete_runs(connection: Connection, project: str | None, before: datetime | None, keep_runs: int | None) -> int:
    """Delete runs that began before a time or are not among the newest of their project; return how many."""
    doomed: list[ColumnElement[bool]] = [] if before is None else [_RUN.started_at < before]
    if keep_runs is not None:
        newest = func.row_number().over(partition_by=_RUN.project, order_by=(_RUN.started_at.desc(), _RUN.run.desc()))
        ranked = select(_RUN.run, newest.label("place")).subquery()
        doomed.append(_RUN.run.in_(select(ranked.c.run).where(ranked.c.place > keep_runs)))
    if not doomed:
        return 0
    mine = [] if project is None else [_RUN.project == project]
    return connection.execute(delete(test_runs).where(or_(*doomed), *mine)).rowcount


def delete_tests(connection: Connection, used: Collection[int]) -> int:
    """Delete the tests whose numbers are not used; return how many."""
    unused = "DELETE FROM tests WHERE test NOT IN (SELECT value FROM json_each(?))"
    return connection.exec_driver_sql(unused, (json.dumps(list(used)),)).rowcount
