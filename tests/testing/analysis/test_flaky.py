from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from att.errors import Invalid
from att.testing.analysis import flaky, outages
from att.testing.samples import SampleHistory, sample_history
from tests.testing.analysis.histories import history

COLUMNS = [
    "nodeid",
    "runs",
    "fails",
    "flip_rate",
    "same_commit_mixed",
    "isolated_fails",
    "rerun_passes",
    "flaky_score",
    "lo",
    "hi",
    "last_flip_at",
    "verdict",
]


def row(table: pd.DataFrame, nodeid: str = "t") -> Any:
    return table.set_index("nodeid").loc[nodeid]


def test_a_failure_between_two_passes_is_isolated() -> None:
    found = row(flaky(*history({"t": "PPPFPPPPPP"})))
    assert (found["runs"], found["fails"], found["isolated_fails"]) == (10, 1, 1)
    assert found["verdict"] == "suspect"
    assert found["flaky_score"] == pytest.approx(1 / 6)  # the inner eight runs without the two beside the failure
    assert found["flip_rate"] == pytest.approx(2 / 9)
    assert found["last_flip_at"] == pd.Timestamp("2026-03-05", tz="UTC")
    assert 0 <= found["lo"] < found["flaky_score"] < found["hi"] <= 1


def test_different_outcomes_of_one_commit_are_proof() -> None:
    found = row(flaky(*history({"t": "PPPPPPPPPPF"}, commits=[*"abcdefghijj"])))
    assert found["same_commit_mixed"] == 1
    assert found["isolated_fails"] == 0
    assert found["verdict"] == "flaky"


def test_a_pass_on_retry_is_proof_and_no_failure() -> None:
    found = row(flaky(*history({"t": "PPPPRPPPPP"})))
    assert (found["rerun_passes"], found["fails"], found["verdict"]) == (1, 0, "flaky")
    assert found["flip_rate"] == 0


def test_a_broken_test_is_failing_and_not_flaky() -> None:
    found = row(flaky(*history({"t": "PPPPPPFFFFFF"})))
    assert (found["flaky_score"], found["verdict"]) == (0, "failing")


def test_a_failure_counts_once_even_when_it_is_isolated_and_mixed() -> None:
    found = row(flaky(*history({"t": "PPPPFPPPPP"}, commits=[*"abcddefghi"])))
    assert (found["same_commit_mixed"], found["isolated_fails"]) == (1, 0)


def test_a_dirty_work_tree_is_not_the_same_commit() -> None:
    dirty = [False] * 10 + [True]
    found = row(flaky(*history({"t": "PPPPPPPPPPF"}, commits=[*"abcdefghijj"], dirty=dirty)))
    assert (found["same_commit_mixed"], found["verdict"]) == (0, "failing")


def test_a_matrix_build_is_not_flakiness() -> None:
    runs, results = history({"t": "PFPFPFPFPFPF"}, commits=[*"aabbccddeeff"], python=["3.12", "3.13"] * 6)
    assert row(flaky(runs, results, min_runs=5))["flaky_score"] == 0


def test_a_red_branch_beside_a_green_one_is_not_flakiness() -> None:
    found = row(flaky(*history({"t": "PFPFPFPFPFPF"}, branches=["main", "feature"] * 6)))
    assert found["flaky_score"] == 0
    assert found["flip_rate"] == 0


def test_unknown_branches_and_commits_still_form_a_sequence() -> None:
    found = row(flaky(*history({"t": "PPFPPPFPPP"}, branches=[None] * 10, commits=[None] * 10)))
    assert (found["isolated_fails"], found["same_commit_mixed"], found["verdict"]) == (2, 0, "flaky")


def test_an_outage_is_found_and_left_out() -> None:
    tests = {f"t{i}": "PPPPPFPPPPPP" for i in range(12)} | {"calm": "P" * 12}
    runs, results = history(tests)
    assert outages(runs, results)["run_id"].tolist() == ["r005"]
    table = flaky(runs, results)
    assert table["fails"].sum() == 0
    assert set(table["verdict"]) == {"stable"}
    assert row(table, "t0")["runs"] == 11


def test_a_suite_that_is_always_half_red_has_no_outage() -> None:
    tests = {f"bad{i}": "F" * 12 for i in range(6)} | {f"good{i}": "P" * 12 for i in range(6)}
    assert outages(*history(tests)).empty


def test_a_suite_that_is_always_red_is_failing_and_has_no_outage() -> None:
    h = sample_history(40, 30)
    results = h.results.assign(outcome=pd.Categorical(["failed"] * len(h.results), h.results["outcome"].cat.categories))
    assert outages(h.runs, results).empty
    table = flaky(h.runs, results)
    assert set(table["verdict"]) == {"failing"}
    assert (table["runs"] >= 10).all()


def test_a_run_in_which_all_fails_is_an_outage_of_a_suite_that_is_mostly_red() -> None:
    tests = {f"bad{i}": "F" * 12 for i in range(36)} | {f"good{i}": "PPPPPFPPPPPP" for i in range(4)}
    assert outages(*history(tests))["run_id"].tolist() == ["r005"]


@pytest.mark.parametrize(
    ("given", "said"),
    [({"min_runs": -1}, "min_runs: .* not -1"), ({"outage_share": 5}, "outage_share"), ({"outage_share": 0}, "share")],
)
def test_arguments_that_cannot_be_are_refused_as_over_every_surface(given: dict[str, Any], said: str) -> None:
    with pytest.raises(Invalid, match=said):
        flaky(*history({"t": "P"}), **given)


def test_few_runs_are_insufficient_whatever_they_say() -> None:
    table = flaky(*history({"t": "PFPFPFPFP"}))
    assert row(table)["verdict"] == "insufficient"
    assert row(flaky(*history({"t": "PFPFPFPFP"}), min_runs=5))["verdict"] == "flaky"


def test_skipped_and_expected_failures_are_no_runs() -> None:
    found = row(flaky(*history({"t": "SSXXSSxSSSS"})))
    assert (found["runs"], found["verdict"]) == (0, "insufficient")
    assert np.isnan(found["flaky_score"])
    assert np.isnan(found["flip_rate"])


def test_two_tests_with_one_name_are_not_flaky() -> None:
    runs, results = history({"t": "PPPPPPPPPP"})
    twin = results.assign(outcome=pd.Categorical(["failed"] * 10, results["outcome"].cat.categories))
    both = pd.concat([results, twin], ignore_index=True)
    found = row(flaky(runs, both))
    assert np.isnan(found["flaky_score"])  # no pass is known, so there was no opportunity
    assert (found["runs"], found["verdict"]) == (10, "failing")


def test_a_renamed_test_is_two_tests_and_neither_is_flaky() -> None:
    table = flaky(*history({"old": "PPPPPPPPPP..........", "new": "..........PPPPPPPPPP"}))
    assert table["verdict"].tolist() == ["stable", "stable"]
    assert table["runs"].tolist() == [10, 10]


def test_the_order_of_rows_does_not_matter() -> None:
    h = sample_history(runs=60)
    shuffled = flaky(h.runs.sample(frac=1, random_state=1), h.results.sample(frac=1, random_state=2))
    pd.testing.assert_frame_equal(shuffled, flaky(h.runs, h.results))


def test_results_of_other_runs_are_left_out() -> None:
    runs, results = history({"t": "PPPPPPPPPPPPFPFP"})
    assert row(flaky(runs.head(12), results))["fails"] == 0


def test_the_same_run_twice_counts_once() -> None:
    runs, results = history({"t": "PPPPPPPPPPPP"})
    assert row(flaky(pd.concat([runs, runs]), results))["runs"] == 12


def test_shards_are_one_run() -> None:
    runs, results = history({"a": "PPPPPPPPPP.", "b": "PPPPPPPPP.P"}, parent=[None] * 9 + ["r008", "r008"])
    assert flaky(runs, results, min_runs=1).set_index("nodeid")["runs"].to_dict() == {"a": 9, "b": 9}


def test_projects_with_equal_nodeids_are_told_apart() -> None:
    runs, results = history({"t": "PFPFPFPFPF"}, project=["one", "two"] * 5)
    table = flaky(runs, results, min_runs=1)
    assert table.columns.tolist() == ["project", *COLUMNS]
    assert table.set_index("project")["fails"].to_dict() == {"one": 0, "two": 5}


def test_an_empty_history_has_the_same_columns_and_types() -> None:
    full = flaky(*history({"t": "PPFPPPFPPP"}))
    runs, results = history({"t": "P"})
    table = flaky(runs.head(0), results.head(0))
    assert table.columns.tolist() == COLUMNS
    assert table.empty
    assert table.dtypes.astype(str).to_dict() == full.dtypes.astype(str).to_dict()


def average_precision(score: npt.NDArray[np.float64], truth: npt.NDArray[np.bool_]) -> float:
    """Mean precision at each true positive, best score first; equal scores in random order."""
    shuffle = np.random.default_rng(0).permutation(len(score))
    order = shuffle[np.argsort(-np.nan_to_num(score[shuffle], nan=-1), kind="stable")]
    found = truth[order]
    return float((np.cumsum(found) / np.arange(1, len(found) + 1))[found].mean())


def naive_rates(h: SampleHistory) -> pd.DataFrame:
    """Flip rate and failure rate as they are usually computed: final outcomes in time order, nothing left out."""
    last = h.results[h.results["outcome"].isin(["passed", "failed", "error"])]
    bad = last.pivot(index="run_id", columns="nodeid", values="outcome").isin(["failed", "error"])
    ran = last.pivot(index="run_id", columns="nodeid", values="outcome").notna()
    flips = (bad != bad.shift()).iloc[1:].sum() / (ran.sum() - 1)
    return pd.DataFrame({"flip_rate": flips, "failure_rate": bad.sum() / ran.sum()})


@pytest.fixture(scope="module")
def precision() -> pd.DataFrame:
    rows = []
    for seed in range(6):
        h = sample_history(300, 120, seed=seed, reruns=seed % 2 == 0)
        table = h.truth.merge(flaky(h.runs, h.results), on="nodeid").merge(naive_rates(h), on="nodeid")
        truth = (table["kind"] == "flaky").to_numpy()
        scores = {"flaky_score": "flaky_score", "flip_rate": "flip_rate_y", "failure_rate": "failure_rate"}
        rows.append({name: average_precision(table[column].to_numpy(), truth) for name, column in scores.items()})
    return pd.DataFrame(rows)


def test_the_score_ranks_flaky_tests_better_than_flip_rate_and_failure_rate(precision: pd.DataFrame) -> None:
    mean = precision.mean()
    assert mean["flaky_score"] >= 0.98  # measured 0.991 against 0.954 and 0.765
    assert mean["flaky_score"] > mean["flip_rate"] + 0.02
    assert mean["flaky_score"] > mean["failure_rate"] + 0.15
    assert (precision["flaky_score"] >= precision["flip_rate"] - 0.01).all()


def test_the_score_estimates_the_probability_of_failing_in_a_good_state() -> None:
    h = sample_history(200, 300, seed=3, reruns=False)
    table = h.truth.merge(flaky(h.runs, h.results), on="nodeid")
    known = table[table["kind"] == "flaky"]
    inside = (known["lo"] <= known["rate"]) & (known["rate"] <= known["hi"])
    assert inside.mean() >= 0.8
    assert (known["flaky_score"] - known["rate"]).abs().mean() < 0.03
