"""Contrasts: one method against another over the seeds that both have met, and what may be said of many at once.

Pure functions of arrays; no chance anywhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from results.statistics import intervals

LEVEL = 0.05  # a contrast is decided below this corrected p value
T_TEST, RANK_TEST = "paired t test", "signed-rank test"


@dataclass(frozen=True)
class Contrast:
    """What the seeds say of one method minus another.

    Attributes:
        difference: the mean of the differences, in the measure's unit; NaN if unknown.
        low: lower end of its 95 % t interval.
        high: upper end of it.
        larger: whether the method's values tend to be the larger ones.
        p: of no difference.
        p_margin: of a difference of the margin or more, one way or the other (two one-sided t tests, Schuirmann 1987);
            NaN where that cannot be tested.
        test: T_TEST, or RANK_TEST where a seed diverged without bound.
    """

    difference: float
    low: float
    high: float
    larger: bool
    p: float
    p_margin: float
    test: str


def paired(values: Sequence[float], other: Sequence[float], margin: float = math.nan) -> Contrast:
    """The contrast of two methods with the values of the same seeds in the same order.

    A value that is not finite is the worst possible, which has no mean: then the signs and the order of the differences
    are tested (Wilcoxon 1945), an infinite one counting as the largest, and two seeds at the worst as a tie.

    Args:
        values: of the method, [seeds]. NaN is unknown, and so is everything then.
        other: of the other method, [seeds].
        margin: the difference below which two methods count as equivalent, in the measure's unit; NaN: none was
            declared.

    Returns:
        The contrast. Fewer than two seeds decide nothing: ends and p are NaN.
    """
    values, other = np.asarray(values, "float64"), np.asarray(other, "float64")
    if not (np.isfinite(values) & np.isfinite(other)).all():
        return _by_rank(values, other)
    differences = values - other
    found = intervals.t_interval(differences)
    larger = found[0] > 0
    if math.isnan(found[1]):
        return Contrast(*found, larger, math.nan, math.nan, T_TEST)
    # Where all differences are the same, up to rounding, the t statistic is 0/0 or infinite.
    rounding = 1e-12 * max(np.abs(values).max(), np.abs(other).max())
    if np.ptp(differences) <= rounding:
        apart = abs(found[0])
        within = math.nan if math.isnan(margin) else float(apart >= margin)
        return Contrast(*found, larger, float(apart <= rounding), within, T_TEST)
    p = float(stats.ttest_1samp(differences, 0).pvalue)
    return Contrast(*found, larger, p, _equivalence(differences, margin), T_TEST)


def _equivalence(differences: np.ndarray, margin: float) -> float:
    from statsmodels.stats.weightstats import DescrStatsW  # 0.4 s that a command without verdicts need not wait for

    return math.nan if math.isnan(margin) else float(DescrStatsW(differences).ttost_mean(-margin, margin)[0])


def _by_rank(values: np.ndarray, other: np.ndarray) -> Contrast:
    unknown = (math.nan, math.nan, math.nan)
    if np.isnan(values).any() or np.isnan(other).any() or values.size < 2:
        return Contrast(*unknown, False, math.nan, math.nan, RANK_TEST)
    both = np.isinf(values) & np.isinf(other)
    differences = np.where(both, 0.0, np.where(both, 0, values) - np.where(both, 0, other))
    finite = np.abs(differences[np.isfinite(differences)])
    largest = 2 * finite.max(initial=0) + 1
    differences = np.clip(differences, -largest, largest)
    p = float(stats.wilcoxon(differences, zero_method="pratt").pvalue) if differences.any() else 1.0
    larger = float(np.sign(differences) @ stats.rankdata(np.abs(differences))) > 0
    return Contrast(*unknown, larger, p, math.nan, RANK_TEST)


def holm(p: Sequence[float]) -> np.ndarray:
    """The p values of one family, corrected for their number so that the chance of any wrong decision stays bounded.

    Holm 1979 (Scandinavian Journal of Statistics 6, 65-70).

    Args:
        p: [contrasts]. An unknown value, NaN, counts as 1 and stays unknown.

    Returns:
        float64 [contrasts], none smaller than it was.
    """
    from statsmodels.stats.multitest import multipletests

    p = np.asarray(p, "float64")
    if not p.size:
        return p
    return np.where(np.isnan(p), np.nan, multipletests(np.where(np.isnan(p), 1, p), method="holm")[1])


def verdict(contrast: Contrast, p: float, p_margin: float, better: str) -> str:
    """What a contrast decides, by the corrected p values.

    A difference that is surely smaller than the margin is equivalent even where it is surely there: the margin was
    declared as what matters.

    Args:
        contrast: of the method with another.
        p: corrected, of no difference.
        p_margin: corrected, of a difference of the margin or more.
        better: `higher` or `lower`, the measure's direction.

    Returns:
        `equivalent`, `better`, `worse` or `undecided`.
    """
    if p_margin < LEVEL:
        return "equivalent"
    if not p < LEVEL:
        return "undecided"
    return "better" if contrast.larger == (better == "higher") else "worse"
