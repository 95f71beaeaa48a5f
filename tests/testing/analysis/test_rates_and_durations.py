import numpy as np
import pandas as pd
import pytest

from att.errors import Invalid
from att.testing.analysis import change_point, pass_rate, regressions, slowest, wilson
from att.testing.analysis.statistics import rank_sum_p
from att.testing.samples import SampleHistory, sample_history
from tests.testing.analysis.histories import history


@pytest.fixture(scope="module")
def sample() -> SampleHistory:
    return sample_history(runs=120)


def counted(**columns: list[object]) -> pd.DataFrame:
    size = len(next(iter(columns.values())))
    started = pd.Timestamp("2026-03-01T22:00Z") + pd.to_timedelta(range(size), unit="h")
    return pd.DataFrame({"run_id": [f"r{i}" for i in range(size)], "started_at": started, **columns})


def test_the_pass_rate_is_passed_by_executed_in_each_period() -> None:
    table = pass_rate(counted(passed=[8, 9, 10], failed=[1, 1, 0], errors=[1, 0, 0], skipped=[5, 5, 5]))
    assert table.columns.tolist() == ["period", "runs", "passed", "executed", "pass_rate", "lo", "hi"]
    assert table["period"].tolist() == [pd.Timestamp("2026-03-01", tz="UTC"), pd.Timestamp("2026-03-02", tz="UTC")]
    assert table[["runs", "passed", "executed"]].to_numpy().tolist() == [[2, 17, 20], [1, 10, 10]]
    assert table["pass_rate"].tolist() == [0.85, 1.0]
    assert ((table["lo"] < table["pass_rate"]) & (table["pass_rate"] <= table["hi"])).all()


@pytest.mark.parametrize(("freq", "rows"), [("h", 3), ("6h", 2), ("D", 2), ("W", 2), ("ME", 1), ("M", 1), (None, 3)])
def test_periods_can_be_any_frequency(freq: str | None, rows: int) -> None:
    assert len(pass_rate(counted(passed=[1, 1, 1], failed=[0, 0, 0]), freq)) == rows


def test_an_unknown_frequency_is_refused() -> None:
    with pytest.raises(Invalid, match="fortnight"):
        pass_rate(counted(passed=[1], failed=[0]), "fortnight")


def test_a_suite_that_was_skipped_has_no_pass_rate() -> None:
    table = pass_rate(counted(passed=[0], failed=[0], skipped=[9]))
    assert table["executed"].tolist() == [0]
    assert table[["pass_rate", "lo", "hi"]].isna().all(axis=None)


def test_unknown_counts_are_neither_zeros_nor_failures() -> None:
    table = pass_rate(counted(passed=[None, 3], failed=[None, 1], errors=[None, None]))
    assert table[["runs", "passed", "executed"]].sum().tolist() == [2, 3, 4]


def test_a_shard_counts_with_its_parent() -> None:
    runs = counted(passed=[4, 2, 2], failed=[0, 0, 0], parent=[None, "r0", "r0"])
    assert pass_rate(runs)[["runs", "passed"]].to_numpy().tolist() == [[1, 4]]


def test_of_a_run_that_is_there_twice_the_later_row_counts() -> None:
    runs = counted(passed=[4, 9], failed=[0, 0]).assign(run_id="same")
    assert pass_rate(runs)["passed"].tolist() == [9]


def test_slowest_ranks_by_the_quantile_and_shares_add_up(sample: SampleHistory) -> None:
    table = slowest(sample.runs, sample.results)
    assert table.columns.tolist() == ["nodeid", "n", "p50_seconds", "p95_seconds", "total_seconds", "share"]
    assert table["p95_seconds"].is_monotonic_decreasing
    assert table["share"].sum() == pytest.approx(1)
    groups = sample.results[sample.results["outcome"] != "skipped"].groupby("nodeid", observed=True)["duration_seconds"]
    wanted = pd.DataFrame({"p50": groups.quantile(0.5), "p95": groups.quantile(0.95)})
    found = table.set_index("nodeid").reindex(wanted.index.astype(str))
    np.testing.assert_allclose(found[["p50_seconds", "p95_seconds"]], wanted)
    assert found["n"].tolist() == groups.size().tolist()


def test_unknown_durations_are_passed_over() -> None:
    runs, results = history({"a": "PPP", "b": "PPP", "c": "SSS"}, seconds={"a": [1.0, np.nan, 3.0], "b": [np.nan] * 3})
    table = slowest(runs, results, q=0.5)
    assert table[["nodeid", "n", "p50_seconds", "total_seconds"]].to_numpy().tolist() == [["a", 2, 2.0, 4.0]]


def test_the_quantile_names_its_column_and_must_be_one(sample: SampleHistory) -> None:
    assert "p99_seconds" in slowest(sample.runs, sample.results, q=0.99)
    with pytest.raises(Invalid, match="q: Input should be less than 1"):
        slowest(sample.runs, sample.results, q=95)


def test_a_test_that_became_slower_is_found_with_the_run_that_changed_it(sample: SampleHistory) -> None:
    slower = sample.truth.set_index("nodeid").query("kind == 'slower'").index
    table = regressions(sample.runs, sample.results, recent="20d", baseline="60d")
    assert set(table["nodeid"]) == set(slower)
    assert table["ratio"].iloc[0] == pytest.approx(1.9, rel=0.2)
    changed = sample.runs["started_at"].iloc[int(120 * 0.64)]
    assert abs(table["change_at"].iloc[0] - changed) < pd.Timedelta(days=3)


def test_noise_is_no_regression() -> None:
    h = sample_history(300, 80, seed=11)
    stable = set(h.truth.query("kind == 'stable'")["nodeid"])
    found = regressions(h.runs, h.results, min_ratio=1.0, min_delta_seconds=0)
    assert len(stable & set(found["nodeid"])) <= 0.03 * len(stable)


def test_small_and_short_changes_are_not_reported() -> None:
    seconds = [0.010] * 20 + [0.030] * 10
    runs, results = history({"t": "P" * 30}, seconds={"t": seconds})
    assert regressions(runs, results).empty
    found = regressions(runs, results, min_delta_seconds=0.01)
    assert found["ratio"].tolist() == [pytest.approx(3.0)]
    assert found["change_at"].tolist() == [runs["started_at"][20]]
    assert regressions(runs, results, recent=2, min_delta_seconds=0.01).empty


def test_failed_executions_do_not_make_a_test_slow() -> None:
    seconds = [0.1] * 20 + [30.0] * 10
    assert regressions(*history({"t": "P" * 20 + "F" * 10}, seconds={"t": seconds})).empty


def test_a_removed_test_is_no_regression() -> None:
    seconds = [0.1] * 10 + [9.0] * 10 + [0.0] * 12
    tests = {"gone": "P" * 20 + "." * 12, "stays": "P" * 32}
    assert regressions(*history(tests, seconds={"gone": seconds})).empty


@pytest.mark.parametrize("window", [0, "soon"])
def test_a_window_that_is_no_window_is_refused(window: int | str, sample: SampleHistory) -> None:
    with pytest.raises(Invalid, match="recent"):
        regressions(sample.runs, sample.results, recent=window)


def test_wilson_bounds_are_those_of_the_literature() -> None:
    lo, hi = wilson([0, 5, 10, 1], [10, 10, 10, 0])
    np.testing.assert_allclose(lo[:3], [0, 0.2366, 0.7225], atol=1e-4)
    np.testing.assert_allclose(hi[:3], [0.2775, 0.7634, 1], atol=1e-4)
    assert np.isnan(lo[3])
    assert np.isnan(hi[3])


def test_wilson_bounds_cover_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(1)
    for rate in (0.03, 0.3, 0.9):
        lo, hi = wilson(rng.binomial(60, rate, 4000), np.full(4000, 60))
        assert 0.92 <= float(np.mean((lo <= rate) & (rate <= hi))) <= 0.985


def test_a_change_point_is_found_through_noise_outliers_and_gaps() -> None:
    rng = np.random.default_rng(5)
    series = np.concatenate([rng.normal(1.0, 0.1, 70), rng.normal(1.4, 0.1, 30)])
    series[10], series[40:43] = 30.0, np.nan
    change = change_point(series)
    assert change is not None
    assert abs(change.index - 70) <= 2
    assert change.before == pytest.approx(1.0, abs=0.05)
    assert change.after == pytest.approx(1.4, abs=0.05)


def test_a_level_series_has_no_change_point() -> None:
    rng = np.random.default_rng(6)
    found = [change_point(rng.lognormal(0, 0.5, 80)) for _ in range(200)]
    assert sum(change is not None for change in found) <= 4
    assert change_point([1.0] * 50) is None
    assert change_point([]) is None
    assert change_point([np.nan] * 9) is None


def test_the_rank_sum_test_holds_its_level_and_sees_a_shift() -> None:
    rng = np.random.default_rng(7)
    level = [rank_sum_p(rng.exponential(size=40), rng.exponential(size=12)) < 0.05 for _ in range(600)]
    assert 0.02 <= np.mean(level) <= 0.08
    assert rank_sum_p(rng.normal(0, 1, 40), rng.normal(2, 1, 12)) < 0.001
    assert rank_sum_p(np.ones(5), np.ones(5)) == 1.0
    assert rank_sum_p(np.ones(0), np.ones(5)) == 1.0
