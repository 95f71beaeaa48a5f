"""The store: one SQLite database in the data directory, opened through SQLAlchemy and brought up to date once."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, PoolProxiedConnection, create_engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from att.errors import Busy, Conflict, Unavailable
from att.locking import LOCK_EX, flock

__all__ = ["Store"]

_MIGRATIONS = Path(__file__).parent / "migrations"
_BUSY_SECONDS = 15.0
_RUNS_FROM = 1
"""The oldest schema whose ATT still runs on the present one. Additive migrations leave it as it is."""


class Store:
    """Transactions over the database of one data directory.

    Several processes may open the same one. A write takes SQLite's write lock at its beginning, so a
    read-then-write inside it cannot lose against another process. `_watching` guards `_watch`, the connection that
    tells whether anybody has written.
    """

    def __init__(self, path: Path, *, network: bool = False) -> None:
        """Open the database at `path`, making and migrating it when needed.

        `network` keeps a rollback journal instead of the write-ahead log, which network file systems cannot share.
        One that a newer ATT has migrated is used as it is, when that says that this one still runs on it. Raises
        Unavailable when the file cannot be opened, Conflict when it needs a newer ATT.
        """
        self.path = path
        self._network = network
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        self.engine = create_engine(
            make_url("sqlite://").set(database=str(path)),
            connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False},
        )
        event.listen(self.engine, "connect", self._prepare)
        event.listen(self.engine, "begin", _begin)
        self._watching = threading.Lock()
        self._watch: PoolProxiedConnection | None = None
        try:
            self._migrate()
        except Exception as error:
            self.engine.dispose()
            if isinstance(error, Conflict):
                raise
            raise Unavailable(f"The database {path} cannot be opened: {error}") from error

    def _prepare(self, connection: Any, _record: Any) -> None:
        # The driver's own transaction handling is switched off: BEGIN is said by `_begin`.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA journal_mode={'DELETE' if self._network else 'WAL'}")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a read transaction: one consistent picture."""
        with self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a write transaction; it is committed at the end and rolled back on an exception.

        Raises Busy when another process has the write lock for long.
        """
        with self.engine.connect().execution_options(att_write=True) as connection:
            try:
                transaction = connection.begin()
            except OperationalError as error:
                if "locked" not in str(error.orig):
                    raise
                raise Busy("Another process keeps the database locked; try again when it is done.") from error
            with transaction:
                yield connection

    def version(self) -> int:
        """Return a number that is another one after every write that was committed, by this process or another."""
        with self._watching:
            if self._watch is None:
                # Never writes: SQLite tells a connection of the writes of others only. Not of the pool, which is small.
                self._watch = self.engine.raw_connection()
                self._watch.detach()
            cursor = self._watch.cursor()
            try:
                cursor.execute("PRAGMA data_version")
                return int(cursor.fetchone()[0])  # type: ignore[index]
            finally:
                cursor.close()

    def vacuum(self) -> None:
        """Give the free space of the file back to the disk. Raises Busy while others use the database for long."""
        connection = self.engine.raw_connection()
        try:
            connection.cursor().execute("VACUUM")
            connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.OperationalError as error:
            raise Busy(f"The database cannot be made smaller now: {error}. Try it again later.") from error
        finally:
            connection.close()

    def close(self) -> None:
        """Close every connection."""
        with self._watching:
            if self._watch is not None:
                self._watch.close()
                self._watch = None
        self.engine.dispose()

    def _migrate(self) -> None:
        head = max(file.name[:4] for file in (_MIGRATIONS / "versions").glob("[0-9]*.py"))
        lock = os.open(self.path.with_suffix(".lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            flock(lock, LOCK_EX)
            current, runs_from = self._revision()
            if current is not None and current > head:
                if not 0 < runs_from <= int(head):
                    raise Conflict(f"{self.path} was written by a newer ATT (schema {current}); upgrade jupyter-att.")
            elif (current, runs_from) != (head, _RUNS_FROM):
                self._upgrade()
        finally:
            os.close(lock)

    def _revision(self) -> tuple[str | None, int]:
        """Return the schema, and the oldest one whose ATT runs on it; 0 when nobody has written that."""
        with self.read() as connection:
            if not inspect(connection).has_table("alembic_version"):
                return None, 0
            runs_from = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
            return connection.execute(text("SELECT version_num FROM alembic_version")).scalar(), int(runs_from)

    def _upgrade(self) -> None:
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
        with self.write() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.exec_driver_sql(f"PRAGMA user_version={_RUNS_FROM}")


def _begin(connection: Connection) -> None:
    writing = connection.get_execution_options().get("att_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
