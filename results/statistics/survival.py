"""Survival: steps to a target, with trainings that never got there censored at the end of their budget."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class Reached:
    """When one method's trainings, one a seed, first reached the target.

    Attributes:
        steps: the updates after which each did, float64 [seeds], infinite where it never did.
        budget: of steps that each had, [seeds].
    """

    steps: np.ndarray
    budget: np.ndarray

    @property
    def share(self) -> float:
        """How many of the trainings reached it, a share; NaN where there are none."""
        return float(np.isfinite(self.steps).mean()) if self.steps.size else math.nan

    @property
    def expected_steps(self) -> float:
        """All steps that were spent before the target, or in vain, for each success: the expected running time of a
        method that is started again until it succeeds (Auger and Hansen 2005). Infinite without a success."""
        found = np.isfinite(self.steps)
        spent = np.where(found, self.steps, self.budget).sum()
        return float(spent / found.sum()) if found.any() else math.inf

    def censored(self) -> stats.CensoredData:
        """The same for scipy: at the budget nothing more was seen of those that had not reached it."""
        found = np.isfinite(self.steps)
        return stats.CensoredData(uncensored=self.steps[found], right=self.budget[~found])

    def curve(self, level: float = 0.95) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """The share that has reached the target within so many steps, from 0 to the budget, as a step function (Kaplan
        and Meier 1958; ends by the log-log transformation, within [0, 1]).

        Args:
            level: what the interval covers, a share.

        Returns:
            (steps, share, low, high), float64 of one length, steps rising.
        """
        end = float(self.budget.max())
        if not np.isfinite(self.steps).any():
            zero, top = np.zeros(2), 1 - (1 - level) ** (1 / self.steps.size)  # the rule of three, exactly
            return np.array([0.0, end]), zero, zero, np.full(2, top)
        fitted = stats.ecdf(self.censored())
        with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
            warnings.simplefilter("ignore")  # the ends of a share of 0 or 1 are not known: NaN
            bounds = fitted.cdf.confidence_interval(level, method="log-log")
        steps, share = fitted.cdf.quantiles, fitted.cdf.probabilities
        low = np.minimum(np.nan_to_num(bounds.low.probabilities, nan=1.0), share)
        high = np.maximum(np.nan_to_num(bounds.high.probabilities, nan=0.0), share)
        share, low, high = (np.concatenate([[0], values, values[-1:]]) for values in (share, low, high))
        return np.concatenate([[0.0], steps, [max(end, steps[-1])]]), share, low, high


def log_rank(one: Reached, other: Reached) -> tuple[float, float]:
    """The log-rank test of two methods' times, those never reached being censored (Mantel 1966).

    Args:
        one: of the first method.
        other: of the second one.

    Returns:
        (z, p): z is above 0 where the first one arrives sooner, p of no difference; (0, 1) where neither ever arrives,
        or all at once.
    """
    if not (np.isfinite(one.steps).any() or np.isfinite(other.steps).any()):
        return 0.0, 1.0
    with np.errstate(invalid="ignore", divide="ignore"):  # without variance there is no difference
        found = stats.logrank(one.censored(), other.censored())
    return (0.0, 1.0) if math.isnan(found.pvalue) else (float(found.statistic), float(found.pvalue))
