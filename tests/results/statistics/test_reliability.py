"""Split halves: against the reliability that is planted, and a correlation that noise has made smaller."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from results.statistics.reliability import LEAST, ceiling, corrected, half_correlation, split_halves


def spearman_of(r):
    """Spearman's correlation of two normal numbers whose Pearson correlation is r (Pearson 1907)."""
    return 6 / math.pi * math.asin(r / 2)


def halves(seeds):
    return split_halves(np.random.default_rng(0), seeds)


@pytest.mark.parametrize("seeds", [2, 3, 8, 9])
def test_halves_share_no_seed_and_are_as_large_as_can_be(seeds):
    found = halves(seeds)
    assert found.shape == (100, 2, seeds // 2) and np.array_equal(found, halves(seeds)), "chance is given"
    for one, other in found:
        assert len({*one.tolist(), *other.tolist()}) == seeds // 2 * 2
    assert set(found.ravel()) == set(range(seeds))


def test_a_correlation_of_halves_is_the_mean_over_splits():
    draw = np.random.default_rng(4)
    values = draw.normal(0, 1, (9, 1)) + draw.normal(0, 1, (9, 4))
    # All splits of four seeds into two and two, each side as often as the other: hundred random ones come close.
    every = [(half, tuple(set(range(4)) - set(half))) for half in itertools.combinations(range(4), 2)]
    wanted = [stats.spearmanr(values[:, one].mean(1), values[:, other].mean(1)).statistic for one, other in every]
    assert half_correlation(values, np.array(every)) == pytest.approx(np.mean(wanted), rel=1e-12)
    assert half_correlation(values, halves(4)) == pytest.approx(np.mean(wanted), abs=3 * np.std(wanted) / 10)


@pytest.mark.parametrize("noise", [0.5, 2.0, 5.0])
def test_halves_correlate_as_planted(noise):
    """4,000 methods of deviation 1, eight seeds: the halves' reliability is 1 / (1 + noise² / 4). The standard error of
    a correlation of 4,000 pairs is 0.016; the splits share their data, so it is that of their mean as well."""
    draw = np.random.default_rng(1)
    values = draw.normal(0, 1, (4000, 1)) + draw.normal(0, 0.7, 8) + draw.normal(0, noise, (4000, 8))
    assert abs(half_correlation(values, halves(8)) - spearman_of(1 / (1 + noise**2 / 4))) < 3 * 0.016


@pytest.mark.parametrize("true", [1.0, 0.5, 0.0])
def test_the_ceiling_is_what_equal_orders_reach_and_the_corrected_value_is_the_true_one(true):
    """2,000 methods in two conditions with other noise in each, whose true means correlate as planted. Within three
    standard errors of a correlation of 2,000 pairs, 0.022, times what the correction makes of them, at most 2."""
    draw, noises = np.random.default_rng(2), (1.5, 3.0)
    first, other = draw.normal(size=(2, 2000))
    means = first, true * first + math.sqrt(1 - true**2) * other
    sides = [mean[:, None] + draw.normal(0, noise, (2000, 8)) for mean, noise in zip(means, noises, strict=True)]
    found = [half_correlation(side, halves(8)) for side in sides]
    highest = ceiling(*found)
    attenuated = [1 / (1 + noise**2 / 8) for noise in noises]
    assert abs(highest - math.sqrt(attenuated[0] * attenuated[1])) < 3 * 0.022
    rho = stats.spearmanr(sides[0].mean(1), sides[1].mean(1)).statistic
    assert abs(corrected(rho, highest) - spearman_of(true)) < 3 * 2 * 0.022
    if true == 1:
        assert abs(rho - highest) < 3 * 0.022


def test_a_few_methods_are_corrected_on_average():
    """25 methods and eight seeds, as a ranking has: over 300 worlds with one true order the mean of rho and of its
    ceiling agree to 0.05 (their standard errors over 300 worlds are 0.01 each)."""
    draw, found = np.random.default_rng(3), []
    for _ in range(300):
        means = draw.normal(size=(25, 1))
        sides = [means + draw.normal(0, 2.5, (25, 8)) for _ in range(2)]
        rho = stats.spearmanr(sides[0].mean(1), sides[1].mean(1)).statistic
        found.append((rho, ceiling(*(half_correlation(side, halves(8)) for side in sides))))
    rho, highest = np.mean(found, axis=0)
    print(f"mean rho {rho:.3f}, mean ceiling {highest:.3f}")
    assert abs(rho - highest) < 0.05


def test_what_cannot_be_told():
    draw = np.random.default_rng(0)
    assert math.isnan(half_correlation(draw.normal(size=(5, 1)), halves(1))), "one seed"
    assert math.isnan(half_correlation(draw.normal(size=(2, 8)), halves(8))), "two methods"
    assert math.isnan(half_correlation(np.ones((5, 8)), halves(8))), "all alike"
    assert half_correlation(np.arange(5.0)[:, None] + np.zeros((5, 8)), halves(8)) == 1
    assert ceiling(-0.2, 0.9) == ceiling(0.9, -1.0) == 0 and math.isnan(ceiling(math.nan, 0.5)) and ceiling(1, 1) == 1
    assert math.isnan(corrected(0.2, LEAST)) and math.isnan(corrected(0.2, math.nan)) and corrected(0.2, 0.4) == 0.5
    assert math.isnan(corrected(math.nan, 0.9)) and corrected(0.9, 0.8) == 1 and corrected(-0.9, 0.8) == -1
