"""How work is shared out among shards, for suites to come and for tables that say how. Standard library only."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from typing import Any

__all__ = ["beyond_share", "longest_first"]


def beyond_share(seconds: Any, total: Any, n: int) -> Any:
    """Say whether a file (or each file of an array) alone takes more than the share of one of `n` shards.

    Such a file is divided, whatever it costs to set up its fixtures more than once: no other shard waits for it then.
    """
    return seconds > total / n


def longest_first(loads: Iterable[tuple[str, float]], n: int) -> dict[str, int]:
    """Return the shard, from 0, of each named load: the longest first, each to the shard with the least to do.

    The largest shard takes at most 4/3 - 1/(3n) of the best possible time ("Bounds on Multiprocessing Timing
    Anomalies", SIAM Journal on Applied Mathematics 17 (1969)).
    """
    shards = [(0.0, 0, shard) for shard in range(n)]
    place = {}
    for name, seconds in sorted(loads, key=lambda load: -load[1]):
        taken, names, shard = shards[0]
        heapq.heapreplace(shards, (taken + seconds, names + 1, shard))
        place[name] = shard
    return place
