"""What a run leaves in the history outlives its directory, its manager and its server."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

from att.testing.analysis import first_failed
from att.testing.exports import to_junit
from att.testing.history.frames import assemble
from att.testing.history.records import Selection
from att.testing.models import TestOutcome
from att.testing.suiterun import light
from tests.support.waiting import eventually
from tests.testing.runner.house import HANG_SECONDS, house

MIXED = """
import pytest, warnings
@pytest.mark.parametrize("word", ["plain", "\\u00fc", "a/b"])
def test_passes(word): pass
def test_fails():
    print("told")
    assert [1, 2] == [1, 3]
@pytest.mark.skip(reason="later")
def test_skips(): pass
@pytest.fixture
def broken():
    yield
    raise ValueError("in teardown")
def test_errs(broken): warnings.warn("careful")
"""
GATED = """
import pathlib, time
def test_first(): pass
def test_fails(): assert 0
def test_waits_for_the_gate():
    while not pathlib.Path({gate!r}).exists(): time.sleep(0.02)
def test_after(): pass
"""
SUBTESTS = """
import unittest
class Numbers(unittest.TestCase):
    def test_two_fail(self):
        for number in range(4):
            with self.subTest(number=number): self.assertLess(number, 2)
    def test_good(self):
        with self.subTest(number=1): pass
"""
OTHER = """
import sys, threading
from pathlib import Path
from tests.testing.runner.house import House
opened = House(Path(sys.argv[1]), real_history=True)
run = opened.start("demo")
opened.until(run, 2)
print(run.run_id, flush=True)
threading.Event().wait()
"""


def _in_microseconds(outcomes: list[TestOutcome]) -> list[TestOutcome]:
    """Return outcomes with seconds as the history keeps them."""

    def rounded(outcome: TestOutcome) -> TestOutcome:
        names = ("setup_seconds", "call_seconds", "teardown_seconds")
        seconds = {name: getattr(outcome, name) for name in names}
        return outcome.model_copy(update={name: s if s is None else round(s, 6) for name, s in seconds.items()})

    return [rounded(outcome) for outcome in outcomes]


def test_a_run_whose_directory_is_gone_is_read_from_the_history(tmp_path: Path) -> None:
    with house(tmp_path / "data", real_history=True) as opened:
        opened.project(tmp_path, {"test_a.py": MIXED})
        run = opened.run(markers="not nothing")
        assert (run.passed, run.failed, run.skipped, run.errors) == (4, 1, 1, 1)
        results = opened.tests.results("demo", run.run_id).outcomes
        shutil.rmtree(opened.launcher.run("demo", run.run_id).path)
    with house(tmp_path / "data", real_history=True) as later:
        assert later.tests.status("demo", run.run_id) == run
        assert later.tests.runs("demo").runs == [light(run)]
        assert later.tests.results("demo").outcomes == _in_microseconds(results)
        assert later.tests.results("demo", run.run_id, ["failed"]).outcomes[0].nodeid == "test_a.py::test_fails"
        assert later.tests.cancel("demo", run.run_id) == run
        newer = later.run()
        listed = later.tests.runs("demo", limit=1)
        assert [one.run_id for one in listed.runs] == [newer.run_id]
        assert later.tests.runs("demo", listed.cursor).runs == [light(run)]


def test_a_run_whose_server_was_killed_is_adopted_and_joins_the_history(tmp_path: Path) -> None:
    gate, data = tmp_path / "gate", tmp_path / "data"
    with house(data) as opened:
        opened.project(tmp_path, {"test_a.py": GATED.format(gate=str(gate))})
    root = Path(__file__).parents[3]
    with subprocess.Popen(
        [sys.executable, "-c", OTHER, str(data)], cwd=root, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        run_id = server.stdout.readline().strip()
        server.send_signal(signal.SIGKILL)
    gate.touch()
    with house(data, real_history=True) as second:
        assert eventually(lambda: second.history_store.has("demo", run_id), HANG_SECONDS)
        kept = second.history_store.run("demo", run_id)
        assert (kept.status, kept.passed, kept.failed, kept.complete) == ("failed", 3, 1, True)
        assert [told.nodeid for told in kept.failures] == ["test_a.py::test_fails"]
        assert second.tests.status("demo", run_id) == kept
        frames = assemble(lambda part: b"".join(second.history_store.stream(part, Selection(project="demo"))))
        assert len(frames.results) == 4
        assert frames.runs["run_id"].to_list() == frames.failures["run_id"].to_list() == [run_id]


def test_what_tests_took_is_expected_of_the_next_run(tmp_path: Path) -> None:
    slow = "import time\ndef test_slow(): time.sleep(0.3)\ndef test_fast(): pass\n"
    with house(tmp_path / "data", real_history=True) as opened:
        opened.project(tmp_path, {"test_a.py": slow})
        opened.run()
        expected = opened.history_store.expected_durations("demo")
        assert expected["test_a.py::test_slow"] >= 0.3 > expected["test_a.py::test_fast"]
        divided = opened.run(shards=2)
        assert divided.passed == 2
        assert len(opened.history_store.outcomes("demo", divided.run_id)) == 2


def test_a_test_of_which_a_subtest_failed_has_failed_everywhere(tmp_path: Path) -> None:
    with house(tmp_path / "data", real_history=True) as opened:
        opened.project(tmp_path, {"test_a.py": SUBTESTS})
        run = opened.run()
        assert (run.status, run.passed, run.failed) == ("failed", 2, 2)
        failed = opened.tests.results("demo", run.run_id, ["failed"]).outcomes
        assert [(test.nodeid, test.subtests) for test in failed] == [("test_a.py::Numbers::test_two_fail", 4)]
        frames = assemble(lambda part: b"".join(opened.history_store.stream(part, Selection(project="demo"))))
    broken = first_failed(frames.runs, frames.results, failed[0].nodeid)
    assert broken["first_bad_run"].to_list() == [run.run_id]
    (report,) = to_junit(*frames, tmp_path / "junit.xml")
    assert 'failures="1"' in report.read_text()


def test_the_latest_results_are_those_of_a_run_that_is_kept(tmp_path: Path) -> None:
    with house(tmp_path / "data", real_history=True) as opened:
        opened.project(tmp_path, {"test_a.py": "def test_passes(): pass\n"})
        opened.run()
        assert len(opened.tests.results("demo").outcomes) == 1
        opened.history_store.prune("demo", keep_runs=0)
        assert opened.tests.results("demo").outcomes == []
