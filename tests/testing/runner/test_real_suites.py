"""The suites of well-known projects: the counts are those of pytest's own last line."""

from __future__ import annotations

from pathlib import Path

import pytest

from att.models import now
from att.projects.models import Project
from att.testing.importers import parse_pytest_console
from att.testing.models import TestRun
from tests.support.pytest_envs import environment_python
from tests.support.sdists import unpacked_sdist
from tests.testing.runner.house import House

SUITES = [("click", "8.3.1", "src", 1336), ("pluggy", "1.6.0", "src", 124), ("h11", "0.16.0", ".", 78)]


def _of_summary_line(opened: House, run: TestRun) -> tuple[int | None, ...]:
    counts = parse_pytest_console("\n".join(line.text for line in opened.log(run)))
    return (counts.passed, counts.failed, counts.skipped, counts.errors, counts.xfailed, counts.xpassed)


def _of_run(run: TestRun) -> tuple[int | None, ...]:
    return (run.passed, run.failed, run.skipped, run.errors, run.xfailed, run.xpassed)


@pytest.mark.parametrize(("name", "version", "source", "tests"), SUITES)
def test_the_counts_are_those_of_pytest_s_own_summary(
    shared: House, tmp_path: Path, name: str, version: str, source: str, tests: int
) -> None:
    root, at = unpacked_sdist(name, version, tmp_path), now()
    python = str(environment_python("pytest84"))
    shared.registry.add(
        Project(id=name, path=str(root), python=python, env={"PYTHONPATH": source}, created_at=at, updated_at=at)
    )
    run = shared.run(name)
    assert (run.status, run.complete, run.finished) == ("passed", True, tests)
    assert _of_run(run) == _of_summary_line(shared, run)
    assert len(shared.history.outcomes(name, run.run_id)) == tests
    divided = shared.run(name, shards=2)
    assert (divided.status, _of_run(divided)) == ("passed", _of_run(run))
