"""Verdicts on bias: false alarms and power by simulation, and the unbiased square."""

import numpy as np
import pytest

from results.statistics.bias import BELOW, BIASED, UNDECIDED, bias

TRUTH = np.array([1.0, -2.0, 0.5, 0.0, 1.5])
MIXING = np.random.default_rng(0).normal(size=(5, 5))
COVARIANCE = MIXING @ MIXING.T


def verdicts(shift, calls, tries=300, delta=0.05, covariance=COVARIANCE):
    """What is said of means of so many calls whose true mean is TRUTH and a shift."""
    draw = np.random.default_rng(1)
    means = draw.multivariate_normal(TRUTH + shift, covariance / calls, size=tries)
    return [bias(mean, covariance, calls, TRUTH, delta=delta) for mean in means]


def shares(found):
    return {kind: np.mean([one.verdict == kind for one in found]) for kind in (BELOW, BIASED, UNDECIDED)}


def test_an_unbiased_estimator_is_called_so_as_often_as_planned():
    """With the calls that it says are needed in 90 of 100 tries or more (300 tries: less than 85 would be seen); with a
    tenth of them hardly ever, and then biased in no more than 5 of 100."""
    needed = verdicts(0, 1000, tries=1)[0].needed
    assert shares(verdicts(0, needed))[BELOW] > 0.85
    few = shares(verdicts(0, needed // 10))
    assert few[BELOW] < 0.2 and few[BIASED] < 0.09


def test_a_bias_of_delta_is_called_below_it_no_more_often_than_allowed():
    """On the edge of what counts: below in at most 5 of 100 (300 tries: 9 would be seen), in any direction."""
    for direction in np.eye(5):
        shift = 0.05 * np.linalg.norm(TRUTH) * direction
        for calls in (1_000, 1_000_000):
            assert shares(verdicts(shift, calls))[BELOW] < 0.09


def test_a_large_bias_is_found():
    assert shares(verdicts(0.2 * TRUTH, 200_000))[BIASED] > 0.95


def test_the_square_is_unbiased_and_may_be_negative():
    found = [one.square for one in verdicts(0, 1_000, tries=1_000)]
    assert abs(np.mean(found)) < 4 * np.std(found) / np.sqrt(1_000) and min(found) < 0
    shift = 0.1 * TRUTH
    found = [one.square for one in verdicts(shift, 1_000, tries=1_000)]
    assert np.mean(found) == pytest.approx(0.01, abs=4 * np.std(found) / np.sqrt(1_000))


def test_what_never_varies_is_biased_or_exact():
    still = np.zeros([5, 5])
    assert bias(TRUTH, still, 10, TRUTH, delta=0.01).verdict == BELOW
    assert bias(1.1 * TRUTH, still, 10, TRUTH, delta=0.01).verdict == BIASED
    flat = np.diag([1.0, 1.0, 0.0, 0.0, 0.0])  # no call varies in the last three
    assert bias(TRUTH + [0, 0, 0.1, 0, 0], flat, 10**9, TRUTH, delta=0.01).verdict == BIASED
    with pytest.raises(ValueError, match="the truth is 0"):
        bias(TRUTH, still, 10, 0 * TRUTH, delta=0.01)
