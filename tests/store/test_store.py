"""The store keeps what several processes write, and is brought up to date once."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import insert, select, text

from att.errors import Busy, Conflict, PermissionDenied, Unavailable
from att.models import now
from att.settings import ATT
from att.store import Store, engine, tables
from att.store.memo import Memo
from att.store.place import Place

ROW = {"kind": "project.created", "data": "{}"}


def count(store: Store) -> int:
    with store.read() as connection:
        return len(connection.execute(select(tables.events.c.id)).all())


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "att.db")
    yield opened
    opened.close()


def test_the_migrations_make_exactly_the_declared_tables(store: Store) -> None:
    with store.engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), tables.metadata)
    assert differences == []


def test_the_database_is_private_to_its_user(store: Store) -> None:
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600


def test_a_failed_write_leaves_nothing(store: Store) -> None:
    with pytest.raises(RuntimeError, match="half way"), store.write() as connection:
        connection.execute(insert(tables.events).values(at=now(), **ROW))
        raise RuntimeError("half way")
    assert count(store) == 0


def test_a_database_that_another_keeps_locked_is_busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_BUSY_SECONDS", 0.05)
    with closing(Store(tmp_path / "att.db")) as store, closing(sqlite3.connect(store.path)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Busy, match="try again"), store.write():
            raise AssertionError("it holds the lock")
        other.rollback()
        with store.write() as connection:
            connection.execute(insert(tables.events).values(at=now(), **ROW))
        assert count(store) == 1


def write_elsewhere(store: Store) -> None:
    with closing(sqlite3.connect(store.path)) as other, other:
        other.execute("INSERT INTO events (at, kind, data) VALUES ('2026-01-01T00:00:00+00:00', 'x', '{}')")


def test_opening_again_changes_nothing(store: Store) -> None:
    before = store.version()
    Store(store.path).close()
    assert store.version() == before


def test_a_write_on_any_other_connection_is_another_version(store: Store) -> None:
    seen = [store.version()]
    with store.read(), store.read():  # the pool has given out others before
        write_elsewhere(store)
        seen += [store.version(), store.version()]
        with store.write() as connection:
            connection.execute(insert(tables.events).values(at=now(), **ROW))
        seen += [store.version(), store.version()]
    assert seen[1] == seen[2] != seen[0]
    assert seen[3] == seen[4] != seen[1]


def test_an_answer_is_kept_until_anybody_writes(store: Store) -> None:
    memo: Memo[int] = Memo(store)
    asked: list[int] = []

    def ask() -> int:
        asked.append(count(store))
        return asked[-1]

    assert [memo.get("how many", ask) for _ in range(3)] == [0, 0, 0]
    write_elsewhere(store)
    assert [memo.get("how many", ask) for _ in range(2)] == [1, 1]
    assert memo.get("of another", ask) == 1
    assert asked == [0, 1, 1]


def test_an_answer_that_was_overtaken_by_a_write_is_not_kept(store: Store) -> None:
    memo: Memo[int] = Memo(store)

    def overtaken() -> int:
        write_elsewhere(store)
        return -1  # what it was before

    assert memo.get("how many", overtaken) == -1
    assert memo.get("how many", lambda: count(store)) == 1
    assert memo.get("not worth it", lambda: 0, worth=bool) == 0
    assert memo.get("not worth it", lambda: count(store)) == 1


@pytest.mark.parametrize("runs_from", [0, 9999])
def test_a_database_that_needs_a_newer_att_is_refused_with_the_way_out(tmp_path: Path, runs_from: int) -> None:
    store = Store(tmp_path / "att.db")
    with store.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        connection.execute(text(f"PRAGMA user_version={runs_from}"))
    store.close()
    with pytest.raises(Conflict, match=r"newer ATT .*upgrade jupyter-att"):
        Store(tmp_path / "att.db")


def test_the_release_before_runs_on_a_database_that_a_newer_one_has_added_to(tmp_path: Path) -> None:
    store = Store(tmp_path / "att.db")
    with store.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        connection.execute(text("CREATE TABLE later (id INTEGER PRIMARY KEY)"))
        connection.execute(text("ALTER TABLE events ADD COLUMN later TEXT"))
    store.close()
    before = Store(tmp_path / "att.db")
    with before.write() as connection:
        connection.execute(insert(tables.events).values(at=now(), **ROW))
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == "9999"
    assert count(before) == 1
    before.close()


def test_a_file_that_is_no_database_says_so(tmp_path: Path) -> None:
    (tmp_path / "att.db").write_bytes(b"not a database" * 100)
    with pytest.raises(Unavailable, match="cannot be opened"):
        Store(tmp_path / "att.db")


def test_a_rollback_journal_is_kept_where_files_are_shared_over_a_network(tmp_path: Path) -> None:
    store = Store(tmp_path / "att.db", network=True)
    with store.read() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "delete"
    store.close()


def test_processes_that_open_and_write_at_once_lose_nothing(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from att.store import Store; from att.events.manager import EventLog\n"
        "log = EventLog(Store(Path(sys.argv[1])))\n"
        "for n in range(50): log.append('project.created', project=sys.argv[2], n=n)\n"
    )
    path = tmp_path / "att.db"
    writers = [subprocess.Popen([sys.executable, "-c", code, str(path), f"p{i}"]) for i in range(3)]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    store = Store(path)
    assert count(store) == 150
    store.close()


def test_the_data_directory_is_private_and_made_when_absent(tmp_path: Path) -> None:
    place = Place.of(tmp_path / "deep" / "att", ATT())
    assert stat.S_IMODE(place.data_dir.stat().st_mode) == 0o700
    assert place.run_dir == place.data_dir
    assert place.notices == []


def test_a_data_directory_that_cannot_be_made_names_the_setting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PermissionDenied, match="ATT_DATA_DIR"):
        Place.of(tmp_path / "file" / "att", ATT())


def test_run_directories_can_be_kept_elsewhere(tmp_path: Path) -> None:
    place = Place.of(tmp_path / "data", ATT(run_dir=str(tmp_path / "local")))
    assert place.projects_dir == tmp_path / "local" / "projects"
    assert place.database.parent == tmp_path / "data"
