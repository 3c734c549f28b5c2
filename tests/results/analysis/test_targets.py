"""Steps to a target: expected steps and curves as they are defined, and nobody who never got there is forgotten."""

import math

import numpy as np
import pytest
from scipy import stats

from results.analysis import selection, targets
from results.statistics import survival
from results.statistics.survival import Reached
from tests.oracles.records import make

INF = math.inf


def reached(*steps, budget=100.0):
    return Reached(np.array(steps, "float64"), np.full(len(steps), budget))


def test_expected_steps_count_what_was_spent_in_vain():
    found = reached(20, 40, INF, INF)
    assert found.share == 0.5 and found.expected_steps == (20 + 40 + 100 + 100) / 2
    assert reached(INF, INF).expected_steps == INF and reached(30).expected_steps == 30
    # A method that succeeds with chance p after s steps, else spends b: s + b·(1−p)/p.
    assert reached(50, 50, INF).expected_steps == pytest.approx(50 + 100 * (1 / 3) / (2 / 3))


def test_the_curve_is_the_share_so_far_and_ends_with_the_budget():
    steps, share, low, high = reached(20, 40, 40, INF).curve()
    assert steps.tolist() == [0, 20, 40, 100, 100] or steps.tolist() == [0, 20, 40, 100]
    for at, value in ((20, 0.25), (40, 0.75)):
        assert share[list(steps).index(at)] == value
    assert share[0] == 0 and share[-1] == 0.75
    assert (low <= share).all() and (share <= high).all() and low.min() >= 0 and high.max() <= 1


def test_nobody_and_everybody():
    _, share, low, high = reached(*[INF] * 10).curve()
    assert (share == 0).all() and (low == 0).all()
    assert high[0] == pytest.approx(stats.binomtest(0, 10, alternative="less").proportion_ci(0.95).high)
    _, share, _, high = reached(10, 20, 30).curve()
    assert share[-1] == high[-1] == 1


def test_the_band_covers_the_share():
    """Of 400 worlds with 16 seeds and a third that never gets there, the 95 % band covers the true share at 30 steps in
    88 to 99 %."""
    chance, covered = np.random.default_rng(0), []
    for _ in range(400):
        steps = np.where(chance.random(16) < 1 / 3, INF, chance.uniform(0, 60, 16))
        x, _, low, high = reached(*steps).curve()
        at = np.searchsorted(x, 30, side="right") - 1
        covered.append(low[at] <= 1 / 3 <= high[at])
    assert 0.88 <= np.mean(covered) <= 0.99


def test_two_methods_are_compared_with_those_that_never_got_there():
    fast, slow = reached(10, 12, 14, 15, 18, 20, 22, 24), reached(60, 70, 80, 90, INF, INF, INF, INF)
    z, p = survival.log_rank(fast, slow)
    assert z > 0 and p < 0.001 and survival.log_rank(slow, fast) == pytest.approx((-z, p))
    for one in (fast, reached(INF), reached(10, 10)):
        assert survival.log_rank(one, one) == pytest.approx((0, 1))
    dropped = reached(60, 70, 80, 90)  # who forgets them finds slow methods better than they are
    assert slow.expected_steps > dropped.expected_steps


def test_of_a_table():
    results = make(estimators=["tanh_slope"], tasks=["binarized_mlp"], seeds=3, rows=5, diverged=lambda e, r, s: s == 2)
    account = results.runs()[results.rows["run"].iloc[0]]
    own = results.rows[results.rows["learning_rate"] == 0.01]
    found = targets.reached(own, account, target=0.3)
    expected = selection.steps_to_target(own, {**account, "target": ["validation_accuracy", 0.3]})["steps"]
    assert found.steps.tolist() == [
        INF if x is None else x for x in expected.astype(object).where(expected.notna(), None)
    ]
    assert (found.budget == 400).all()
    assert targets.reached(own, account, target=2.0).share == 0
