"""Several processes share one history; a kill in the middle of an append tears nothing."""

from __future__ import annotations

import os
import random
import signal
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

TESTS = 1_000
KILLS = 25
WRITERS = """
import os, sys
from pathlib import Path
from att.testing.history import blocks  # the children find it imported
from tests.testing.history.kept import failure, history_at, outcome, run
folder, project, count, tests = Path(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:])
seen = [outcome(f"test_{project}.py::test_{n}", "failed" if n == 7 else "passed") for n in range(tests)]
print("ready", flush=True)
for line in sys.stdin:
    child = os.fork()  # a new writer that has nothing to import
    if not child:
        print(os.getpid(), flush=True)
        history = history_at(folder)
        for number in range(int(line), int(line) + count):
            assert history.append(run(number, project), seen, [failure(seen[7].nodeid)])
            print(number, flush=True)
        os._exit(0)
    print("ended", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@contextmanager
def _writers(folder: Path, project: str, count: int) -> Iterator[subprocess.Popen[str]]:
    """Start a process of which each line of input, the number of the first run, makes a child that appends runs.

    The child prints its pid and the number of each run that it has appended; then the process prints how it ended.
    """
    command = [sys.executable, "-c", WRITERS, str(folder), project, str(count), str(TESTS)]
    root = Path(__file__).parents[3]
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert _line(process) == "ready"
            yield process
        finally:
            process.kill()


def _begin(process: subprocess.Popen[str], first: int = 0) -> int:
    """Let a child append runs from `first` on; return its pid."""
    assert process.stdin is not None
    process.stdin.write(f"{first}\n")
    process.stdin.flush()
    return int(_line(process))


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def _rest(process: subprocess.Popen[str]) -> list[str]:
    """Return what a child still says until it has ended, and how that was."""
    lines = [_line(process)]
    while lines[-1] and not lines[-1].startswith("ended"):
        lines.append(_line(process))
    return lines


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
    with _writers(tmp_path, "one", count) as one, _writers(tmp_path, "two", count) as two:
        children = [_begin(one), _begin(two)]
        seen: set[str] = set()
        while any(map(_lives, children)):
            now = _whole(history)
            assert seen <= now
            seen = now
        assert [_rest(one)[-1], _rest(two)[-1]] == ["ended 0"] * 2
    assert len(_whole(history)) == 2 * count
    assert len(history.nodeids("one")) == len(history.nodeids("two")) == TESTS
    store.close()


def test_a_kill_in_the_middle_of_an_append_tears_nothing(tmp_path: Path) -> None:
    """Writers are killed at another moment each, counted from a run that they have told; the next one goes on."""
    store = Store(tmp_path / "att.db")
    history, chance, first = HistoryStore(store), random.Random(7), 0
    with _writers(tmp_path, "demo", 1_000) as process:
        for _ in range(KILLS):
            child = _begin(process, first)
            told = [_line(process) for _ in range(chance.randrange(1, 3))]
            _spin(chance.randrange(200_000))
            os.kill(child, signal.SIGKILL)
            *more, ended = _rest(process)
            assert ended == f"ended {-signal.SIGKILL}"
            last = int([*told, *more][-1])
            kept = _whole(history)
            # The run after the last one that was told may be there, and then it is whole.
            assert {f"demo-{number:04}" for number in range(last + 1)} <= kept
            assert len(kept) - (last + 1) in (0, 1)
            first = len(kept)
    with store.read() as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
    store.close()


def _lives(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def _spin(steps: int) -> None:
    """Pass a little time, on this processor, without asking a clock."""
    for _ in range(steps):
        pass


def test_names_that_a_vacuum_drops_are_numbered_again_by_another_process(tmp_path: Path) -> None:
    store = Store(tmp_path / "att.db")
    history = HistoryStore(store)
    history.append(run(0, "old"), [outcome("gone"), outcome("test_one.py::test_1")], [])
    with _writers(tmp_path, "one", 3) as process:
        history.prune("old", keep_runs=0)
        assert history.vacuum() == 2
        _begin(process)
        assert _rest(process)[-1] == "ended 0"
    assert len(_whole(history)) == 3
    assert len(history.nodeids("one")) == TESTS
    store.close()


def test_a_vacuum_while_others_append_drops_no_name_that_is_used(tmp_path: Path) -> None:
    store = Store(tmp_path / "att.db")
    history = HistoryStore(store)
    with _writers(tmp_path, "one", 25) as process:
        child = _begin(process)
        while _lives(child):
            history.vacuum()
        assert _rest(process)[-1] == "ended 0"
    assert len(_whole(history)) == 25
    store.close()


@pytest.mark.parametrize("module", ["att.domains", "att.workspace"])
def test_declarations_and_the_workspace_do_not_load_what_the_history_reads_with(module: str) -> None:
    heavy = {"att.domains": ["pandas", "pyarrow", "numpy", "sqlalchemy"], "att.workspace": ["pyarrow", "pandas"]}
    code = f"import sys, {module}; print([name for name in {heavy[module]!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"
