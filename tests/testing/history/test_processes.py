"""Several processes share one history; a kill in the middle of an append tears nothing."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from att.store import Store
from att.testing import analysis
from att.testing.history.store import HistoryStore
from tests.testing.history.kept import frames, outcome, run

TESTS = 500
WRITER = """
import sys
from pathlib import Path
from tests.testing.history.kept import failure, history_at, outcome, run
folder, project, first, count, tests = Path(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:])
history = history_at(folder)
seen = [outcome(f"test_{project}.py::test_{n}", "failed" if n == 7 else "passed") for n in range(tests)]
print("ready", flush=True)
sys.stdin.readline()
for number in range(first, first + count):
    assert history.append(run(number, project), seen, [failure(seen[7].nodeid)])
    print(number, flush=True)
"""


@contextmanager
def _writer(folder: Path, project: str, first: int, count: int) -> Iterator[subprocess.Popen[str]]:
    """Start a process that appends runs once it is told to, and prints the number of each."""
    command = [sys.executable, "-c", WRITER, str(folder), project, str(first), str(count), str(TESTS)]
    root = Path(__file__).parents[3]
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def _go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def _whole(history: HistoryStore) -> set[str]:
    """Return the kept runs, after checking that each has all its results and failures."""
    runs, results, failures = found = frames(history)
    analysis.validate(*found)
    assert set(results.groupby("run_id", observed=True).size()) <= {TESTS}
    assert set(results["run_id"].unique()) == set(failures["run_id"]) == set(runs["run_id"])
    assert not failures["run_id"].duplicated().any()
    return set(runs["run_id"])


def test_two_processes_append_while_a_third_reads_and_nothing_is_lost(tmp_path: Path) -> None:
    store = Store(tmp_path / "att.db")
    history, count = HistoryStore(store), 30
    with _writer(tmp_path, "one", 0, count) as one, _writer(tmp_path, "two", 0, count) as two:
        _go(one)
        _go(two)
        seen: set[str] = set()
        while one.poll() is None or two.poll() is None:
            now = _whole(history)
            assert seen <= now
            seen = now
        assert (one.wait(), two.wait()) == (0, 0)
    assert len(_whole(history)) == 2 * count
    assert len(history.nodeids("one")) == len(history.nodeids("two")) == TESTS
    store.close()


def test_a_kill_in_the_middle_of_an_append_tears_nothing(tmp_path: Path) -> None:
    """The writer is killed while it writes its next run, at another moment each time; another one goes on."""
    store = Store(tmp_path / "att.db")
    history, chance, first = HistoryStore(store), random.Random(7), 0
    for _ in range(5):
        with _writer(tmp_path, "demo", first, 1_000) as process:
            _go(process)
            assert process.stdout is not None
            for _ in range(chance.randrange(1, 4)):
                told = int(process.stdout.readline())
            _spin(chance.randrange(60_000))
            process.kill()
            rest = process.stdout.read().split()
        kept = _whole(history)
        told = max([told, *map(int, rest)])
        # The run after the last one that was told may be there, as a whole.
        assert {f"demo-{number:04}" for number in range(told + 1)} <= kept
        assert len(kept) - (told + 1) in (0, 1)
        first = len(kept)
        assert not history.append(run(told), [], [])
    assert store.path.exists()
    with store.read() as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
    store.close()


def _spin(steps: int) -> None:
    """Pass a little time, on this processor, without asking a clock."""
    for _ in range(steps):
        pass


def test_names_that_a_vacuum_drops_are_numbered_again_by_another_process(tmp_path: Path) -> None:
    store = Store(tmp_path / "att.db")
    history = HistoryStore(store)
    history.append(run(0, "old"), [outcome("gone"), outcome("test_one.py::test_1")], [])
    with _writer(tmp_path, "one", 0, 3) as process:
        history.prune("old", keep_runs=0)
        assert history.vacuum() == 2
        _go(process)
        assert process.wait(60) == 0
    assert len(_whole(history)) == 3
    assert len(history.nodeids("one")) == TESTS
    store.close()


def test_a_vacuum_while_others_append_drops_no_name_that_is_used(tmp_path: Path) -> None:
    store = Store(tmp_path / "att.db")
    history = HistoryStore(store)
    with _writer(tmp_path, "one", 0, 25) as process:
        _go(process)
        while process.poll() is None:
            history.vacuum()
        assert process.wait() == 0
    assert len(_whole(history)) == 25
    store.close()


@pytest.mark.parametrize("module", ["att.domains", "att.workspace"])
def test_declarations_and_the_workspace_do_not_load_what_the_history_reads_with(module: str) -> None:
    heavy = {"att.domains": ["pandas", "pyarrow", "numpy", "sqlalchemy"], "att.workspace": ["pyarrow", "pandas"]}
    code = f"import sys, {module}; print([name for name in {heavy[module]!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"
