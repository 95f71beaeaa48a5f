from io import StringIO

import pandas as pd
import pytest

from att.errors import Invalid, NotFound
from att.testing import analysis
from att.testing.analysis.frames import FAILURES, OUTCOMES, RESULTS, RUNS, FrameKind
from att.testing.samples import SampleHistory, sample_history


@pytest.fixture(scope="module")
def sample() -> SampleHistory:
    return sample_history(runs=40)


def test_the_sample_history_keeps_the_contract(sample: SampleHistory) -> None:
    analysis.validate(sample.runs, sample.results, sample.failures)


def test_the_sample_history_is_the_same_for_the_same_seed(sample: SampleHistory) -> None:
    again = sample_history(runs=40)
    pd.testing.assert_frame_equal(again.runs, sample.runs)
    pd.testing.assert_frame_equal(again.results, sample.results)
    assert not sample_history(runs=40, seed=8).results["outcome"].equals(sample.results["outcome"])


def test_the_counts_of_sample_runs_are_those_of_their_results(sample: SampleHistory) -> None:
    last = sample.results.sort_values("attempt").drop_duplicates(["run_id", "nodeid"], keep="last")
    counts = pd.crosstab(last["run_id"].astype(str), last["outcome"].astype(str))
    runs = sample.runs.set_index("run_id")
    assert counts["passed"].to_dict() == runs["passed"].astype(int).to_dict()
    assert counts["failed"].to_dict() == runs["failed"].astype(int).to_dict()


def test_every_failed_attempt_of_the_sample_has_its_failure(sample: SampleHistory) -> None:
    bad = sample.results[sample.results["outcome"].isin(["failed", "error", "rerun"])]
    keys = ["run_id", "nodeid", "attempt"]
    assert set(map(tuple, bad[keys].astype(str).to_numpy())) == set(
        map(tuple, sample.failures[keys].astype(str).to_numpy())
    )


def test_empty_frames_keep_the_contract() -> None:
    frames = [analysis.empty(kind) for kind in ("runs", "results", "failures")]
    analysis.validate(*frames)
    assert [list(f.columns) for f in frames] == [list(RUNS), list(RESULTS), list(FAILURES)]


def test_validate_names_every_broken_column(sample: SampleHistory) -> None:
    runs = pd.concat([sample.runs, sample.runs.tail(1)]).drop(columns="branch").assign(duration_seconds="1 s")
    results = sample.results.assign(outcome=sample.results["outcome"].astype(str))
    with pytest.raises(Invalid) as caught:
        analysis.validate(runs, results, sample.failures)
    problems = "\n".join(caught.value.details["problems"])
    for fault in ("runs.branch: missing", "runs.duration_seconds", "runs.run_id: not unique", "results.outcome"):
        assert fault in problems


def test_conform_makes_the_contract_from_what_csv_gives_back(sample: SampleHistory) -> None:
    def read_back(kind: FrameKind) -> pd.DataFrame:
        return analysis.conform(pd.read_csv(StringIO(getattr(sample, kind).to_csv(index=False))), kind)

    runs, results, failures = read_back("runs"), read_back("results"), read_back("failures")
    analysis.validate(runs, results, failures)
    pd.testing.assert_frame_equal(analysis.flaky(runs, results), analysis.flaky(sample.runs, sample.results))


def test_conform_keeps_further_columns_and_takes_naive_times_for_utc() -> None:
    frame = analysis.conform(pd.DataFrame({"run_id": ["a"], "started_at": ["2026-01-01 08:00"], "team": ["x"]}), "runs")
    assert frame["started_at"].iloc[0] == pd.Timestamp("2026-01-01T08:00Z")
    assert frame["team"].tolist() == ["x"]


@pytest.mark.parametrize(
    ("column", "value"), [("outcome", "exploded"), ("started_at", "yesterday-ish"), ("duration_seconds", "fast")]
)
def test_conform_refuses_what_a_column_cannot_hold(column: str, value: str) -> None:
    with pytest.raises(Invalid, match=column):
        analysis.conform(pd.DataFrame({"run_id": ["a"], column: [value]}), "results")


def test_a_missing_column_is_named(sample: SampleHistory) -> None:
    with pytest.raises(Invalid, match="results frame lacks outcome"):
        analysis.flaky(sample.runs, sample.results.drop(columns="outcome"))


def test_the_contract_can_be_read_as_a_table() -> None:
    table = analysis.describe("results")
    assert table["column"].tolist() == list(RESULTS)
    assert OUTCOMES[0] in table.set_index("column")["meaning"]["outcome"]


def test_select_narrows_runs_and_the_results_follow(sample: SampleHistory) -> None:
    main = analysis.select(sample.runs, branch="main", since="10d")
    assert set(main["branch"]) == {"main"}
    assert main["started_at"].min() >= sample.runs["started_at"].max() - pd.Timedelta(days=10)
    assert analysis.slowest(main, sample.results)["n"].max() <= 2 * len(main)


def test_an_unknown_branch_is_not_found_with_close_names(sample: SampleHistory) -> None:
    with pytest.raises(NotFound, match="Did you mean 'main'"):
        analysis.select(sample.runs, branch="mian")
    with pytest.raises(Invalid, match="since"):
        analysis.select(sample.runs, since="a while")
