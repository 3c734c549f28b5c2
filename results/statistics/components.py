"""Components of variance: how much draws of the problem differ, and how much seeds of one draw do."""

from __future__ import annotations

import math

import numpy as np


def components(values: np.ndarray, groups: np.ndarray) -> tuple[float, float]:
    """The standard deviation between groups and within them: one-way random effects, by the method of moments.

    With k values in every group the variance between is that of the groups' means less 1/k of the variance within, and
    0 where that is negative; groups of unequal sizes are weighed as in Searle, Casella, McCulloch 1992, section 3.6.

    Args:
        values: [n], in any unit.
        groups: [n], which group each belongs to.

    Returns:
        (between, within), in that unit. Within is NaN where no group has two values, between where there is one group
        or within is not known; both where a value is not finite.
    """
    values = np.asarray(values, "float64")
    _, places, counts = np.unique(groups, return_inverse=True, return_counts=True)
    free = len(values) - len(counts)
    if free < 1 or not np.isfinite(values).all():
        return math.nan, math.nan
    means = np.bincount(places, values) / counts
    within = float(((values - means[places]) ** 2).sum() / free)
    if len(counts) < 2:
        return math.nan, math.sqrt(within)
    size = (len(values) - (counts**2).sum() / len(values)) / (len(counts) - 1)
    of_means = float((counts * (means - values.mean()) ** 2).sum() / (len(counts) - 1))
    return math.sqrt(max(0.0, (of_means - within) / size)), math.sqrt(within)
