"""What a person reads from a chart: whole runs, dates at both ends, labels that tell apart and cover nothing."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.text import Text

from att.testing import charts
from att.testing.analysis import conform
from att.testing.charts.parts import bins
from att.testing.samples import SampleHistory, sample_history
from tests.testing.analysis.histories import history


@pytest.fixture(scope="module")
def month() -> SampleHistory:
    return sample_history(40, 30)


def at(runs: pd.DataFrame, *times: str) -> pd.DataFrame:
    """The last runs, at other times."""
    moved = pd.to_datetime(pd.Series(times, index=runs.index[-len(times) :]), utc=True).dt.as_unit("us")
    return runs.assign(started_at=pd.concat([runs["started_at"].iloc[: -len(times)], moved]))


def tick_labels(axes: Axes) -> list[str]:
    return [label.get_text() for label in axes.get_xticklabels()]


def heights(axes: Axes) -> list[float]:
    """Height of each stack of bars."""
    found: dict[float, float] = defaultdict(float)
    for bars in axes.patches:
        for corners in np.asarray(bars.get_path().vertices).reshape(-1, 5, 2)[:, :4]:  # the fifth only closes
            found[corners[:, 0].min()] += np.ptp(corners[:, 1])
    return [found[x] for x in sorted(found)]


def test_a_bar_of_the_trend_has_all_tests_of_its_run_also_in_an_outage(month: SampleHistory) -> None:
    names = ["passed", "failed", "errors", "skipped", "xfailed", "xpassed"]
    whole = month.runs[names].fillna(0).sum(axis=1).to_numpy(dtype=float)
    assert month.runs["errors"].max() > 10, "the sample has an outage"
    _, stack, bad = charts.trend(month.runs).axes
    assert stack.get_title(loc="left") == "Tests in a run"
    np.testing.assert_allclose(heights(stack), whole)
    np.testing.assert_allclose(heights(bad), (month.runs["failed"] + month.runs["errors"]).to_numpy(dtype=float))


def test_runs_in_which_everything_fails_are_full_bars(month: SampleHistory) -> None:
    red = month.runs.assign(passed=0, skipped=0, xfailed=0, xpassed=0, errors=0, failed=40)
    _, stack, _ = charts.trend(red).axes
    assert heights(stack) == [40.0] * 30
    assert stack.get_ylim()[1] > 40


def test_two_runs_on_different_days_have_their_dates(month: SampleHistory) -> None:
    runs = at(month.runs.head(2), "2026-01-05 20:04", "2026-01-06 12:18")
    assert tick_labels(charts.trend(runs).axes[-1]) == ["20:04\n05 Jan", "12:18\n06 Jan"]
    same = at(month.runs.head(2), "2026-01-05 10:04", "2026-01-05 12:18")
    assert tick_labels(charts.trend(same).axes[-1]) == ["10:04", "12:18"]  # the day is in the subtitle


def test_a_day_is_not_repeated_below_each_time(month: SampleHistory) -> None:
    times = ["2026-01-05 20:00", "2026-01-05 22:00", "2026-01-06 01:00", "2026-01-06 02:00"]
    labels = tick_labels(charts.trend(at(month.runs.head(4), *times)).axes[-1])
    assert labels == ["20:00\n05 Jan", "22:00", "01:00\n06 Jan", "02:00"]


@pytest.mark.parametrize("size", [3, 9, 30])
def test_the_first_and_the_last_run_are_dated(month: SampleHistory, size: int) -> None:
    chart = charts.trend(at(month.runs.head(size), "2026-11-23 12:00"))
    labels = [label for label in tick_labels(chart.axes[-1]) if label]
    assert (labels[0], labels[-1]) == ("05 Jan", "23 Nov")


@pytest.mark.parametrize(("tests", "runs", "seed"), [(20, 5000, 5), (40, 30, 0), (60, 180, 5)])
def test_the_lowest_rate_is_written_below_the_interval(tests: int, runs: int, seed: int) -> None:
    chart = charts.trend(sample_history(tests, runs, seed=seed).runs)
    chart.canvas.draw()
    rate = chart.axes[0]
    lowest, *_ = sorted((t for t in rate.texts if "%" in t.get_text()), key=lambda t: t.get_position()[1])
    box = lowest.get_window_extent().transformed(rate.transData.inverted())
    band: Any = next(part for part in rate.collections if isinstance(part, PolyCollection))
    corners = np.concatenate([path.vertices for path in band.get_paths()])
    beside = corners[(corners[:, 0] >= box.x0) & (corners[:, 0] <= box.x1)]
    assert len(rate.texts) == 2
    assert len(beside)
    assert box.y1 <= beside[:, 1].min()
    assert box.y0 >= rate.get_ylim()[0] - 0.02


@pytest.mark.parametrize("runs", [90, 5000])
def test_what_a_dot_or_a_column_stands_for_is_true_and_can_be_read(runs: int) -> None:
    h = sample_history(20, runs, seed=5)
    causes, grid = charts.failures(h.runs, h.failures), charts.heatmap(h.runs, h.results)
    causes.canvas.draw()
    (told,) = [text for text in causes.findobj(Text) if isinstance(text, Text) and "a dot is" in text.get_text()]
    assert told.get_window_extent().x1 <= causes.bbox.x1
    for chart, most, words in ((told.get_text(), 48, "a dot is"), (repr(grid), 72, "a column is")):
        (width,) = re.findall(rf"{words} ([\d,]+) runs", chart)
        *equal, last = np.bincount(bins(runs, most))
        assert set(equal) == {int(width.replace(",", ""))}
        assert 0 < last <= equal[0]
        assert len(equal) < most


def test_causes_that_say_the_same_are_told_apart_by_their_test() -> None:
    runs, _ = history({"t": "FFFF"})
    nodeids = ["tests/test_a.py::test_price", "tests/test_a.py::test_tax", "tests/test_b.py::test_tax", "x.py::t"]
    rows = [(f"r00{i}", nodeid, "AssertionError", "assert 1 == 2", str(i)) for i, nodeid in enumerate(nodeids)]
    rows += [(f"r00{i}", f"y.py::t{i}", "KeyError", "'a'", "shared") for i in range(2)]
    failed = pd.DataFrame(rows, columns=["run_id", "nodeid", "exception", "message", "fingerprint"])
    chart = charts.failures(runs, conform(failed, "failures"))
    labels = [label.get_text() for label in chart.axes[0].get_yticklabels()]
    assert sorted(labels) == [
        "(2) AssertionError in test_tax\nassert 1 == 2",
        "AssertionError in t\nassert 1 == 2",
        "AssertionError in test_price\nassert 1 == 2",
        "AssertionError in test_tax\nassert 1 == 2",
        "KeyError\n'a'",
    ]
