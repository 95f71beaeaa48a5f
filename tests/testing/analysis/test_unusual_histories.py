from collections.abc import Callable

import pandas as pd
import pytest

from att.testing import analysis
from att.testing.samples import SampleHistory, sample_history

Analyse = Callable[[pd.DataFrame, pd.DataFrame, pd.DataFrame], pd.DataFrame]

FUNCTIONS: dict[str, Analyse] = {
    "pass_rate": lambda runs, results, failures: analysis.pass_rate(runs),
    "pass_rate by month": lambda runs, results, failures: analysis.pass_rate(runs, "ME"),
    "flaky": lambda runs, results, failures: analysis.flaky(runs, results),
    "outages": lambda runs, results, failures: analysis.outages(runs, results),
    "slowest": lambda runs, results, failures: analysis.slowest(runs, results),
    "regressions": lambda runs, results, failures: analysis.regressions(runs, results, "7d", "30d"),
    "first_failed": lambda runs, results, failures: analysis.first_failed(runs, results),
    "balance": lambda runs, results, failures: analysis.balance(runs, results, 3),
    "failure_groups": lambda runs, results, failures: analysis.failure_groups(runs, failures),
}


@pytest.fixture(scope="module")
def sample() -> SampleHistory:
    return sample_history(runs=40)


def types(frame: pd.DataFrame) -> dict[str, str]:
    return {str(name): str(dtype) for name, dtype in frame.dtypes.items()}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_columns_and_types_are_the_same_however_little_there_is(name: str, sample: SampleHistory) -> None:
    analyse = FUNCTIONS[name]
    usual = analyse(sample.runs, sample.results, sample.failures)
    assert not usual.empty
    nothing = analyse(analysis.empty("runs"), analysis.empty("results"), analysis.empty("failures"))
    assert nothing.empty
    for other in (
        nothing,
        analyse(pd.DataFrame(), pd.DataFrame(), pd.DataFrame()),
        analyse(sample.runs.head(1), sample.results, sample.failures),
        analyse(sample.runs, sample.results.head(0), sample.failures.head(0)),
        analyse(sample.runs.assign(started_at=None), sample.results, sample.failures),
    ):
        assert types(other) == types(usual)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_only_the_columns_that_matter_are_needed_and_plain_text_will_do(name: str, sample: SampleHistory) -> None:
    runs = sample.runs[["run_id", "started_at", "passed", "failed"]].astype({"started_at": str})
    results = sample.results[["run_id", "nodeid", "outcome"]].astype(str)
    assert isinstance(FUNCTIONS[name](runs, results, sample.failures[["run_id", "nodeid"]]), pd.DataFrame)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_nothing_given_is_changed(name: str, sample: SampleHistory) -> None:
    before = [frame.copy(deep=True) for frame in (sample.runs, sample.results, sample.failures)]
    FUNCTIONS[name](sample.runs, sample.results, sample.failures)
    for frame, copy in zip((sample.runs, sample.results, sample.failures), before, strict=True):
        pd.testing.assert_frame_equal(frame, copy)


def test_projects_are_told_apart_wherever_tests_are_named() -> None:
    h = sample_history(20, 30, projects=("one", "two"))
    for name in ("flaky", "slowest", "first_failed"):
        table = FUNCTIONS[name](h.runs, h.results, h.failures)
        assert table.columns[0] == "project"
        assert set(table["project"]) <= {"one", "two"}
    assert len(analysis.slowest(h.runs, h.results)) > 38
