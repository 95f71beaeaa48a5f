"""The few statistics that the analysis rests on: Wilson bounds, a rank test, and a change point."""

from __future__ import annotations

from dataclasses import dataclass
from math import erfc, exp, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = ["ChangePoint", "change_point", "rank_sum_p", "wilson"]

Floats = npt.NDArray[np.float64]


def wilson(successes: npt.ArrayLike, trials: npt.ArrayLike, z: float = 1.959964) -> tuple[Floats, Floats]:
    """Return the Wilson score interval of a proportion, element by element; NaN where there was no trial.

    `z` is the normal quantile: 1.96 for 95 %. Unlike the textbook interval it never leaves [0, 1] and stays honest
    for few trials and for proportions near 0 and 1.
    Source: "Probable Inference, the Law of Succession, and Statistical Inference", JASA 22 (1927).
    """
    k, n = np.asarray(successes, dtype=float), np.asarray(trials, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = k / n
        centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
        half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
        return np.clip(centre - half, 0, share), np.clip(centre + half, share, 1)


@dataclass(frozen=True)
class ChangePoint:
    """Where the level of a series changed: `index` is the first value of the new level."""

    index: int
    p_value: float
    before: float
    """Median before the change."""
    after: float
    """Median from the change on."""


def change_point(values: npt.ArrayLike, max_p: float = 0.01, min_size: int = 3) -> ChangePoint | None:
    """Find the one most likely change of level in a series in time order, or None when it is not significant.

    Pettitt's test works on ranks: it assumes no distribution, and single slow runs do not move it. NaNs are passed
    over. At least `min_size` values lie on each side.
    Source: "A Non-Parametric Approach to the Change-Point Problem", Applied Statistics 28 (1979), 126-135;
    p ~ 2 exp(-6 K^2 / (n^3 + n^2)).
    """
    series = np.asarray(values, dtype=float)
    kept = np.flatnonzero(~np.isnan(series))
    clean, n = series[kept], len(kept)
    if n < 2 * min_size:
        return None
    ranks = pd.Series(clean).rank().to_numpy()
    split = np.arange(1, n)
    statistic = np.abs(2 * np.cumsum(ranks)[:-1] - split * (n + 1))
    statistic[: min_size - 1] = -1
    statistic[n - min_size :] = -1
    at = int(np.argmax(statistic)) + 1
    p_value = min(1.0, 2 * exp(-6 * float(statistic[at - 1]) ** 2 / (n**3 + n**2)))
    if p_value > max_p:
        return None
    return ChangePoint(int(kept[at]), p_value, float(np.median(clean[:at])), float(np.median(clean[at:])))


def rank_sum_p(older: npt.NDArray[Any], newer: npt.NDArray[Any]) -> float:
    """Return the one-sided p-value that `newer` is not larger than `older`; 1.0 when a side is empty.

    The rank-sum test in its normal approximation with tie and continuity correction.
    Source: "On a Test of Whether one of Two Random Variables is Stochastically Larger than the Other",
    Annals of Mathematical Statistics 18 (1947).
    """
    m, n = len(older), len(newer)
    if not m or not n:
        return 1.0
    pooled = pd.Series(np.concatenate([older, newer]))
    u = float(pooled.rank().to_numpy()[m:].sum()) - n * (n + 1) / 2
    ties = pooled.value_counts().to_numpy(dtype=float)
    total = m + n
    variance = m * n / 12 * ((total + 1) - float((ties**3 - ties).sum()) / (total * (total - 1)))
    if variance <= 0:
        return 1.0
    return 0.5 * erfc((u - m * n / 2 - 0.5) / sqrt(variance) / sqrt(2))
