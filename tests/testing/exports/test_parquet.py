import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest
from pandas.testing import assert_frame_equal

from att.errors import Conflict, Invalid, NotFound, NotSupported
from att.testing.analysis import conform, empty, validate
from att.testing.exports import from_parquet, open_parquet, to_parquet
from att.testing.history.history import History
from att.testing.samples import SampleHistory, sample_history

Frames = tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]


@pytest.fixture(scope="module")
def sample() -> SampleHistory:
    return sample_history(tests=30, runs=90)


def frames(history: SampleHistory) -> Frames:
    return history.runs, history.results, history.failures


def of_runs(history: SampleHistory, chosen: pd.DataFrame) -> Frames:
    results, failures = (f[f["run_id"].isin(chosen["run_id"])] for f in (history.results, history.failures))
    return chosen, results, failures


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def same(left: Frames, right: Frames) -> None:
    for a, b in zip(left, right, strict=True):
        # Categories are the same values; in which order they are numbered says nothing.
        a, b = (
            f.reset_index(drop=True).astype({c: object for c in f if isinstance(f[c].dtype, pd.CategoricalDtype)})
            for f in (a, b)
        )
        assert_frame_equal(a, b)


def test_a_history_comes_back_as_it_was(sample: SampleHistory, tmp_path: Path) -> None:
    to_parquet(*frames(sample), tmp_path)
    back = from_parquet(tmp_path)
    validate(*back)
    same(back, frames(sample))


def test_each_month_is_one_file_that_other_tools_find(sample: SampleHistory, tmp_path: Path) -> None:
    written = to_parquet(*frames(sample), tmp_path)
    months = sorted(set(sample.runs["started_at"].dt.strftime("%Y-%m")))
    assert [path for path in written if "/runs/" in path] == [
        str(tmp_path / "runs" / f"month={month}" / "part-0.parquet") for month in months
    ]
    count = "SELECT month, count(*) FROM read_parquet(?, hive_partitioning = true) GROUP BY month ORDER BY month"
    counted = duckdb.execute(count, [str(tmp_path / "runs" / "*" / "*.parquet")]).fetchall()
    assert counted == sorted(sample.runs["started_at"].dt.strftime("%Y-%m").value_counts().items())


def test_exporting_again_changes_no_byte(sample: SampleHistory, tmp_path: Path) -> None:
    to_parquet(*frames(sample), tmp_path)
    before = content(tmp_path)
    to_parquet(*frames(sample), tmp_path)
    assert content(tmp_path) == before


def test_a_part_of_a_month_is_added_to_what_is_there(sample: SampleHistory, tmp_path: Path) -> None:
    whole, added = tmp_path / "whole", tmp_path / "added"
    to_parquet(*frames(sample), whole)
    for first, last in ((20, 90), (0, 40), (35, 60)):
        to_parquet(*of_runs(sample, sample.runs.iloc[first:last]), added)
    same(from_parquet(added), from_parquet(whole))


@pytest.fixture
def older(sample: SampleHistory, tmp_path: Path) -> Path:
    """Return an export whose first months were written before results told whether their names are resolved."""
    to_parquet(*of_runs(sample, sample.runs.iloc[:60]), tmp_path)
    for path in (tmp_path / "results").rglob("*.parquet"):
        table = pq.ParquetFile(path).read()
        pq.write_table(table.drop_columns(["resolved"]), path)
    return tmp_path


def test_an_export_of_before_a_column_is_read_and_added_to(sample: SampleHistory, older: Path) -> None:
    _, results, _ = from_parquet(older)
    assert results["resolved"].isna().all()
    to_parquet(*of_runs(sample, sample.runs.iloc[60:]), older)
    runs, results, failures = from_parquet(older)
    validate(runs, results, failures)
    told = results.groupby("run_id", observed=True)["resolved"].count()
    assert list(told[sample.runs["run_id"]] > 0) == [False] * 60 + [True] * 30


@pytest.mark.parametrize("added", [False, True])
def test_duckdb_reads_an_export_of_before_a_column(sample: SampleHistory, older: Path, added: bool) -> None:
    if added:
        to_parquet(*of_runs(sample, sample.runs.iloc[60:]), older)
    history = History(*from_parquet(older))
    test = str(sample.results["nodeid"].iloc[0])
    with open_parquet(older, engine="duckdb") as duck:
        assert_frame_equal(duck.timeline(test), history.timeline(test))
        assert_frame_equal(duck.flaky(), history.flaky())
        (count,) = duck.sql("SELECT count(resolved) AS n FROM results")["n"]
        assert count == history.results["resolved"].count()


def test_a_run_whose_start_was_corrected_moves_and_is_not_doubled(sample: SampleHistory, tmp_path: Path) -> None:
    to_parquet(*frames(sample), tmp_path)
    moved = sample.runs.iloc[[0]].assign(started_at=pd.Timestamp("2027-05-01", tz="UTC"))
    to_parquet(*of_runs(sample, moved), tmp_path)
    runs, results, _ = from_parquet(tmp_path)
    assert runs["run_id"].is_unique
    assert len(runs) == len(sample.runs)
    assert len(results) == len(sample.results)
    assert runs.iloc[-1]["run_id"] == sample.runs.iloc[0]["run_id"]


def test_a_run_that_lost_its_failures_loses_them_in_the_export(sample: SampleHistory, tmp_path: Path) -> None:
    to_parquet(*frames(sample), tmp_path)
    to_parquet(sample.runs, sample.results, empty("failures"), tmp_path)
    assert from_parquet(tmp_path)[2].empty


def test_results_of_unknown_runs_are_left_out(sample: SampleHistory, tmp_path: Path) -> None:
    to_parquet(sample.runs.iloc[:10], sample.results, sample.failures, tmp_path)
    assert set(from_parquet(tmp_path)[1]["run_id"]) == set(sample.runs["run_id"].iloc[:10])


def test_further_columns_travel_also_when_only_some_months_have_them(sample: SampleHistory, tmp_path: Path) -> None:
    plugins: Any = [["xdist"]] * len(sample.runs)
    runs = sample.runs.assign(plugins=plugins, cpus=8, markers=None)
    to_parquet(*of_runs(sample, sample.runs.iloc[:45]), tmp_path)
    to_parquet(*of_runs(sample, runs.iloc[45:].assign(markers="slow")), tmp_path)
    back = from_parquet(tmp_path)[0]
    assert back["cpus"].isna().tolist() == [True] * 45 + [False] * 45
    assert list(back["plugins"].iloc[-1]) == ["xdist"]
    assert back["markers"].iloc[-1] == "slow"


def test_an_empty_history_is_an_export_without_rows(tmp_path: Path) -> None:
    assert to_parquet(empty("runs"), empty("results"), empty("failures"), tmp_path) == []
    same(from_parquet(tmp_path), (empty("runs"), empty("results"), empty("failures")))


def test_years_and_days_part_as_well_but_not_in_one_folder(sample: SampleHistory, tmp_path: Path) -> None:
    to_parquet(*frames(sample), tmp_path, partition="year")
    assert [path.name for path in sorted((tmp_path / "runs").iterdir())] == ["year=2026"]
    with pytest.raises(Conflict, match="parted by year"):
        to_parquet(*frames(sample), tmp_path)
    with pytest.raises(Invalid, match="month"):
        to_parquet(*frames(sample), tmp_path, partition="week")  # type: ignore[arg-type]


def test_a_url_is_written_and_read_through_fsspec(sample: SampleHistory) -> None:
    url = "memory://exports/history"
    to_parquet(*frames(sample), url)
    to_parquet(*frames(sample), url)
    same(from_parquet(url), frames(sample))
    with open_parquet(url, "duckdb") as h:
        assert_frame_equal(h.flaky(), open_parquet(url).flaky())


def test_a_store_that_is_not_there_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['fsspec'] = None\n"
        "from att.testing.exports import from_parquet\n"
        "try: from_parquet('s3://bucket/history')\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.startswith("NotSupported")
    assert "pip install fsspec" in said
    with pytest.raises(NotSupported):
        from_parquet("nosuchstore://bucket/history")


def test_a_folder_without_an_export_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"to_parquet"):
        from_parquet(tmp_path)


def test_text_that_is_hard_for_formats_comes_back(tmp_path: Path) -> None:
    nodeid = "tests/test_ü.py::test_a[🙂 'quoted' \"twice\" /slash\\]"
    runs = conform(
        pd.DataFrame({"run_id": ["a/b 'c'"], "project": ["ä"], "started_at": ["2026-01-31T23:59:59.999999Z"]}), "runs"
    )
    results = conform(
        pd.DataFrame({"run_id": ["a/b 'c'"], "nodeid": [nodeid], "attempt": [1], "outcome": ["passed"]}), "results"
    )
    target = tmp_path / "it's a folder"
    to_parquet(runs, results, empty("failures"), target)
    same(from_parquet(target), (runs, results, empty("failures")))
    with open_parquet(target, "duckdb") as h:
        assert h.slowest().empty
        assert h.flaky()["nodeid"].tolist() == [nodeid]
