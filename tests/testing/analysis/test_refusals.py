"""What analyses take, and what they refuse in words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from att.errors import Invalid
from att.testing.history.history import History
from tests.testing.analysis.histories import history

SLOWER = {"t.py::test_a": [0.1 + n / 1000 for n in range(30)] + [2.0 + n / 1000 for n in range(10)]}


def kept() -> History:
    return History(*history({"t.py::test_a": "P" * 40}, seconds=SLOWER, passed=[1] * 40, failed=[0] * 40))


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda h: h.pass_rate(5), "5 is no frequency"),
        (lambda h: h.pass_rate("0D"), "'0D' is no frequency"),
        (lambda h: h.pass_rate("B"), "'B' is no frequency"),
        (lambda h: h.pass_rate("2 moons"), "'2 moons' is no frequency"),
        (lambda h: h.balance(1.5), "n is a whole number of shards, not 1.5"),
        (lambda h: h.balance("3"), "n is a whole number of shards, not '3'"),
        (lambda h: h.compare(None, None), "A run is named by its id, a commit or a branch, not None"),
        (lambda h: h.plot.duration(None), "A test is named by its nodeid, not None"),
        (lambda h: h.regressions(recent=True), "recent is a length of time"),
        (lambda h: h.to_parquet(Path(__file__)), "is a file; a history is written into a folder"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_words(ask: Callable[[Any], Any], words: str) -> None:
    with pytest.raises(Invalid, match=words):
        ask(kept())


def test_windows_are_numbers_and_lengths_of_time_of_any_make() -> None:
    h = kept()
    by_number = h.regressions(recent=10)
    assert len(by_number) == 1
    of_numpy: Any = np.int64(10)
    pd.testing.assert_frame_equal(h.regressions(recent=of_numpy), by_number)
    pd.testing.assert_frame_equal(h.regressions(recent=timedelta(days=9)), h.regressions(recent="9d"))


def test_periods_of_several_months_begin_with_the_year() -> None:
    months = kept().pass_rate("ME")
    assert (months["period"].dt.month.to_list(), months["runs"].to_list()) == ([3, 4], [31, 9])
    pairs = kept().pass_rate("2ME")
    assert (pairs["period"].to_list(), pairs["runs"].to_list()) == ([pd.Timestamp("2026-03-01", tz="UTC")], [40])
