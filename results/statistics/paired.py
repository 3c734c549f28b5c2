"""Contrasts: one method against another over the seeds that both have met, and what may be said of many at once.

Pure functions of arrays; no chance anywhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize, special, stats

from results.statistics import intervals

LEVEL = 0.05  # a contrast is decided below this corrected p value
T_TEST, SIGN_TEST, RANK_TEST = "paired t test", "sign test", "signed-rank test"


@dataclass(frozen=True)
class Contrast:
    """What the draws say of one method minus another.

    Attributes:
        difference: the mean of the differences, in the measure's unit; NaN if unknown.
        low: lower end of its 95 % t interval.
        high: upper end of it.
        larger: whether the method's values tend to be the larger ones.
        p: of no difference.
        p_margin: of a difference of the margin or more, one way or the other (two one-sided t tests, Schuirmann 1987);
            NaN where that cannot be tested.
        test: T_TEST, SIGN_TEST where all differences are the same, or RANK_TEST where a seed diverged without bound.
    """

    difference: float
    low: float
    high: float
    larger: bool
    p: float
    p_margin: float
    test: str


def paired(values: Sequence[float], other: Sequence[float], margin: float = math.nan, overlap: float = 0.0) -> Contrast:
    """The contrast of two methods with the values of the same draws in the same order.

    A value that is not finite is the worst possible, which has no mean: then the signs and the order of the differences
    are tested (Wilcoxon 1945), an infinite one counting as the largest, and two draws at the worst as a tie.

    Differences that are all the same number have no spread that a t test could hold them against: their sign is tested,
    and that they stay within a margin is not known, however small they are.

    Args:
        values: of the method, [draws]. NaN is unknown, and so is everything then.
        other: of the other method, [draws].
        margin: the difference below which two methods count as equivalent, in the measure's unit; NaN: none was
            declared.
        overlap: how many test examples there are for each training example, where the draws are re-splits of the same
            examples and the contrast is to speak of new ones: the variance of the mean is then s² (1/n + overlap)
            instead of s²/n (Nadeau and Bengio 2003, Machine Learning 52, 239), and nothing is tested by signs or
            ranks. 0: draws share nothing.

    Returns:
        The contrast. Fewer than two draws decide nothing: ends and p are NaN.
    """
    values, other = np.asarray(values, "float64"), np.asarray(other, "float64")
    if not (np.isfinite(values) & np.isfinite(other)).all():
        return _by_rank(values, other, independent=not overlap)
    differences = values - other
    found = intervals.t_interval(differences, overlap=overlap)
    mean, larger = found[0], found[0] > 0
    if math.isnan(found[1]):
        return Contrast(*found, larger, math.nan, math.nan, T_TEST)
    if without_spread(values, other):
        rounding = _rounding(values, other)
        p = 1.0 if abs(mean) <= rounding else math.nan if overlap else 2.0 ** (1 - differences.size)
        return Contrast(*found, larger, p, math.nan, SIGN_TEST)
    error, freedom = intervals.standard_error(differences, overlap), differences.size - 1
    # The functions of scipy.special are those of scipy.stats without its checks, which thousands of contrasts wait for.
    p = 2 * float(special.stdtr(freedom, -abs(mean) / error))
    p_margin = math.nan if math.isnan(margin) else float(special.stdtr(freedom, (abs(mean) - margin) / error))
    return Contrast(*found, larger, p, p_margin, T_TEST)


@dataclass(frozen=True)
class NotBetter:
    """Whether one method is surely less than a margin better than another.

    Attributes:
        p: of being better by the margin or more (one-sided t test: non-inferiority of the other); NaN where that cannot
            be tested.
        error: the standard error of the mean difference, in the measure's unit; NaN where it is not known.
        draws: how many there are.
    """

    p: float
    error: float
    draws: int


def not_better(values: Sequence[float], other: Sequence[float], margin: float) -> NotBetter:
    """Whether the method is less than the margin better than the other, of which higher values are better.

    Args:
        values: of the method, [draws].
        other: of the other method, [draws].
        margin: above 0, in the measure's unit.

    Returns:
        p is NaN for fewer than two draws, for values that are not finite, and for differences without spread.
    """
    values, other = np.asarray(values, "float64"), np.asarray(other, "float64")
    draws = values.size
    if draws < 2 or not (np.isfinite(values) & np.isfinite(other)).all() or without_spread(values, other):
        return NotBetter(math.nan, math.nan, draws)
    error = intervals.standard_error(values - other)
    return NotBetter(float(stats.t.cdf(((values - other).mean() - margin) / error, draws - 1)), error, draws)


def detectable(error: float, draws: int, family: int, power: float = 0.8) -> float:
    """The smallest difference that a two-sided paired t test finds this often, when it is the first of a family that is
    corrected by Holm.

    Args:
        error: standard error of the mean difference.
        draws: that it is of, at least 2.
        family: how many contrasts are corrected for.
        power: how often it is found.

    Returns:
        In the unit of the error, by the noncentral t distribution; NaN where the error is not known.
    """
    if math.isnan(error):
        return math.nan
    freedom = draws - 1
    critical = stats.t.ppf(1 - LEVEL / (2 * family), freedom)
    apart = optimize.brentq(lambda far: stats.nct.sf(critical, freedom, far) - power, 0, 10 * critical + 10)
    return float(apart * error)


def without_spread(values: np.ndarray, other: np.ndarray) -> bool:
    """Whether all differences are the same number, up to rounding.

    Args:
        values: of the method, [draws], finite.
        other: of the other method.

    Returns:
        True for a single draw, too.
    """
    return bool(np.ptp(values - other) <= _rounding(values, other))


def _rounding(values: np.ndarray, other: np.ndarray) -> float:
    return 1e-12 * float(max(np.abs(values).max(), np.abs(other).max()))


def failure_bound(failed: np.ndarray, other_failed: np.ndarray, level: float = 0.95) -> float:
    """How far apart the shares of two methods' failures may be, given what the draws have shown.

    Only draws in which one method fails and the other does not part the shares, and no more than the share of these
    draws: each way its exact upper bound (Clopper and Pearson 1934), both ways together at the level.

    Args:
        failed: whether the method's training failed, bool [draws].
        other_failed: the same of the other method, in the same draws.
        level: how surely.

    Returns:
        The bound, a share: 0.21 for sixteen draws without a failure.
    """
    most, draws = _discordant(failed, other_failed)
    return 1.0 if most == draws else float(special.betaincinv(most + 1, draws - most, (1 + level) / 2))


def failure_p(failed: np.ndarray, other_failed: np.ndarray, share: float) -> float:
    """The p value of shares of failures that are `share` or more apart: below 1 − level exactly where failure_bound at
    that level is below the share.

    Args:
        failed: whether the method's training failed, bool [draws].
        other_failed: the same of the other method, in the same draws.
        share: at least 0.

    Returns:
        From 0 to 1.
    """
    most, draws = _discordant(failed, other_failed)
    return min(1.0, 2 * float(special.bdtr(most, draws, min(share, 1.0))))


def draws_without_failure(share: float, level: float = 0.95) -> int:
    """How many draws without a failure it takes until failure_bound is below this share.

    Args:
        share: above 0.
        level: as there.

    Returns:
        At least 1.
    """
    if share >= 1:
        return 1
    return math.floor(math.log((1 - level) / 2) / math.log1p(-share)) + 1


def _discordant(failed: np.ndarray, other_failed: np.ndarray) -> tuple[int, int]:
    """In how many draws at most one of the two failed alone, and how many draws there are."""
    own, other = np.asarray(failed, bool), np.asarray(other_failed, bool)
    return int(max((own & ~other).sum(), (other & ~own).sum())), own.size


def _by_rank(values: np.ndarray, other: np.ndarray, independent: bool) -> Contrast:
    unknown = (math.nan, math.nan, math.nan)
    if np.isnan(values).any() or np.isnan(other).any() or values.size < 2 or not independent:
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
    p = np.asarray(p, "float64")
    counted = np.where(np.isnan(p), 1.0, p)
    order = np.argsort(counted)
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(np.maximum.accumulate(counted[order] * np.arange(p.size, 0, -1)), 1.0)
    return np.where(np.isnan(p), np.nan, corrected)


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
