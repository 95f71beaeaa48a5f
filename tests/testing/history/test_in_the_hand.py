"""A history in the hand: the analysis as methods, the charts, and what it says of itself."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from matplotlib.figure import Figure

from att.errors import Invalid, NotFound
from att.testing import analysis, charts, exports
from att.testing.history.history import History
from att.testing.history.plots import Plots
from att.testing.samples import sample_history
from tests.testing.analysis.histories import history

ANALYSES = (
    "pass_rate",
    "flaky",
    "slowest",
    "regressions",
    "first_failed",
    "compare",
    "balance",
    "failure_groups",
    "outages",
    "timeline",
)
CHARTS = ("trend", "heatmap", "slowest", "duration", "failures")
FRAMES = {"self", "runs", "results", "failures", "failed"}


@pytest.fixture(scope="module")
def h() -> History:
    sample = sample_history(runs=40)
    return History(sample.runs, sample.results, sample.failures, name="shop")


def _parameters(function: Callable[..., Any]) -> list[tuple[str, Any, Any]]:
    found = inspect.signature(function).parameters.values()
    return [(p.name, p.kind, p.default) for p in found if p.name not in FRAMES]


@pytest.mark.parametrize("name", ANALYSES)
def test_a_method_takes_what_the_function_takes_and_is_explained_by_it(name: str) -> None:
    method, function = getattr(History, name), getattr(analysis, name)
    assert _parameters(method) == _parameters(function)
    assert inspect.getdoc(method) == inspect.getdoc(function)


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_takes_what_the_function_takes(name: str) -> None:
    assert _parameters(getattr(Plots, name)) == _parameters(getattr(charts, name))


@pytest.mark.parametrize("name", ["to_parquet", "to_csv", "to_ctrf", "to_junit"])
def test_an_export_takes_what_the_function_takes_and_is_explained_by_it(name: str) -> None:
    method, function = getattr(History, name), getattr(exports, name)
    assert _parameters(method) == _parameters(function)
    assert inspect.getdoc(method) == inspect.getdoc(function)


def test_it_is_written_for_other_tools(h: History, tmp_path: Path) -> None:
    few = h.select(since="3d")
    assert all(Path(path).exists() for path in few.to_parquet(tmp_path / "parquet", partition="day"))
    assert [path.name for path in few.to_csv(tmp_path / "csv")] == ["runs.csv", "results.csv", "failures.csv"]
    for written in (few.to_ctrf(tmp_path / "ctrf"), few.to_junit(tmp_path / "junit")):
        assert len(written) == len(few.runs)


def test_the_methods_return_what_the_functions_return(h: History) -> None:
    first, last = h.runs["run_id"].iloc[0], h.runs["run_id"].iloc[-1]
    nodeid = str(h.results["nodeid"].iloc[0])
    given: dict[str, tuple[Any, ...]] = {"compare": (first, last), "balance": (3,), "timeline": (nodeid,)}
    for name in ANALYSES:
        frames = {"pass_rate": (h.runs,), "failure_groups": (h.runs, h.failures)}.get(name, (h.runs, h.results))
        expected = getattr(analysis, name)(*frames, *given.get(name, ()))
        pd.testing.assert_frame_equal(getattr(h, name)(*given.get(name, ())), expected)


def test_every_chart_is_a_figure(h: History) -> None:
    nodeid = str(h.results["nodeid"].iloc[0])
    drawn = [h.plot.trend(), h.plot.heatmap(), h.plot.slowest(), h.plot.duration(nodeid), h.plot.failures()]
    assert all(isinstance(figure, Figure) for figure in drawn)


def test_it_says_how_many_runs_and_results_it_holds_and_of_when(h: History) -> None:
    shown = repr(h)
    assert shown.startswith("<History of shop: 40 runs, 2026-01-05 to 2026-01-")
    assert f"{len(h.results):,} results, {len(h.failures):,} failures" in shown
    page = h._repr_html_()
    assert "40 runs" in page
    assert "main" in page
    assert "h.flaky()" in page


def test_names_are_escaped(h: History) -> None:
    page = History(h.runs.assign(branch="<b>&"), name="<script>")._repr_html_()
    assert "<script>" not in page
    assert "&lt;b&gt;&amp;" in page


def test_an_empty_history_says_how_to_begin() -> None:
    empty = History(analysis.empty("runs"), name="shop")
    assert "p.tests.run()" in repr(empty)
    assert "p.tests.load(" in empty._repr_html_()
    assert "since=None" not in repr(empty)
    narrowed = History(analysis.empty("runs"), name="shop", asked="since 2026-01-01")
    assert "no test runs since 2026-01-01" in repr(narrowed)
    assert "since=None" in repr(narrowed)


def test_an_empty_history_answers_with_empty_frames_and_charts() -> None:
    empty = History(analysis.empty("runs"))
    for name in ("pass_rate", "flaky", "slowest", "regressions", "first_failed", "failure_groups", "outages"):
        assert getattr(empty, name)().empty
    assert empty.balance(2).empty
    for figure in (empty.plot.trend(), empty.plot.heatmap(), empty.plot.slowest(), empty.plot.failures()):
        assert isinstance(figure, Figure)
    with pytest.raises(NotFound):
        empty.compare("a", "b")


def test_a_smaller_history_keeps_only_what_belongs_to_its_runs(h: History) -> None:
    few = h.select(since="7d", branch="main")
    assert 0 < len(few.runs) < len(h.runs)
    assert set(few.results["run_id"]) == set(few.runs["run_id"])
    assert set(few.failures["run_id"]) <= set(few.runs["run_id"])
    with pytest.raises(NotFound, match="main"):
        h.select(branch="mian")


def test_a_history_of_skipped_tests_alone_has_no_verdict() -> None:
    runs, results = history({"test_a.py::test_a": "SSS", "test_a.py::test_b": "SSS"})
    h = History(runs.assign(passed=0, failed=0, errors=0, skipped=2), results)
    assert h.flaky()["verdict"].tolist() == ["insufficient", "insufficient"]
    assert h.pass_rate()["pass_rate"].isna().all()
    assert h.first_failed().empty
    assert isinstance(h.plot.heatmap(), Figure)


def test_a_renamed_test_is_one_removed_and_one_new() -> None:
    runs, results = history({"test_a.py::test_old": "PP..", "test_a.py::test_new": "..PP"})
    assert History(runs, results).compare("r000", "r003")["change"].tolist() == ["new", "removed"]


def test_one_run_is_a_history() -> None:
    runs, results = history({"test_a.py::test_a": "F"})
    h = History(runs.assign(passed=0, failed=1), results)
    assert repr(h) == "<History: 1 run, 2026-03-01, 1 result, 0 failures>"
    assert h.first_failed()["still_failing"].tolist() == [True]
    assert isinstance(h.plot.duration("test_a.py::test_a"), Figure)


def test_tests_of_two_projects_with_one_name_are_not_drawn_as_one() -> None:
    name, other = "test_a.py::test_a", "test_a.py::test_only_in_one"
    tests = {name: "PPPPPPPP", other: "P.P.P.P."}
    h = History(*history(tests, seconds={name: [0.1, 9.0] * 4}, project=["fast", "slow"] * 4))
    with pytest.raises(Invalid, match=r"fast, slow; choose one first, as in h\.select\(project='fast'\)"):
        h.plot.duration(name)
    chart = h.select(project="slow").plot.duration(name)
    assert "4 executions" in repr(chart)
    assert "no change of level" in repr(chart)
    assert "4 executions" in repr(h.plot.duration(other))


def test_slow_tests_that_never_ran_are_told_from_a_history_without_runs() -> None:
    skipped = History(*history({"test_a.py::test_a": "SSS"}))
    skipped.results["duration_seconds"] = float("nan")
    assert "No test has a duration yet" in repr(skipped.plot.slowest())
    assert "No duration has been recorded yet" in repr(History(skipped.runs[:0]).plot.slowest())
