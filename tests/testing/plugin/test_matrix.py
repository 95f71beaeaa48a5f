"""The plugin tells what pytest itself counted, in every supported pytest."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.support.pytest_envs import ENVIRONMENTS
from tests.testing.plugin.harness import run_suite
from tests.testing.plugin.suites import CRASHES, SUITES

pytestmark = pytest.mark.parametrize("environment", ENVIRONMENTS)
NEVER_CONFIGURED = {"unknown_option", "broken_conftest", "only_helped"}

# pytest-rerunfailures 16 takes the subtests of a repeated test out of the terminal's counts again.
CORRECTED_AFTERWARDS = {("pytest9", "mixed_verbose_with_reruns")}


@pytest.mark.parametrize("name", SUITES)
def test_counts_and_status_are_pytests_own(environment: str, name: str, tmp_path: Path) -> None:
    suite = SUITES[name]

    run = run_suite(environment, tmp_path, suite.files, suite.arguments, suite.targets)

    assert (run.status, run.damaged) == (suite.status, 0), run.output
    assert [test.nodeid for test in run.state.in_flight] == list(suite.in_flight)
    assert suite.phase in {None, *(test.phase for test in run.state.in_flight)}
    if name in NEVER_CONFIGURED:
        assert run.state.session is None
        return
    assert run.state.counts == run.counts_of_pytest, run.output
    if (environment, name) not in CORRECTED_AFTERWARDS:
        assert run.folded_counts == run.counts_of_pytest
    if (line := run.counts_of_summary_line) is not None:
        assert run.state.counts == line, run.output
    by_outcome = Counter(failure.outcome for failure in run.state.failures)
    assert (by_outcome["failed"], by_outcome["error"]) == (
        run.state.counts.get("failed", 0),
        run.state.counts.get("error", 0),
    )
    assert {key: run.state.counts.get(key, 0) >= least for key, least in suite.least.items()} == dict.fromkeys(
        suite.least, True
    ), run.state.counts


@pytest.mark.parametrize("name", CRASHES)
def test_a_crash_keeps_the_finished_tests_and_names_the_one_in_flight(
    environment: str, name: str, tmp_path: Path
) -> None:
    suite = CRASHES[name]

    run = run_suite(environment, tmp_path, suite.files, suite.arguments)

    assert run.status == "crashed", run.output
    assert [(test.nodeid, test.phase) for test in run.state.in_flight] == [(suite.in_flight[0], suite.phase)]
    assert tuple(outcome.nodeid for outcome in run.state.outcomes) == suite.finished
    assert {outcome.outcome for outcome in run.state.outcomes} == {"passed"}
    assert not run.state.complete
