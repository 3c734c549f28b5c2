"""Contrasts: what scipy finds, decided as often wrongly as they say, at the borders too."""

import math

import numpy as np
import pytest
from scipy import stats

from results.statistics import paired

DRAW = np.random.default_rng(0)
INF = math.inf


def test_a_contrast_is_the_paired_t_test():
    own, other = DRAW.normal(size=(2, 8))
    found, scipy = paired.paired(own, other), stats.ttest_rel(own, other)
    ends = scipy.confidence_interval(0.95)
    assert found.p == pytest.approx(scipy.pvalue) and found.test == paired.T_TEST
    assert (found.low, found.high) == pytest.approx((ends.low, ends.high))
    assert found.difference == pytest.approx((own - other).mean()) and found.larger == (own.mean() > other.mean())
    assert math.isnan(found.p_margin)


def test_equivalence_is_two_one_sided_tests():
    own, other = DRAW.normal(size=(2, 12)) * 0.1
    for margin in (0.01, 0.1, 0.3):
        sides = [
            stats.ttest_1samp(own - other, -margin, alternative="greater").pvalue,
            stats.ttest_1samp(own - other, margin, alternative="less").pvalue,
        ]
        assert paired.paired(own, other, margin).p_margin == pytest.approx(max(sides))


@pytest.mark.parametrize(
    ("own", "other", "p", "p_margin"),
    [
        ([0.5] * 4, [0.5] * 4, 1.0, 0.0),  # nothing ever differs
        ([0.7] * 4, [0.5] * 4, 0.0, 1.0),  # always by the same
        ([0.55] * 4, [0.5] * 4, 0.0, 0.0),  # always by the same, and by less than the margin
    ],
)
def test_differences_that_are_all_the_same(own, other, p, p_margin):
    found = paired.paired(own, other, margin=0.1)
    assert (found.p, found.p_margin) == (p, p_margin)


def test_one_seed_and_an_unknown_value_decide_nothing():
    for found in (paired.paired([1.0], [0.0], 0.1), paired.paired([1.0, math.nan], [0.0, 0.0], 0.1)):
        assert math.isnan(found.p) and math.isnan(found.p_margin) and math.isnan(found.low)
        assert paired.verdict(found, found.p, found.p_margin, "higher") == "undecided"


def test_a_seed_that_diverged_is_the_worst_and_is_ranked():
    """The order of the differences is what counts, so that any large number in place of infinity says the same."""
    own, other = np.array([3.0, 1.0, INF, 2.0, INF, 5.0, 4.0, 6.0]), np.array([2.5, 1.5, 1.0, 1.0, INF, 1.0, 1.0, 1.0])
    found = paired.paired(own, other, 0.1)
    differences = np.array([0.5, -0.5, 1e9, 1.0, 0.0, 4.0, 3.0, 5.0])
    assert found.p == pytest.approx(stats.wilcoxon(differences, zero_method="pratt").pvalue)
    assert found.larger and found.test == paired.RANK_TEST
    assert math.isnan(found.difference) and math.isnan(found.p_margin)
    assert paired.verdict(found, 0.01, math.nan, "lower") == "worse"
    assert paired.verdict(paired.paired(other, own), 0.01, math.nan, "lower") == "better"
    assert paired.paired([INF, INF, INF], [INF, INF, INF]).p == 1


def test_holm():
    def by_definition(p):
        order, out, highest = np.argsort(p), np.empty(len(p)), 0.0
        for step, i in enumerate(order):
            highest = max(highest, min(1, (len(p) - step) * p[i]))
            out[i] = highest
        return out

    assert np.allclose(paired.holm([0.02, 0.01, 0.04, 0.03]), [0.06, 0.04, 0.06, 0.06])
    for size in (1, 2, 7, 30):
        p = DRAW.random(size) ** 3
        assert np.allclose(paired.holm(p), by_definition(p))
    assert paired.holm([]).size == 0
    found = paired.holm([0.01, math.nan, 0.04])
    assert found[0] == pytest.approx(0.03) and math.isnan(found[1]) and found[2] == pytest.approx(0.08)


@pytest.mark.parametrize(
    ("difference", "p", "p_margin", "word"),
    [
        (0.1, 0.01, 0.9, "better"),
        (-0.1, 0.01, 0.9, "worse"),
        (0.1, 0.05, 0.9, "undecided"),
        (0.01, 0.6, 0.01, "equivalent"),
        (0.01, 0.01, 0.01, "equivalent"),  # surely there, and surely too small to matter
        (0.1, math.nan, math.nan, "undecided"),
    ],
)
def test_verdicts(difference, p, p_margin, word):
    contrast = paired.Contrast(difference, -1, 1, difference > 0, p, p_margin, paired.T_TEST)
    assert paired.verdict(contrast, p, p_margin, "higher") == word
    opposite = {"better": "worse", "worse": "better"}.get(word, word)
    assert paired.verdict(contrast, p, p_margin, "lower") == opposite


def test_how_often_verdicts_are_wrong():
    """Of 2,000 pairs of methods in each world: without a difference at most 5 % are decided (5 % ± 1.5 are expected,
    three standard errors), at a difference of exactly the margin at most 5 % are called equivalent, and a difference of
    two standard deviations is found in more than 99 % with 8 seeds."""
    worlds, seeds, margin = 2000, 8, 1.0
    noise = DRAW.normal(size=(worlds, seeds))

    def share(shift, word):
        found = [paired.paired(own + shift, np.zeros(seeds), margin) for own in noise]
        # Without equivalence where it is not asked for: at a margin of one standard deviation it would come first.
        return np.mean(
            [paired.verdict(c, c.p, c.p_margin if word == "equivalent" else math.nan, "higher") == word for c in found]
        )

    assert abs(share(0, "better") + share(0, "worse") - 0.05) < 0.015
    assert share(margin, "equivalent") <= 0.065
    assert share(0, "equivalent") > 0.3  # with 8 seeds and a margin of one standard deviation
    assert share(2, "better") > 0.99
