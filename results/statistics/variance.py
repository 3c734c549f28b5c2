"""Variance between methods, less the noise of seeds: which share of it is left in another condition, without whom."""

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
    left, first = (
        np.append(
            raw_variance_between(own), raw_variance_between(np.stack([np.delete(own, s, 1) for s in range(seeds)]))
        )
        for own in (values, before)
    )
    if not (first > 0).all():
        return math.nan, math.nan
    shares = left / first
    low, high = jackknife_interval(shares)
    if low > 0 and (shares > 0).all():
        low, high = map(math.exp, jackknife_interval(np.log(shares)))
    return max(low, 0.0), max(high, 0.0)


def shares_without_each(values: np.ndarray, before: np.ndarray) -> np.ndarray:
    """What the share and its interval are without one estimator each: whether one alone decides them.

    Args:
        values: [estimators, seeds], in any unit.
        before: [estimators, seeds], of the same estimators and seeds.

    Returns:
        float64 [estimators, 3]: share, lower end, upper end; all NaN for fewer than three estimators.
    """
    shares = np.full((len(values), 3), math.nan)
    for i in range(len(values) if len(values) > 2 else 0):
        rest, first = np.delete(values, i, 0), np.delete(before, i, 0)
        shares[i] = share_left(rest, first), *share_left_interval(rest, first)
    return shares


def share_verdict(interval: tuple[float, float], without: np.ndarray, limit: float) -> tuple[str, list[int]]:
    """Whether less than a limit is left: only where the answer is the same without any one estimator.

    Args:
        interval: the ends of the share of all.
        without: [estimators, 2], the ends of the share without each; NaN decides nothing.
        limit: that the share is held against.

    Returns:
        (supported, refuted or undecided, the places of those without any one of which the others give another verdict
        than all together).
    """

    def decided(low: float, high: float) -> str:
        return "supported" if high < limit else "refuted" if low > limit else "undecided"

    word = decided(*interval)
    turning = [i for i, ends in enumerate(without.tolist()) if "undecided" != word != decided(*ends)]
    return ("undecided" if turning or not len(without) else word), turning


def most_influential(whole: float, without: np.ndarray) -> int | None:
    """Whose absence changes a number most: its logarithm, or itself where any of them is not positive.

    Args:
        whole: the number of all members, at least 0.
        without: [members], the number without each; NaN, where nothing is known without that one, is the largest
            change.

    Returns:
        The place of that member, the first of equals; None where nothing is known at all.
    """
    if math.isnan(whole) or np.isnan(without).all():
        return None
    known = without[~np.isnan(without)]
    apart = np.abs(np.log(without) - math.log(whole)) if whole > 0 and (known > 0).all() else np.abs(without - whole)
    return int(np.where(np.isnan(apart), math.inf, apart).argmax())


def jackknife_interval(estimates: np.ndarray) -> tuple[float, float]:
    """Ends of the 95 % t interval of a statistic, from what it is and what it is without one seed each."""
    seeds = len(estimates) - 1
    error = math.sqrt((seeds - 1) / seeds * ((estimates[1:] - estimates[1:].mean()) ** 2).sum())
    reach = stats.t.ppf(0.975, seeds - 1) * error
    return estimates[0] - reach, estimates[0] + reach


def variance_between(values: np.ndarray) -> float:
    """Variance between the means less that of the seeds (the measure's unit, squared); NaN if that is unknown."""
    left, rounding = float(raw_variance_between(values)), (1e-12 * np.abs(values.mean(1)).max()) ** 2
    return 0.0 if left <= rounding else left


def raw_variance_between(values: np.ndarray) -> np.ndarray:
    """The same, where noise alone may make it negative, for each [estimators, seeds] of an array of more axes."""
    return values.mean(-1).var(-1, ddof=1) - noise_variance(values)


def noise_variance(values: np.ndarray) -> np.ndarray:
    """The variance that seeds give a mean beside the others (the measure's unit, squared); NaN for one seed."""
    degrees = (values.shape[-2] - 1) * (values.shape[-1] - 1)
    if degrees < 1:
        return np.full(values.shape[:-2], math.nan)
    means = values.mean(-1, keepdims=True) + values.mean(-2, keepdims=True) - values.mean((-2, -1), keepdims=True)
    return ((values - means) ** 2).sum((-2, -1)) / degrees / values.shape[-1]


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
