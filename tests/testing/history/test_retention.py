"""Runs are forgotten when that is wished, and then their space is given back."""

from __future__ import annotations

import random
import sqlite3
from datetime import timedelta

import pytest

from att.errors import Busy, Invalid
from att.models import now
from att.store import Store
from att.testing.history.store import HistoryStore
from tests.testing.history.kept import BEGAN, failure, frames, names, outcome, run


@pytest.fixture
def filled(history: HistoryStore) -> HistoryStore:
    for number in range(6):
        for project in ("demo", "other"):
            seen = [outcome("a"), outcome(f"{project}{number}", "failed")]
            history.append(run(number, project), seen, [failure(f"{project}{number}")])
    return history


def _ids(history: HistoryStore, project: str) -> list[str]:
    return names(history.runs(project, None, 100).runs)


def test_everything_is_kept_unless_asked(filled: HistoryStore) -> None:
    assert filled.prune() == 0
    assert len(_ids(filled, "demo")) == 6


def test_the_newest_runs_of_one_project_or_of_each_are_kept(filled: HistoryStore) -> None:
    assert filled.prune("demo", keep_runs=2) == 4
    assert _ids(filled, "demo") == ["demo-0005", "demo-0004"]
    assert len(_ids(filled, "other")) == 6
    assert filled.prune(keep_runs=1) == 6
    assert (_ids(filled, "demo"), _ids(filled, "other")) == (["demo-0005"], ["other-0005"])
    assert list(frames(filled).results["nodeid"].unique()) == ["a", "demo5", "other5"]
    assert len(frames(filled).failures) == 2


def test_old_runs_are_forgotten(filled: HistoryStore) -> None:
    age = (now() - BEGAN) / timedelta(days=1)
    assert filled.prune("demo", keep_days=age - 2.5) == 3
    assert _ids(filled, "demo") == ["demo-0005", "demo-0004", "demo-0003"]


@pytest.mark.parametrize("bound", [{"keep_days": -1}, {"keep_runs": -1}])
def test_a_bound_below_zero_is_refused(filled: HistoryStore, bound: dict[str, int]) -> None:
    with pytest.raises(Invalid, match="negative"):
        filled.prune("demo", **bound)


def test_vacuum_drops_names_without_runs_and_keeps_the_others(filled: HistoryStore) -> None:
    filled.prune("demo", keep_runs=1)
    assert filled.vacuum() == 5
    assert filled.nodeids("demo") == ["a", "demo5"]
    assert len(filled.nodeids("other")) == 7
    assert filled.vacuum() == 0
    filled.append(run(9), [outcome("demo0")], [])
    assert set(filled.nodeids("demo")) == {"a", "demo5", "demo0"}


def test_a_file_that_could_not_be_collected_keeps_its_name(history: HistoryStore) -> None:
    history.append(run(), [], [failure("test_broken.py", phase="collect")])
    assert history.vacuum() == 0
    assert frames(history).failures["nodeid"].to_list() == ["test_broken.py"]


def test_vacuum_gives_space_back(history: HistoryStore, store: Store) -> None:
    chance = random.Random(1)
    for number in range(20):
        history.append(run(number), [outcome(f"t{n}", seconds=chance.random()) for n in range(2_000)], [])
    history.vacuum()
    before = store.path.stat().st_size
    history.prune("demo", keep_runs=1)
    history.vacuum()
    assert store.path.stat().st_size < before / 2
    assert len(history.outcomes("demo", "demo-0019")) == 2_000


def test_vacuum_says_when_somebody_is_in_the_way(filled: HistoryStore, store: Store) -> None:
    with store.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout = 50")
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(Busy, match="Try it again later"):
            store.vacuum()
    finally:
        other.close()
    store.vacuum()


def test_a_forgotten_run_can_be_kept_again(filled: HistoryStore) -> None:
    filled.prune("demo", keep_runs=0)
    assert [filled.append(run(3), [outcome("a")], []) for _ in range(2)] == [True, False]
