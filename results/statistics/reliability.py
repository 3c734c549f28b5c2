"""Split halves of the seeds: how well an order of methods repeats itself, and how far two orders could agree at all."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

HALVES = 100  # random splits that a correlation of halves is averaged over
LEAST = 0.3  # the ceiling below which noise leaves too little to correct by


def split_halves(rng: np.random.Generator, seeds: int, splits: int = HALVES) -> np.ndarray:
    """Random splits of the seeds into two halves; of an odd number one seed is left out of each split.

    Args:
        rng: what they are drawn from.
        seeds: how many there are.
        splits: how many are drawn.

    Returns:
        int [splits, 2, seeds // 2], the places of the seeds in each half.
    """
    order = rng.permuted(np.tile(np.arange(seeds), (splits, 1)), axis=1)
    return order[:, : seeds // 2 * 2].reshape(splits, 2, seeds // 2)


def half_correlation(values: np.ndarray, halves: np.ndarray) -> float:
    """Spearman's correlation of the means over one half of the seeds with those over the other, averaged over splits.

    Args:
        values: [methods, seeds].
        halves: of `split_halves`.

    Returns:
        From −1 to 1; NaN for fewer than three methods or two seeds, and where a side is constant in every split.
    """
    if len(values) < 3 or halves.shape[2] == 0:
        return math.nan
    one, other = (values[:, halves[:, side]].mean(2).T for side in (0, 1))
    found = spearman(one, other)
    return float(np.nanmean(found)) if np.isfinite(found).any() else math.nan


def ceiling(half: float, other: float) -> float:
    """The correlation that the means over all seeds of two conditions would show if the methods' true order were one.

    Args:
        half: half_correlation of one condition, r: means over all seeds have 2r / (1 + r) (Spearman, Brown 1910).
        other: that of the other condition.

    Returns:
        The geometric mean of both, from 0 to 1; 0 where halves do not agree at all, NaN where one is unknown.
    """
    return math.sqrt(_of_all(half) * _of_all(other))


def corrected(rho: float, highest: float) -> float:
    """A correlation of two conditions without the seeds' noise, which must be another one in each (Spearman 1904).

    Args:
        rho: as it was found.
        highest: its `ceiling`.

    Returns:
        rho / ceiling, from −1 to 1; NaN where the ceiling is LEAST or less, or unknown.
    """
    return min(max(rho / highest, -1.0), 1.0) if highest > LEAST and not math.isnan(rho) else math.nan


def _of_all(half: float) -> float:
    """Spearman and Brown: of all seeds from that of halves; 0 where halves do not agree."""
    return 2 * half / (1 + half) if half > 0 or math.isnan(half) else 0.0


def spearman(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Spearman's correlation, row by row.

    Args:
        one: [rows, methods].
        other: of the same shape.

    Returns:
        float64 [rows], from −1 to 1; NaN where a row is constant.
    """
    ranks = [stats.rankdata(side, axis=1) for side in (one, other)]
    ranks = [side - side.mean(1, keepdims=True) for side in ranks]
    scale = np.sqrt((ranks[0] ** 2).sum(1) * (ranks[1] ** 2).sum(1))
    return np.divide((ranks[0] * ranks[1]).sum(1), scale, out=np.full(len(scale), math.nan), where=scale > 0)
