"""Intervals over seeds: of a mean, an interquartile mean or a median, each by the method that covers what it says.

Which method that is was measured (tests/results/statistics/test_intervals.py prints it): at 3 to 8 seeds percentile
intervals of a bootstrap cover 73 to 89 % where they promise 95 %, so no interval of a single task's seeds is one.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.stats import mstats

FEWEST = 6  # seeds whose smallest and largest value enclose a median with 95 %: 1 − 2·½ⁿ


@dataclass(frozen=True)
class Interval:
    """An estimate with its interval, all in the values' unit, and how it was found.

    Attributes:
        estimate: of the mean, the interquartile mean or the median.
        low: the interval's lower end; NaN where there is none, and then `method` says why.
        high: its upper end.
        method: in words.
    """

    estimate: float
    low: float
    high: float
    method: str


def mean(values: Sequence[float], worst: float = math.nan, level: float = 0.95) -> Interval:
    """The mean with Student's t interval (t_interval).

    Args:
        values: [seeds], in any unit.
        worst: stands for what is not finite.
        level: what the interval covers, a share.

    Returns:
        The interval in that unit; unknown where a seed diverged and `worst` is not finite.
    """
    found = t_interval(values, worst, level)
    if math.isnan(found[0]):
        return Interval(*found, "a seed diverged without bound, so there is no mean")
    return Interval(*found, "one seed has no interval" if math.isnan(found[1]) else "t interval")


def iqm(values: Sequence[float], worst: float = math.nan, level: float = 0.95) -> Interval:
    """The interquartile mean: of the values without the ⌊n/4⌋ smallest and as many largest, with the t interval of a
    trimmed mean, whose width comes from the winsorised values (Tukey and McLaughlin 1963). Below four seeds it is the
    mean.

    Args:
        values: [seeds], in any unit.
        worst: stands for what is not finite. Seeds that diverged without bound may be among those that are cut off.
        level: what the interval covers, a share.

    Returns:
        The interval in that unit; unknown where more seeds diverged without bound than are cut off on a side.
    """
    values = _filled(values, worst)
    cut = values.size // 4
    if not cut:
        return mean(values, worst, level)
    lost = int((~np.isfinite(values)).sum())
    if lost > cut:
        return Interval(math.nan, math.nan, math.nan, "too many seeds diverged without bound")
    values = _tamed(values)
    estimate = float(stats.trim_mean(values, 0.25))
    low, high = mstats.trimmed_mean_ci(values, (0.25, 0.25), alpha=1 - level)
    return Interval(estimate, float(low), float(high), "t interval of a trimmed mean")


def median(values: Sequence[float], worst: float = math.nan, level: float = 0.95) -> Interval:
    """The median with an interval between order statistics, interpolated (Hettmansperger and Sheather 1986).

    Args:
        values: [seeds], in any unit.
        worst: stands for what is not finite. Seeds that diverged without bound are the worst, and the median is known
            as long as they are few.
        level: what the interval covers, a share.

    Returns:
        The interval in that unit; below FEWEST seeds the median alone.
    """
    values = _filled(values, worst)
    if not values.size:
        return Interval(math.nan, math.nan, math.nan, "there are no seeds")
    estimate, finite = float(np.median(values)), values[np.isfinite(values)]
    if not finite.size:
        return Interval(estimate, math.nan, math.nan, "every seed diverged without bound")
    if values.size < FEWEST:
        return Interval(estimate, math.nan, math.nan, f"fewer than {FEWEST} seeds have no interval of a median")
    low, high = (float(end) for end in mstats.median_cihs(_tamed(values), alpha=1 - level))
    low, high = -math.inf if low < finite.min() else low, math.inf if high > finite.max() else high
    return Interval(estimate, low, high, "order statistics, interpolated")


STATISTICS: dict[str, Callable[..., Interval]] = {"mean": mean, "iqm": iqm, "median": median}


def _filled(values: Sequence[float], worst: float) -> np.ndarray:
    values = np.asarray(values, "float64")
    return np.where(np.isfinite(values), values, worst)


def _tamed(values: np.ndarray) -> np.ndarray:
    """Infinite values as finite ones beyond all others: of those that count by their order only."""
    finite = values[np.isfinite(values)]
    if finite.size == values.size or not finite.size:
        return values
    reach = np.ptp(finite) + max(1.0, np.abs(finite).max())
    return np.clip(values, finite.min() - reach, finite.max() + reach)


def t_interval(
    values, worst: float = math.nan, level: float = 0.95, overlap: float = 0.0
) -> tuple[float, float, float]:
    """Mean over seeds, and its t interval: mean ± t(n−1, (1+level)/2) · s/√n.

    Student 1908; below 20 seeds a t interval covers what it promises where a percentile bootstrap does not. The ends
    are not cut off at a measure's bounds.

    Args:
        values: [n], one number a seed, in any unit.
        worst: the worst possible value (0 for an accuracy). A value that is not finite belongs to a replica that
            diverged: it is never dropped but counts as this.
        level: what the interval covers, a share.
        overlap: as in standard_error.

    Returns:
        (mean, lower end, upper end), in that unit. One seed has no interval: its ends are NaN. Where `worst` is not
        finite itself, as for a loss, and a seed diverged, the mean over seeds is unknown and all three are NaN.
    """
    values = np.asarray(values, "float64")
    values = np.where(np.isfinite(values), values, worst)
    if not values.size or not np.isfinite(values).all():
        return math.nan, math.nan, math.nan
    mean = float(values.mean())
    if values.size == 1:
        return mean, math.nan, math.nan
    half = float(student_quantile((1 + level) / 2, values.size - 1) * standard_error(values, overlap))
    return mean, mean - half, mean + half


def standard_error(values: np.ndarray, overlap: float = 0.0) -> float:
    """The standard error of a mean over draws: s √(1/n + overlap).

    Args:
        values: [n], at least two.
        overlap: test examples for each training example, where the draws split the same examples again and the mean is
            to speak of new ones (Nadeau and Bengio 2003); 0 where draws share nothing.

    Returns:
        In the unit of the values.
    """
    return float(values.std(ddof=1) * math.sqrt(1 / values.size + overlap))


@functools.cache
def student_quantile(share: float, freedom: int) -> float:
    """A quantile of Student's distribution. A figure asks for the same few of them thousands of times.

    Args:
        share: of the distribution below it.
        freedom: degrees of it, at least 1.

    Returns:
        In standard errors.
    """
    return stats.t.ppf(share, freedom)
