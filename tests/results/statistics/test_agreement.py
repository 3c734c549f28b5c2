"""Agreement with a reference, by simulation: no bias of its own, errors as large as stated, bounds that hold."""

import numpy as np
import pytest

from results.statistics.agreement import Sums, agreement

SIZE, BATCHES, TRIES = 12, 20, 300
DRAW = np.random.default_rng(0)
TRUTH = DRAW.normal(size=SIZE)
ROOT = DRAW.normal(size=(SIZE, SIZE)) / 2
LENGTH = np.linalg.norm(TRUTH)
DIRECTIONS = np.concatenate([[TRUTH], DRAW.normal(size=(16, SIZE))])
DIRECTIONS /= np.linalg.norm(DIRECTIONS, axis=1, keepdims=True)


def sums(mean, calls, draw, root=ROOT):
    """Of calls with this mean and covariance root·rootᵀ."""
    each = mean + draw.normal(size=(calls, SIZE)) @ root.T
    along = each @ DIRECTIONS.T
    means = each.reshape(BATCHES, -1, SIZE).mean(1)
    return Sums(calls, means, float((each**2).sum(1).mean()), along.mean(0), (along**2).mean(0))


def exact(mean):
    along = DIRECTIONS @ mean
    return Sums(1, mean[None], float(mean @ mean), along, along**2)


def simulated(bias, calls=400, reference=None):
    draw = np.random.default_rng(1)
    found = []
    for _ in range(TRIES):
        truth = exact(TRUTH) if reference is None else sums(TRUTH, reference, draw)
        found.append(agreement(sums(TRUTH + bias, calls, draw), truth, delta=0.2, against=DIRECTIONS))
    return found


@pytest.mark.parametrize("reference", [None, 4_000], ids=["exact", "estimated"])
def test_without_a_bias_nothing_is_found_more_often_than_stated(reference):
    """300 tries. Of 5 % false alarms at most 9 % are seen (mean 15, at most 27 of 300: 0.2 % of cases). Bounds are
    above 0, which the bias is, always; the squared bias is 0 in the mean, and its standard error is on the safe side,
    as the jackknife's is of a degenerate statistic (by √2 and somewhat more)."""
    found = simulated(np.zeros(SIZE), reference=reference)
    assert np.mean([one.p < 0.05 for one in found]) <= 0.09
    squares, errors = np.array([(one.square, one.square_error) for one in found]).T
    assert abs(squares.mean()) < 4 * squares.std() / np.sqrt(TRIES)
    assert 1.0 < np.sqrt((errors**2).mean()) / squares.std() < 1.8


@pytest.mark.parametrize("reference", [None, 4_000], ids=["exact", "estimated"])
def test_a_bias_is_estimated_found_and_bounded(reference):
    bias = 0.3 * LENGTH * DIRECTIONS[3]
    found = simulated(bias, reference=reference)
    squares = np.array([one.square for one in found])
    assert abs(squares.mean() - 0.09) < 4 * squares.std() / np.sqrt(TRIES)
    assert np.mean([one.p < 0.05 for one in found]) > 0.9, "its direction is among those that are tested"
    assert np.mean([one.bound > 0.3 for one in found]) > 0.93, "a bound of 95 %"
    cosine = (TRUTH + bias) @ TRUTH / np.linalg.norm(TRUTH + bias) / LENGTH
    cosines, errors = np.array([(one.cosine, one.cosine_error) for one in found]).T
    assert abs(cosines.mean() - cosine) < 0.003
    assert 0.7 < np.sqrt((errors**2).mean()) / cosines.std() < 1.4


def test_variance_length_and_calls_that_are_needed():
    one = simulated(np.zeros(SIZE), calls=4_000)[0]
    assert one.variance == pytest.approx((ROOT**2).sum() / LENGTH**2, rel=0.1)
    assert one.truth == pytest.approx(LENGTH)
    draw = np.random.default_rng(2)
    calls = BATCHES * int(np.ceil(one.needed / BATCHES))
    below = [agreement(sums(TRUTH, calls, draw), exact(TRUTH), delta=0.2).bound < 0.2 for _ in range(200)]
    assert 0.8 < np.mean(below) < 0.98, "some 90 %"


def test_a_reference_that_cannot_be_told_from_nothing_says_nothing():
    draw = np.random.default_rng(3)
    found = agreement(sums(TRUTH, 400, draw), sums(0 * TRUTH, 400, draw), delta=0.1, against=DIRECTIONS)
    assert np.isnan([found.truth, found.square, found.bound]).all()


def test_what_never_varies_is_the_reference_or_is_not():
    same, other = agreement(exact(TRUTH), exact(TRUTH), delta=0.01, against=DIRECTIONS), exact(TRUTH * 1.001)
    assert same.p == 1 and same.bound < 1e-12 and same.square == pytest.approx(0, abs=1e-12)
    assert agreement(other, exact(TRUTH), delta=0.01, against=DIRECTIONS).p == 0
