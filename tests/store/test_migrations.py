"""A database of an earlier release is brought up to date and loses nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import insert, inspect, select

import att.store
from att.models import now
from att.store import Store, tables
from att.testing.history.store import HistoryStore
from tests.testing.history.kept import outcome, run

_HEAD_OF_THE_FIRST_RELEASE = "0001"


@pytest.fixture
def old_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a database of the first release, with an event."""

    def upgrade(self: Store) -> None:
        config = Config()
        config.set_main_option("script_location", str(Path(att.store.__file__).parent / "migrations"))
        with self.write() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, _HEAD_OF_THE_FIRST_RELEASE)

    path = tmp_path / "att.db"
    with monkeypatch.context() as patched:
        patched.setattr(Store, "_upgrade", upgrade)
        store = Store(path)
    with store.write() as connection:
        connection.execute(insert(tables.events).values(at=now(), kind="project.created", data="{}"))
    with store.engine.connect() as connection:
        assert not inspect(connection).has_table("test_runs")
    store.close()
    return path


@pytest.mark.parametrize("file", sorted((Path(att.store.__file__).parent / "migrations/versions").glob("[0-9]*.py")))
def test_migrations_only_add_so_that_the_release_before_still_runs(file: Path) -> None:
    done = set(re.findall(r"\bop\.(\w+)", file.read_text()))
    assert done <= {"create_table", "create_index", "add_column"}, "else raise _RUNS_FROM in engine.py"


def test_a_database_of_the_first_release_gets_a_history_and_keeps_its_rows(old_database: Path) -> None:
    store = Store(old_database)
    with store.read() as connection:
        assert len(connection.execute(select(tables.events.c.id)).all()) == 1
    history = HistoryStore(store)
    assert history.runs("demo", None, 10).runs == []
    assert history.append(run(), [outcome("a")], [])
    assert len(history.runs("demo", None, 10).runs) == 1
    store.close()
