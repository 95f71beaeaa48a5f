"""What a run of tests is asked, what it answers, and what is refused before it begins."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from att.errors import Busy, Invalid, NotFound, StartFailed
from att.testing.models import TestRun
from tests.testing.runner.house import GOOD, HANGING, House

MIXED = """
import pytest, os
def test_passes(): pass
def test_fails(): assert os.environ.get("WORD") == "set"
@pytest.mark.skip(reason="later")
def test_skips(): pass
@pytest.mark.xfail
def test_xfails(): assert 0
@pytest.fixture
def broken(): raise ValueError("in setup")
def test_errs(broken): pass
"""


def _counts(run: TestRun) -> tuple[int | None, ...]:
    return (run.passed, run.failed, run.skipped, run.errors, run.xfailed)


def test_a_run_has_counts_failures_and_where_it_ran(shared: House, tmp_path: Path) -> None:
    root = shared.project(tmp_path, {"tests/test_a.py": MIXED}, "mixed")
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    for words in (["init", "-q", "-b", "trunk"], ["add", "."], [*who, "commit", "-q", "-m", "first"]):
        subprocess.run(["git", *words], cwd=root, check=True)
    (root / "pytest.ini").write_text("[pytest]\n# changed\n")

    run = shared.run("mixed")

    assert (run.status, run.returncode, run.complete, run.collected) == ("failed", 1, True, 5)
    assert _counts(run) == (1, 1, 1, 1, 1)
    assert [(failure.nodeid.rpartition("::")[2], failure.phase) for failure in run.failures] == [
        ("test_fails", "call"),
        ("test_errs", "setup"),
    ]
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, check=True, capture_output=True, text=True)
    assert (run.commit, run.branch, run.dirty) == (head.stdout.strip(), "trunk", True)
    assert run.environment is not None
    assert run.environment.pytest == "8.4.2"
    assert run.environment.host
    assert shared.tests.status("mixed", run.run_id) == run


@pytest.mark.parametrize(
    ("asked", "passed"),
    [
        ({"suite": "unit"}, 3),
        ({"suite": "tests/test_top.py"}, 3),
        ({"suite": "tests/test_top.py::test_passes[1]"}, 1),
        ({"targets": ["tests/unit", "tests/test_top.py::test_passes[0]"]}, 4),
        ({"keyword": "passes and 2"}, 2),
        ({"markers": "not parametrize"}, 0),
        ({"extra_args": ["--maxfail=1", "-x"]}, 6),
    ],
)
def test_what_is_asked_is_what_runs(shared: House, tmp_path: Path, asked: dict[str, Any], passed: int) -> None:
    name = tmp_path.name
    shared.project(tmp_path, {"tests/test_top.py": GOOD, "tests/unit/test_u.py": GOOD}, name)
    run = shared.run(name, **asked)
    assert run.passed == passed, run.message
    assert run.no_tests_collected is (passed == 0)
    assert run.returncode == (0 if passed else 5)


def test_variables_reach_the_tests_and_secrets_do_not_leave(shared: House, tmp_path: Path) -> None:
    shared.project(tmp_path, {"test_a.py": MIXED}, "variables")
    run = shared.run("variables", env={"WORD": "set", "API_TOKEN": "hidden"})
    assert run.failed == 0
    assert run.request is not None
    assert run.request.env == {"WORD": "set", "API_TOKEN": "********"}
    folder = shared.launcher.run("variables", run.run_id).path
    assert not any(b"hidden" in file.read_bytes() for file in folder.rglob("*") if file.is_file())


def test_one_run_of_a_project_at_a_time_unless_asked_otherwise(shared: House, tmp_path: Path) -> None:
    shared.project(tmp_path, {"test_a.py": HANGING}, "one")
    shared.project(tmp_path, {"test_a.py": GOOD}, "two")
    first = shared.until(shared.start("one"), 3)
    with pytest.raises(Busy) as caught:
        shared.start("one")
    assert caught.value.details["run_id"] == first.run_id

    assert shared.run("two").status == "passed", "another project is not held up"
    second = shared.start("one", parallel=True, suite="test_a.py::test_later")
    assert shared.wait(second).passed == 1
    going_on = shared.tests.runs("one").runs
    assert [run.run_id for run in going_on] == [first.run_id, second.run_id]
    assert [run.state for run in going_on] == ["running", "succeeded"]

    shared.tests.cancel("one", first.run_id)
    shared.wait(first)
    assert shared.run("one", suite="test_a.py::test_later").passed == 1


def test_progress_grows_with_the_time_that_is_left(shared: House, tmp_path: Path) -> None:
    shared.project(tmp_path, {"test_a.py": HANGING}, "progress")
    shared.history.durations = {"test_a.py::test_hangs": 90.0, "test_a.py::test_later": 10.0}
    try:
        run = shared.until(shared.start("progress"), 3)
    finally:
        shared.history.durations = {}
    assert (run.state, run.collected, run.finished, run.progress) == ("running", 5, 3, 0.6)
    assert 90 < (run.eta_seconds or 0) < 100, "what the test in flight has taken is not left any more"
    assert "3 of 5 tests, about 2 min left" in run.message
    shared.tests.cancel("progress", run.run_id)
    shared.wait(run)


def test_results_come_in_pages_and_by_outcome(shared: House, tmp_path: Path) -> None:
    shared.project(tmp_path, {"test_a.py": MIXED}, "pages")
    assert shared.tests.results("pages").outcomes == [], "nothing has run yet"
    run = shared.run("pages")

    first = shared.tests.results("pages", limit=2)
    rest = shared.tests.results("pages", cursor=first.cursor)
    assert (len(first.outcomes), first.has_more, len(rest.outcomes), rest.has_more) == (2, True, 3, False)
    assert shared.tests.results("pages", cursor=rest.cursor).outcomes == []
    bad = shared.tests.results("pages", run.run_id, ["failed", "error"])
    assert [outcome.outcome for outcome in bad.outcomes] == ["failed", "error"]

    with pytest.raises(Invalid, match="cursor"):
        shared.tests.results("pages", cursor="nonsense")
    with pytest.raises(Invalid, match="belongs to run"):
        shared.tests.results("pages", "another-run", cursor=first.cursor)


def test_a_run_stays_readable_when_its_directory_is_gone(shared: House, tmp_path: Path) -> None:
    shared.project(tmp_path, {"test_a.py": GOOD}, "pruned")
    old = shared.run("pruned")
    new = shared.run("pruned")
    shared.launcher.prune("pruned", keep_runs=1)
    assert not shared.launcher.runs_dir("pruned").joinpath(old.run_id).exists()
    assert shared.tests.status("pruned", old.run_id).passed == 3
    assert len(shared.tests.results("pruned", old.run_id).outcomes) == 3
    assert [run.run_id for run in shared.tests.runs("pruned").runs] == [new.run_id, old.run_id]


@pytest.mark.parametrize(
    ("asked", "error", "said"),
    [
        ({"suite": "e2e"}, NotFound, "tests/e2e"),
        ({"targets": ["../other"]}, Invalid, "outside the project"),
        ({"extra_args": ["--pdb"]}, Invalid, "a keyboard that is not there"),
        ({"scheduler": "tcp://127.0.0.1:1"}, Invalid, "executor='dask'"),
        ({"executor": "dask"}, Invalid, "scheduler"),
    ],
)
def test_what_cannot_work_is_refused_before_it_begins(
    shared: House, tmp_path: Path, asked: dict[str, Any], error: type[Exception], said: str
) -> None:
    name = tmp_path.name
    shared.project(tmp_path, {"test_a.py": GOOD}, name)
    with pytest.raises(error, match=said):
        shared.start(name, **asked)
    assert shared.launcher.runs(name) == []


def test_a_project_that_is_not_there_is_said_so(shared: House, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        shared.start("nobody")
    shared.project(tmp_path, {"test_a.py": GOOD}, "moved")
    shared.registry.change("moved", {"python": "no/such/python"})
    with pytest.raises(StartFailed, match="no/such/python"):
        shared.start("moved")
    shared.registry.change("moved", {"path": str(tmp_path / "nowhere")})
    with pytest.raises(StartFailed, match="nowhere"):
        shared.start("moved")
    with pytest.raises(NotFound):
        shared.tests.status("moved", "01m841a35kjxptf5vscw9c0h6d")


@pytest.mark.parametrize(("percent", "threshold", "ok"), [(81.5, None, None), (81.5, 80.0, True), (81.5, 90.0, False)])
def test_coverage_that_the_run_measured_is_kept_with_its_verdict(
    shared: House, tmp_path: Path, percent: float, threshold: float | None, ok: bool | None
) -> None:
    name = tmp_path.name
    report = {"totals": {"percent_covered": percent}}
    write = f"import json, pathlib\ndef test_a(): pathlib.Path('coverage.json').write_text(json.dumps({report}))\n"
    shared.project(tmp_path, {"test_a.py": write}, name)
    run = shared.run(name, coverage_threshold=threshold)
    assert (run.coverage_percent, run.coverage_ok) == (percent, ok)
    again = shared.run(name, keyword="nothing")
    assert again.coverage_percent is None, "the report is older than the run"
