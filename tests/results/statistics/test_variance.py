"""Shares of variance without one member each: against the definitions, and in worlds in which one member decides."""

import math
from collections import Counter

import numpy as np
import pytest
from scipy import stats

from results.statistics.variance import (
    most_influential,
    raw_variance_between,
    share_left,
    share_left_interval,
    share_verdict,
    shares_without_each,
    variance_between,
)


def between(values):
    """By mean squares of a two-way layout without replication, estimators by seeds, written out."""
    methods, seeds = values.shape
    whole = sum(map(sum, values)) / methods / seeds
    means, luck = [sum(row) / seeds for row in values], [sum(column) / methods for column in values.T]
    rest = sum((values[i, s] - means[i] - luck[s] + whole) ** 2 for i in range(methods) for s in range(seeds))
    of_methods = seeds * sum((mean - whole) ** 2 for mean in means) / (methods - 1)
    return (of_methods - rest / (methods - 1) / (seeds - 1)) / seeds


def jackknifed(values, before):
    """The interval of the share's logarithm, from deletions one by one."""
    seeds = values.shape[1]
    logs = [math.log(between(np.delete(values, s, 1)) / between(np.delete(before, s, 1))) for s in range(seeds)]
    error = math.sqrt((seeds - 1) / seeds * sum((own - sum(logs) / seeds) ** 2 for own in logs))
    whole, reach = math.log(between(values) / between(before)), stats.t.ppf(0.975, seeds - 1) * error
    return math.exp(whole - reach), math.exp(whole + reach)


def test_what_is_left_without_each_is_what_the_definition_says_of_the_others():
    draw = np.random.default_rng(3)
    values, before = (draw.normal(0, 1, (6, 1)) + draw.normal(0, 0.3, (6, 5)) for _ in range(2))
    assert math.isclose(float(raw_variance_between(values)), between(values), rel_tol=1e-9)
    assert np.allclose(share_left_interval(values, before), jackknifed(values, before), rtol=1e-9)
    found = shares_without_each(values, before)
    for i in range(6):
        rest = np.delete(values, i, 0), np.delete(before, i, 0)
        assert np.allclose(found[i], [between(rest[0]) / between(rest[1]), *jackknifed(*rest)], rtol=1e-9)


def test_of_two_members_nothing_is_left_without_one():
    draw = np.random.default_rng(0)
    assert np.isnan(shares_without_each(draw.normal(size=(2, 4)), draw.normal(size=(2, 4)))).all()


@pytest.mark.parametrize(
    "whole, without, place",
    [
        (0.5, [0.5, 0.4, 0.9], 2),
        (0.5, [0.5, 0.1, 0.9], 1),  # a fifth is further than not quite twice
        (0.5, [0.5, 0.0, 1.2], 2),  # by difference, where a logarithm knows no distance
        (0.0, [0.0, 0.3, 0.1], 1),
        (0.5, [0.5, math.nan, 0.01], 1),
        (0.5, [math.nan] * 3, None),
        (math.nan, [0.1, 0.2, 0.3], None),
    ],
)
def test_who_changes_a_number_most(whole, without, place):
    with np.errstate(divide="raise"):
        assert most_influential(whole, np.array(without)) == place


@pytest.mark.parametrize(
    "interval, without, verdict, turning",
    [
        ((0.1, 0.5), [(0.1, 0.6), (0.2, 0.55)], "supported", []),
        ((0.1, 0.5), [(0.1, 0.6), (0.2, 0.7)], "undecided", [1]),
        ((0.8, 0.9), [(0.7, 0.9), (0.8, 0.9)], "refuted", []),
        ((0.8, 0.9), [(0.1, 0.2), (0.8, 0.9)], "undecided", [0]),
        ((0.5, 0.9), [(0.1, 0.2), (0.8, 0.9)], "undecided", []),
        ((0.1, 0.5), [(math.nan, math.nan)] * 2, "undecided", [0, 1]),
        ((math.nan, math.nan), [(0.1, 0.2)], "undecided", []),
    ],
)
def test_no_verdict_that_one_member_turns(interval, without, verdict, turning):
    assert share_verdict(interval, np.array(without), 0.667) == (verdict, turning)


def test_without_any_member_to_leave_out_nothing_is_decided():
    assert share_verdict((0.1, 0.2), np.empty((0, 2)), 0.667) == ("undecided", [])


# An outlying member of a spread: fifteen members and eight seeds, of whose noise 0.3 is each member's own (the true
# deviation of the others is 1 before). One is broken before and after, as many deviations below the others as it says.
WORLDS = {  # name: (share of the others' variance that is truly left, the outlier before, after, in the same order)
    "only the outlier moves": (1.0, -30.0, -20.0, True),
    "only the others move": (0.2, -30.0, -30.0, False),
    "all move": (0.2, -30.0, -12.0, False),
    "no outlier, all move": (0.2, 0.0, 0.0, False),
    "no outlier, none moves": (1.0, 0.0, 0.0, True),
    "no outlier, all change places": (1.0, 0.0, 0.0, False),
}
EXPERIMENTS, LIMIT = 100, 0.667


def experiment(draw, left, first, second, same):
    """(values, before): the true variance of the others is exactly 1 before, and `left` after."""
    means = draw.normal(size=(2, 14 if first else 15))
    means = (means - means.mean(1, keepdims=True)) / means.std(1, ddof=1, keepdims=True)
    after = means[0 if same else 1] * math.sqrt(left)
    true = [np.append(means[0], first), np.append(after, second)] if first else [means[0], after]
    before, after = (own[:, None] + draw.normal(0, 0.5, 8) + draw.normal(0, 0.3, (15, 8)) for own in true)
    return after, before


def counts(world):
    """How many experiments end in each verdict: (by all members alone, as it was, and by all without any one)."""
    draw, by_all, robust = np.random.default_rng(11), Counter(), Counter()
    for _ in range(EXPERIMENTS):
        values, before = experiment(draw, *WORLDS[world])
        low, high = share_left_interval(values, before)
        by_all["supported" if high < LIMIT else "refuted" if low > LIMIT else "undecided"] += 1
        verdict, turning = share_verdict((low, high), shares_without_each(values, before)[:, 1:], LIMIT)
        robust[verdict] += 1
        if turning and WORLDS[world][1]:
            assert 14 in turning, "the outlier is among those who turn it"
    print(f"{world}: of {EXPERIMENTS} verdicts by all members {dict(by_all)}, and without any one {dict(robust)}")
    return by_all, robust


@pytest.mark.parametrize("world, false", [("only the outlier moves", "supported"), ("only the others move", "refuted")])
def test_an_outlying_member_decides_no_more(world, false):
    """A verdict that is wrong of fourteen of fifteen members was given in nearly all of 100 experiments, now in 5 %
    at most. (None in 100 says, with 97.5 % confidence, that it is rarer than 3.6 %.)"""
    by_all, robust = counts(world)
    assert by_all[false] > 0.95 * EXPERIMENTS and robust[false] <= 0.05 * EXPERIMENTS


@pytest.mark.parametrize(
    "world, true, power",
    [
        ("all move", "supported", 0.9),
        ("no outlier, all move", "supported", 0.8),
        ("no outlier, none moves", "refuted", 0.8),
        ("no outlier, all change places", "refuted", 0.1),
    ],
)
def test_what_holds_of_all_members_and_without_any_one_is_still_found(world, true, power):
    """Power, where nothing hangs on one member: a share of a fifth, or of one, is told from two thirds. Where fifteen
    members change places altogether, each is a fifteenth of either variance, and a share of one is told less often
    (measured: 19 % of experiments, instead of 99 % by all members alone): that is the price."""
    _, robust = counts(world)
    wrong = {"supported": "refuted", "refuted": "supported"}[true]
    assert robust[true] >= power * EXPERIMENTS and robust[wrong] <= 0.05 * EXPERIMENTS


def test_a_share_is_that_of_the_variances():
    draw = np.random.default_rng(5)
    values, before = (draw.normal(0, 1, (7, 1)) + draw.normal(0, 0.3, (7, 4)) for _ in range(2))
    assert math.isclose(share_left(values, before), between(values) / between(before), rel_tol=1e-9)
    assert variance_between(np.ones((4, 3))) == 0 and math.isnan(share_left(values, np.ones((7, 4))))
