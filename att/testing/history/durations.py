"""What a test is likely to take, from the blocks of the latest runs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from att.testing.history.blocks import CODES, OUTCOME, RESULTS, read_messages

__all__ = ["medians"]

_PHASES = ("setup_us", "call_us", "teardown_us")


def medians(messages: Sequence[bytes]) -> dict[int, float]:
    """Return the median seconds of each test by its number, of its passes where it has passed.

    Of an even number of values it is the greater of the two in the middle. Skipped and repeated attempts do not count.
    """
    table = read_messages(RESULTS, messages, ["test", "code", *_PHASES])
    test, outcome = table["test"].to_numpy(), OUTCOME.of(table["code"].to_numpy())
    parts = np.array([table[name].to_numpy().astype(np.float64) for name in _PHASES]).reshape(len(_PHASES), -1)
    known = ~np.isnan(parts).all(axis=0)
    passed = known & (outcome == CODES["passed"])
    counts = known & ~np.isin(outcome, [CODES["skipped"], CODES["rerun"]]) & ~np.isin(test, test[passed])
    chosen = np.flatnonzero(passed | counts)
    microseconds = np.nansum(parts[:, chosen], axis=0)
    order = np.lexsort((microseconds, test[chosen]))
    numbers, first, size = np.unique(test[chosen][order], return_index=True, return_counts=True)
    middle = microseconds[order][first + size // 2]
    return dict(zip(numbers.tolist(), (middle / 1e6).tolist(), strict=True))
