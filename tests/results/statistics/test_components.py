"""Components of variance: against their definition, SciPy's F, and simulations in which they are known."""

import math

import numpy as np
import pytest
from scipy import stats

from results.statistics.components import components


def sampled(rng, draws, seeds, between, within):
    values = rng.normal(0, between, [draws, 1]) + rng.normal(0, within, [draws, seeds])
    return values.ravel(), np.repeat(np.arange(draws), seeds)


@pytest.mark.parametrize(("draws", "seeds"), [(2, 2), (4, 4), (16, 2), (5, 7)])
def test_balanced_ones_are_the_variance_of_the_means_less_a_kth_of_the_variance_within(draws, seeds):
    values, groups = sampled(np.random.default_rng(draws), draws, seeds, 3.0, 1.0)
    table = values.reshape(draws, seeds)
    within = table.var(1, ddof=1).mean()
    between = table.mean(1).var(ddof=1) - within / seeds
    assert components(values, groups) == pytest.approx((math.sqrt(max(0, between)), math.sqrt(within)), rel=1e-12)
    shuffled = np.random.default_rng(0).permutation(len(values))
    assert components(values[shuffled], groups[shuffled] - 40) == pytest.approx(components(values, groups), rel=1e-12)


def test_scipys_ratio_follows_from_them():
    values, groups = sampled(np.random.default_rng(1), 6, 3, 2.0, 1.0)
    between, within = components(values, groups)
    f = stats.f_oneway(*values.reshape(6, 3)).statistic
    assert 1 + 3 * between**2 / within**2 == pytest.approx(f, rel=1e-12)


@pytest.mark.parametrize(("between", "within"), [(1.0, 0.5), (0.3, 1.0), (0.0, 1.0)])
def test_they_are_what_a_simulation_was_made_of(between, within):
    """400 draws of 4 seeds, 50 times: the mean square is found within four of its standard errors, so that an estimate
    which leaves the seeds' noise in the means (a quarter of the variance within) is found wrong wherever draws differ:
    the gap is more than six of them, so four are exceeded in more than 97 % of such simulations."""
    found = np.array([components(*sampled(np.random.default_rng([7, i]), 400, 4, between, within)) for i in range(50)])
    squares = found**2
    error = squares.std(0, ddof=1) / math.sqrt(len(squares))
    assert squares[:, 1].mean() == pytest.approx(within**2, abs=4 * error[1])
    if between:
        assert squares[:, 0].mean() == pytest.approx(between**2, abs=4 * error[0])
        assert within**2 / 4 > 6 * error[0]
    else:  # half of the estimates are cut off at 0
        assert (squares[:, 0] == 0).mean() == pytest.approx(0.5, abs=4 * 0.5 / math.sqrt(50))
        assert squares[:, 0].mean() < within**2 / 4 / 5


def test_groups_of_unequal_sizes_are_weighed():
    """Means of 2,000 simulations of seven groups with one to four values: the truth within four standard errors."""
    groups = np.repeat(np.arange(7), [1, 1, 2, 2, 3, 4, 4])
    squares = []
    for i in range(2_000):
        rng = np.random.default_rng([3, i])
        values = rng.normal(0, 2.0, 7)[groups] + rng.normal(0, 1.0, len(groups))
        squares.append(np.square(components(values, groups)))
    mean, error = np.mean(squares, 0), np.std(squares, 0, ddof=1) / math.sqrt(2_000)
    assert (np.abs(mean - [4.0, 1.0]) < 4 * error).all()  # estimates at 0 are rare where draws differ so much


def test_what_does_not_tell_them_apart_is_unknown():
    assert all(map(math.isnan, components(np.array([1.0, 2.0, 3.0]), np.arange(3))))
    between, within = components(np.array([1.0, 3.0]), np.zeros(2))
    assert math.isnan(between) and within == pytest.approx(math.sqrt(2))
    assert all(map(math.isnan, components(np.array([1.0, math.inf, 3.0, 4.0]), np.array([0, 0, 1, 1]))))
