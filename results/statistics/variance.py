"""Variance between methods, less the noise of seeds, and which share of it is left in another condition."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from scipy import stats


def share_left(values: np.ndarray, before: np.ndarray) -> float:
    """Which share of the variance between estimators is left.

    Args:
        values: [estimators, seeds], in any unit.
        before: [estimators, seeds], in the same unit.

    Returns:
        A share of the variance before; NaN where there was none.
    """
    default = variance_between(before)
    return variance_between(values) / default if default > 0 else math.nan


def share_left_interval(values: np.ndarray, before: np.ndarray) -> tuple[float, float]:
    """The 95 % interval of the share, from what it is without one seed each: of its logarithm, or where noise does not
    tell it from 0, of the share itself.

    Args:
        values: [estimators, seeds], in any unit.
        before: [estimators, seeds], of the same seeds.

    Returns:
        (lower end, upper end), none below 0; NaN for fewer than three seeds, and where there was no variance.
    """
    seeds = values.shape[1]
    if seeds < 3 or not variance_between(before) > 0:
        return math.nan, math.nan
    without = [(np.delete(values, s, 1), np.delete(before, s, 1)) for s in range(seeds)]
    pairs = [(raw_variance_between(own), raw_variance_between(other)) for own, other in [(values, before), *without]]
    if not all(other > 0 for _, other in pairs):
        return math.nan, math.nan
    shares = np.array([own / other for own, other in pairs])
    low, high = jackknife_interval(shares)
    if low > 0 and (shares > 0).all():
        low, high = map(math.exp, jackknife_interval(np.log(shares)))
    return max(low, 0.0), max(high, 0.0)


def jackknife_interval(estimates: np.ndarray) -> tuple[float, float]:
    """Ends of the 95 % t interval of a statistic, from what it is and what it is without one seed each."""
    seeds = len(estimates) - 1
    error = math.sqrt((seeds - 1) / seeds * ((estimates[1:] - estimates[1:].mean()) ** 2).sum())
    reach = stats.t.ppf(0.975, seeds - 1) * error
    return estimates[0] - reach, estimates[0] + reach


def variance_between(values: np.ndarray) -> float:
    """Variance between the means less that of the seeds (the measure's unit, squared); NaN if that is unknown."""
    left, rounding = raw_variance_between(values), (1e-12 * np.abs(values.mean(1)).max()) ** 2
    return 0.0 if left <= rounding else left


def raw_variance_between(values: np.ndarray) -> float:
    """The same, where noise alone may make it negative."""
    return float(values.mean(1).var(ddof=1)) - noise_variance(values)


def noise_variance(values: np.ndarray) -> float:
    """The variance that seeds give a mean beside the others (the measure's unit, squared); NaN for one seed."""
    degrees = (values.shape[0] - 1) * (values.shape[1] - 1)
    residuals = values - values.mean(1, keepdims=True) - values.mean(0, keepdims=True) + values.mean()
    return float((residuals**2).sum() / degrees / values.shape[1]) if degrees > 0 else math.nan


def rank_correlation(means: pd.Series, others: pd.Series) -> float:
    """Spearman's correlation.

    Args:
        means: one number an estimator.
        others: of the same estimators in the same order.

    Returns:
        From −1 to 1; NaN for fewer than three, or where one side is constant.
    """
    if len(means) < 3 or means.nunique() == 1 or others.nunique() == 1:
        return math.nan
    return float(stats.spearmanr(means.to_numpy(), others.to_numpy()).statistic)
