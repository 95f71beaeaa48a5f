"""The reader takes what is whole, waits for the rest, and survives what is broken."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from att.testing.models import TestOutcome
from att.testing.outcome import reason_of
from att.testing.records import Collected, Start
from att.testing.stream import StreamState
from att.testing.streamfile import StreamReader
from tests.support.pytest_envs import ENVIRONMENTS
from tests.testing.plugin.harness import Finished, run_suite
from tests.testing.plugin.suites import GOOD, MIXED, MIXED_ARGUMENTS, SUITES


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Finished, bytes]:
    """A real stream."""
    folder = tmp_path_factory.mktemp("mixed")
    run = run_suite("pytest84", folder, MIXED, MIXED_ARGUMENTS)
    return run, (folder / "stream.jsonl").read_bytes()


@pytest.mark.parametrize("step", [1_000, 64 * 1024])
def test_a_stream_read_in_pieces_gives_the_same_state(mixed: tuple[Finished, bytes], step: int, tmp_path: Path) -> None:
    run, data = mixed
    path = tmp_path / "stream.jsonl"
    reader, state = StreamReader(path), StreamState()
    assert state.update(reader) == []

    seen = []
    for start in range(0, len(data), step):
        with path.open("ab") as file:
            file.write(data[start : start + step])
        seen += state.update(reader)

    assert state == run.state
    assert seen == run.state.outcomes
    assert (reader.offset, reader.damaged) == (len(data), 0)


def test_a_torn_last_line_is_left_alone(mixed: tuple[Finished, bytes], tmp_path: Path) -> None:
    _, data = mixed
    path = tmp_path / "stream.jsonl"
    path.write_bytes(data[:-5])
    reader = StreamReader(path)

    names = [record.event for record in reader.read()]

    assert (names[-1], reader.damaged) == ("end", 0)


def test_damaged_and_unknown_lines_are_counted_and_the_end_still_has_the_counts(
    mixed: tuple[Finished, bytes], tmp_path: Path
) -> None:
    run, data = mixed
    lines = data.splitlines(keepends=True)
    phase = next(index for index, line in enumerate(lines) if b'"phase"' in line)
    lines[phase] = lines[phase][:20] + b"\n" + b'{"event":"from the future","at":1}\n\xff\n[]\n'
    path = tmp_path / "stream.jsonl"
    path.write_bytes(b"".join(lines))
    reader, state = StreamReader(path), StreamState()

    state.update(reader)

    assert reader.damaged == 4
    assert state.counts == run.state.counts


def test_the_time_that_is_left_comes_from_earlier_runs(mixed: tuple[Finished, bytes]) -> None:
    run, _ = mixed
    state = StreamState(nodeids=["a", "b", "c"], collected=3)

    assert state.eta_seconds({}) is None
    assert state.eta_seconds({"a": 1.0, "b": 3.0}) == 6.0
    assert run.state.eta_seconds({"a": 1.0}) is None


def test_the_time_that_is_left_is_that_of_the_tests_of_this_run() -> None:
    def done(nodeid: str, seconds: float) -> TestOutcome:
        return TestOutcome(nodeid=nodeid, outcome="passed", started_at=None, call_seconds=seconds)

    elsewhere = {"other": 0.001}
    state = StreamState(nodeids=["a", "b", "c", "d"], collected=4)
    assert state.eta_seconds(elsewhere) is None, "nothing is known of these tests"
    state.outcomes = [done("a", 1.0), done("b", 2.0)]
    assert state.eta_seconds(elsewhere) == pytest.approx(2 * 1.5)
    assert state.eta_seconds({"c": 6.0}) == pytest.approx(6 + 3)


def test_the_time_that_is_left_shrinks_while_a_test_goes_on() -> None:
    state = StreamState()
    state.apply(Collected(event="collected", at=1, count=2, first_id=0, nodeids=["a", "b"]))
    state.apply(Start(event="start", at=10, id=0))

    left = [state.eta_seconds({"a": 8.0, "b": 2.0}, datetime.fromtimestamp(at, UTC)) for at in (9, 10, 13, 18, 100)]

    assert left == [10, 10, 7, 2, 2]


def test_times_go_on_while_a_test_stops_the_clock(tmp_path: Path) -> None:
    run_suite("pytest84", tmp_path, SUITES["silent"].files)

    times = [record.at for record in StreamReader(tmp_path / "stream.jsonl").read()]

    assert times == sorted(times)


def test_a_session_without_a_terminal_is_counted_the_same(mixed: tuple[Finished, bytes], tmp_path: Path) -> None:
    conftest = """
import pytest
@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session):
    session.config.pluginmanager.unregister(name="terminalreporter")
"""
    run = run_suite("pytest84", tmp_path, {**MIXED, "conftest.py": conftest}, MIXED_ARGUMENTS)

    assert run.counts_of_pytest is None
    assert run.state.counts == mixed[0].state.counts


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_project_that_leaves_the_terminal_out_is_counted_all_the_same(environment: str, tmp_path: Path) -> None:
    files = {"pytest.ini": "[pytest]\naddopts = -p no:terminal\n", "test_a.py": GOOD + "def test_fails(): assert 0\n"}

    run = run_suite(environment, tmp_path, files)

    assert (run.status, run.state.counts) == ("failed", {"passed": 3, "failed": 1})


def test_a_session_that_only_collects_has_not_passed(tmp_path: Path) -> None:
    files = {"pytest.ini": "[pytest]\naddopts = --collect-only\n", "test_a.py": GOOD}

    run = run_suite("pytest84", tmp_path, files)

    assert (run.returncode, run.status) == (0, "no_tests")
    assert "3 test(s) were collected and none was run" in reason_of(run.state, run.status, run.returncode)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_test_fails_with_its_subtests_and_an_attempt_that_is_run_again_stays_one(
    environment: str, tmp_path: Path
) -> None:
    text = "    def test_b(self):\n        with self.subTest(n=1): self.fail()\n"
    files = {
        "test_a.py": f"import unittest\nclass A(unittest.TestCase):\n{text}",
        "test_c.py": "import unittest, pytest\nclass C(unittest.TestCase):\n"
        f"    @pytest.mark.flaky(reruns=1)\n{text}        self.fail()\n",
    }
    state = run_suite(environment, tmp_path, files).state
    assert [(outcome.nodeid, outcome.outcome) for outcome in state.outcomes] == [
        ("test_a.py::A::test_b", "failed"),
        ("test_c.py::C::test_b", "rerun"),
        ("test_c.py::C::test_b", "failed"),
    ]
