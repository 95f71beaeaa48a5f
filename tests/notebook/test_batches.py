"""What a log view keeps: the last rows in order, in few batches however they came."""

from __future__ import annotations

import os

import pytest

from att.notebook.batches import MOST_ROWS, Kept, Row, pack, unpack


def _rows(first: int, count: int, pace_ms: int = 200) -> list[Row]:
    return [Row(f"line {n}", n * pace_ms, 0) for n in range(first, first + count)]


@pytest.mark.parametrize(
    ("keep", "sizes"),
    [(20_000, [1] * 15_000), (20_000, [MOST_ROWS] * 9), (1000, [1, 700, 2, 3, 900] * 5), (3, [1] * 40), (1, [1, 1, 5])],
)
def test_the_last_rows_are_kept_in_order_and_in_few_batches(keep: int, sizes: list[int]) -> None:
    kept, end = Kept(keep), 0
    for size in sizes:
        kept.append(pack(_rows(end, size), end))
        end += size
    batches = kept.since(0)
    assert len(batches) <= 20
    first = batches[0].first
    assert [batch.first for batch in batches[1:]] == [batch.first + batch.count for batch in batches[:-1]]
    assert [row for batch in batches for row in unpack(batch)] == _rows(first, end - first)
    assert min(keep, end) <= end - first < keep + max(MOST_ROWS, *sizes)
    assert kept.tail(7) == _rows(end - min(7, end - first), min(7, end - first))
    assert kept.since(end) == []
    assert kept.since(end - 1) == batches[-1:]


def test_long_lines_stay_in_batches_that_travel_fast_and_fill_no_memory() -> None:
    kept = Kept(20_000)
    for number in range(300):
        kept.append(pack([Row(os.urandom(300_000).hex(), 0, 0)], number))
    batches = kept.since(0)
    assert max(len(batch.data) for batch in batches) < 1_000_000
    assert sum(len(batch.data) for batch in batches) < 80_000_000
    assert batches[-1].first + batches[-1].count == 300


def test_lines_that_are_months_apart_keep_their_times() -> None:
    kept = Kept(100)
    rows = _rows(0, 6, pace_ms=40 * 24 * 3600 * 1000)
    for number, row in enumerate(rows):
        kept.append(pack([row], number))
    assert kept.tail(6) == rows
