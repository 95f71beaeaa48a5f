"""A divided run counts like a whole one, and a crash costs its own shard only."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from att.testing.driver.orders import Plan
from att.testing.driver.planning import Collection, plan_shards, worst
from att.testing.models import TestRun
from tests.support.extras import needed
from tests.support.waiting import eventually
from tests.testing.runner.house import GOOD, HANGING, House, marked_processes

FILES = {
    "tests/test_a.py": GOOD + "def test_fails(): assert 0\n",
    "tests/test_b.py": GOOD + "import pytest\n@pytest.mark.skip\ndef test_skips(): pass\n",
    "tests/test_c.py": GOOD + "@pytest.mark.slow\ndef test_slow(): pass\n",
    "tests/test_d.py": "import pytest\npytest.skip('all of it', allow_module_level=True)\n",
    "tests/test_e.py": "import pytest\npytestmark = pytest.mark.slow\ndef test_slow(): pass\n",
    "pytest.ini": "[pytest]\naddopts = -p no:cacheprovider\nmarkers = slow: takes long\n",
}


def _counts(run: TestRun) -> tuple[int | None, ...]:
    return (run.passed, run.failed, run.skipped, run.errors, run.deselected)


def test_the_longest_files_are_divided_first() -> None:
    nodeids = [f"{file}::test_{n}" for file in ("a.py", "b.py", "c.py", "d.py") for n in range(2)]
    durations = {
        "a.py::test_0": 6.0,
        "b.py::test_0": 3.0,
        "c.py::test_0": 3.0,
        "a.py::test_1": 0.0,
        "b.py::test_1": 0.0,
    }
    durations |= {"c.py::test_1": 0.0, "d.py::test_0": 0.0, "d.py::test_1": 0.0}
    plan = plan_shards(Collection("/p", nodeids, ["e.py"]), "/p", [], durations, 2)
    (alone,) = [targets for targets in plan.targets if "a.py" in targets]
    assert not {"b.py", "c.py"} & set(alone)
    assert (plan.expected_seconds, sum(plan.tests)) == ([6.0, 6.0], 8)
    assert sorted(file for targets in plan.targets for file in targets) == ["a.py", "b.py", "c.py", "d.py", "e.py"]


def _planned(tests: dict[str, float], shards: int, **plan: Any) -> Plan:
    skipped, targets = plan.pop("skipped", []), plan.pop("targets", [])
    return plan_shards(Collection("/p", list(tests), skipped), "/p", targets, plan.get("durations", tests), shards)


def test_the_parts_of_a_file_that_is_longer_than_a_share_are_handed_out() -> None:
    tests = {
        "a.py::TestOne::test_1": 2.0,
        "a.py::TestOne::test_2": 2.0,
        "a.py::test_each[x-ü]": 3.0,
        "a.py::test_each[y::z]": 1.0,
        "a.py::test_long[1]": 5.0,
        "a.py::test_long[a[b]]": 5.0,
        "b.py::test_1": 1.0,
        "b.py::test_2": 1.0,
    }
    plan = _planned(tests, 5)
    assert sorted(plan.targets) == [
        ["a.py::TestOne"],
        ["a.py::test_each"],
        ["a.py::test_long[1]"],
        ["a.py::test_long[a[b]]"],
        ["b.py"],
    ]
    assert sorted(zip(plan.tests, plan.expected_seconds, strict=True)) == [(1, 5), (1, 5), (2, 2), (2, 4), (2, 4)]
    for targets in _planned(tests, 2).targets:
        assert targets == sorted(targets), "in a shard the tests go in the order in which they were collected"


@pytest.mark.parametrize(
    ("tests", "plan", "targets"),
    [
        ({"a.py::test_1": 9.0, "a.py::test_2": 9.0}, {"durations": {}}, ["a.py"]),
        ({"a.py::test_1": 0.3, "a.py::test_2": 0.3}, {}, ["a.py"]),
        ({"a.py::test_1": 9.0, "a.py::test_2": 9.0}, {"skipped": ["a.py::TestSkipped"]}, ["a.py"]),
        ({"a.py::test_1": 9.0, "a.py::it says so": 9.0}, {}, ["a.py"]),
        ({"a.yaml::one": 9.0, "a.yaml::two": 9.0}, {}, ["a.yaml"]),
        ({"a.py::test_e[a::b]": 9.0, "a.py::test_e[ü]": 9.0}, {}, ["a.py::test_e"]),
        ({"a.py::T::test_1": 9.0, "a.py::T::test_2": 9.0}, {"targets": ["a.py::T::test_1"]}, ["a.py::T::test_1"]),
    ],
)
def test_what_cannot_be_named_in_parts_stays_whole(
    tests: dict[str, float], plan: dict[str, Any], targets: list[str]
) -> None:
    assert _planned(tests, 2, **plan).targets == [targets]


LONG = """
'''>>> 1 + 1
2
'''
import pytest, unittest
@pytest.mark.parametrize('x', ['a[b]', 'c::d', 'ü', 'a b', 'x' * 50])
def test_each(x): assert x != 'ü'
@pytest.mark.parametrize('x', ['a[b]', 'ü', 'a b'])
def test_ünïcode(x): pass
class TestOne:
    class TestIn:
        def test_deep(self): pass
    @pytest.mark.parametrize('n', range(3))
    def test_number(self, n):
        '''
        >>> 1
        2
        '''
    @pytest.mark.skip
    def test_skips(self): pass
class Units(unittest.TestCase):
    def test_subtests(self):
        for n in range(3):
            with self.subTest(n=n): self.assertLess(n, 2)
    def test_plain(self): pass
@pytest.mark.slow
def test_slow(): pass
"""
DOCTESTED = "[pytest]\naddopts = -p no:cacheprovider --doctest-modules\nmarkers = slow: takes long\n"


@pytest.mark.parametrize("environment", ["pytest62", "pytest84", "pytest9"])
def test_a_long_file_is_divided_and_counts_like_a_whole_one(shared: House, tmp_path: Path, environment: str) -> None:
    files = {"tests/test_long.py": LONG, "tests/test_b.py": GOOD, "pytest.ini": DOCTESTED}
    shared.project(tmp_path, files, environment, environment)
    whole = shared.run(environment, markers="not slow")
    assert whole.status == "failed", whole.message
    results = shared.tests.results(environment, whole.run_id).outcomes
    shared.history.durations = {test.nodeid: 10.0 for test in results}
    try:
        divided = shared.run(environment, markers="not slow", shards=4)
    finally:
        shared.history.durations = {}
    assert sum(any("test_long.py::" in target for target in shard.targets) for shard in divided.shards) >= 3
    assert (_counts(divided), divided.subtests) == (_counts(whole), whole.subtests)
    again = shared.tests.results(environment, divided.run_id).outcomes
    assert sorted((o.nodeid, o.outcome) for o in again) == sorted((o.nodeid, o.outcome) for o in results)
    assert sum(shard.tests for shard in divided.shards) == len(results) == divided.collected


def test_a_test_without_history_counts_as_the_mean_and_no_shard_is_empty() -> None:
    nodeids = ["a.py::test_1", "b.py::test_1", "c.py::test_1"]
    plan = plan_shards(Collection("/p", nodeids, []), "/p", [], {"a.py::test_1": 4.0}, 8)
    assert sorted(plan.targets) == [["a.py"], ["b.py"], ["c.py"]]
    assert plan.expected_seconds == [4.0, 4.0, 4.0]
    assert plan_shards(Collection("/p", nodeids, []), "/p", [], {}, 2).expected_seconds == [None, None]


def test_named_tests_stay_named_unless_their_file_is_taken_whole() -> None:
    nodeids = ["tests/a.py::test_1", "tests/b.py::test_1"]
    collection = Collection("/p", nodeids, [])
    named = plan_shards(collection, "/p/tests", ["a.py::test_1", "b.py"], {}, 2)
    assert sorted(named.targets) == [["a.py::test_1"], ["b.py"]]
    whole = plan_shards(collection, "/p", ["tests", "tests/a.py::test_1"], {}, 2)
    assert sorted(whole.targets) == [["tests/a.py"], ["tests/b.py"]]


@pytest.mark.parametrize(
    ("codes", "code"),
    [
        ([0, 0], 0),
        ([0, 1], 1),
        ([1, 2, 0], 2),
        ([3, 1], 3),
        ([0, 5], 0),
        ([5, 5], 5),
        ([1, -11], -11),
        ([0, None], None),
    ],
)
def test_the_worst_shard_gives_the_return_code(codes: list[int | None], code: int | None) -> None:
    assert worst(codes) == code


@pytest.mark.parametrize("markers", [None, "not slow"])
def test_a_divided_run_counts_like_a_whole_one(shared: House, tmp_path: Path, markers: str | None) -> None:
    name = tmp_path.name
    shared.project(tmp_path, FILES, name)
    whole = shared.run(name, markers=markers)
    divided = shared.run(name, markers=markers, shards=3)
    assert _counts(divided) == _counts(whole)
    assert (divided.status, divided.returncode, divided.complete) == ("failed", 1, True)
    assert (divided.collected, divided.finished) == (whole.collected, whole.finished)
    assert len(divided.shards) == 3
    assert sum(shard.tests for shard in divided.shards) == whole.collected
    assert sorted(shard.returncode or 0 for shard in divided.shards) in ([0, 0, 1], [0, 1, 5])
    first = shared.tests.results(name, divided.run_id, limit=4)
    rest = shared.tests.results(name, cursor=first.cursor)
    whole_results = shared.tests.results(name, whole.run_id).outcomes
    assert sorted((o.nodeid, o.outcome) for o in [*first.outcomes, *rest.outcomes]) == sorted(
        (o.nodeid, o.outcome) for o in whole_results
    )
    told = [o["nodeid"] for event in shared.told(divided, "test.outcome") for o in event.data["outcomes"]]
    assert sorted(told) == sorted(o.nodeid for o in whole_results)


def test_a_crash_costs_its_own_shard_only(shared: House, tmp_path: Path) -> None:
    crash = "import os\ndef test_crashes(): os._exit(0)\n"
    shared.project(tmp_path, {"test_a.py": GOOD, "test_b.py": crash, "test_c.py": GOOD}, "isolated")
    run = shared.run("isolated", shards=3)
    assert (run.status, run.passed, run.complete) == ("crashed", 6, False)
    assert [test.nodeid for test in run.in_flight] == ["test_b.py::test_crashes"]


def test_a_shard_that_crashes_has_lasted_until_its_own_end(shared: House, tmp_path: Path) -> None:
    files = {
        "test_a.py": "import os\ndef test_crashes(): os._exit(3)\n",
        "test_b.py": "import time\ndef test_lasts(): time.sleep(3)\n",
    }
    shared.project(tmp_path, files, "shard-seconds")
    run = shared.run("shard-seconds", shards=2)
    seconds = {shard.targets[0]: shard.duration_seconds or 0 for shard in run.shards}
    assert seconds["test_a.py"] + 1 < seconds["test_b.py"] <= (run.duration_seconds or 0)


def test_a_crashed_shard_is_told_with_its_own_code(shared: House, tmp_path: Path) -> None:
    crash = "import os\ndef test_crashes(): os._exit(0)\n"
    shared.project(tmp_path, {"test_a.py": "def test_fails(): assert 0\n", "test_b.py": crash}, "whose-code")
    run = shared.run("whose-code", shards=2)
    codes = {shard.targets[0]: (shard.index, shard.returncode) for shard in run.shards}
    index, code = codes["test_b.py"]
    assert (run.returncode, code, codes["test_a.py"][1]) == (1, 0, 1)
    assert f"Shard {index} ended without finishing: the process left with 0" in run.message


def test_a_file_that_cannot_be_read_ends_a_divided_run_before_it_begins(shared: House, tmp_path: Path) -> None:
    shared.project(tmp_path, {"test_a.py": GOOD, "test_b.py": "import nonsense_that_is_missing\n"}, "unreadable")
    run = shared.run("unreadable", shards=2)
    assert (run.status, run.returncode, run.errors, run.passed) == ("collect_error", 2, 1, 0)
    assert run.failures[0].nodeid == "test_b.py"


def test_a_divided_run_ends_in_time(shared: House, tmp_path: Path) -> None:
    shared.project(tmp_path, {"test_a.py": HANGING, "test_b.py": HANGING}, "divided-slow")
    run = shared.run("divided-slow", shards=2, timeout=4)
    assert (run.status, run.returncode, run.passed, len(run.in_flight)) == ("timed_out", 124, 6, 2)
    assert eventually(lambda: not marked_processes(run.run_id))


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    distributed = needed("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, worker_dashboard_address=None
    ) as cluster:
        yield cluster.scheduler_address


@pytest.mark.filterwarnings("default")  # of dask
def test_shards_run_on_the_workers_of_a_dask_cluster(shared: House, tmp_path: Path, scheduler: str) -> None:
    shared.project(tmp_path, FILES, "cluster")
    whole = shared.run("cluster")
    run = shared.run("cluster", shards=2, executor="dask", scheduler=scheduler)
    assert (run.status, _counts(run)) == (whole.status, _counts(whole)), run.message
    assert len({shard.worker for shard in run.shards}) == 2
    assert any("test_fails" in line.text for line in shared.log(run))

    shared.project(tmp_path, {"test_a.py": HANGING, "test_b.py": HANGING}, "cluster-slow")
    begun = shared.until(shared.start("cluster-slow", shards=2, executor="dask", scheduler=scheduler), 6)
    shared.tests.cancel("cluster-slow", begun.run_id)
    ended = shared.wait(begun)
    assert (ended.status, ended.passed, len(ended.in_flight)) == ("cancelled", 6, 2)
    assert eventually(lambda: not marked_processes(begun.run_id))


@pytest.mark.filterwarnings("default")  # of dask
def test_a_driver_that_dies_leaves_nothing_on_the_cluster(shared: House, tmp_path: Path, scheduler: str) -> None:
    shared.project(tmp_path, {"test_a.py": HANGING, "test_b.py": GOOD}, "orphans")
    begun = shared.until(shared.start("orphans", shards=2, executor="dask", scheduler=scheduler), 6)
    state = shared.launcher.run("orphans", begun.run_id).state()
    assert state is not None
    os.kill(state.pid, 9)
    assert shared.wait(begun).status == "crashed"
    assert eventually(lambda: not marked_processes(begun.run_id), 60)


def test_a_scheduler_that_is_not_there_is_said_so(shared: House, tmp_path: Path) -> None:
    needed("distributed")
    shared.project(tmp_path, {"test_a.py": GOOD}, "nobody-there")
    run = shared.run("nobody-there", shards=2, executor="dask", scheduler="tcp://127.0.0.1:9", timeout=2)
    assert run.status == "usage_error"
    assert "tcp://127.0.0.1:9" in run.message
