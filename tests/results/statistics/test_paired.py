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
    ("own", "p"),
    [
        ([0.5] * 4, 1.0),  # nothing ever differs
        ([0.7] * 4, 2 * 0.5**4),  # always by the same
        ([0.55] * 4, 2 * 0.5**4),  # always by the same, and by less than the margin
    ],
)
def test_differences_without_spread_are_tested_by_their_sign_and_never_equivalent(own, p):
    found = paired.paired(own, [0.5] * 4, margin=0.1)
    assert found.p == pytest.approx(p) and math.isnan(found.p_margin) and found.test == paired.SIGN_TEST
    if p < 1:
        assert found.p == pytest.approx(stats.binomtest(4, 4).pvalue)
        assert math.isnan(paired.paired(own, [0.5] * 4, 0.1, overlap=0.3).p)  # draws that are alike have no sign test


def test_draws_that_share_examples_have_a_wider_error():
    """By the formula, restated; and its ends are those of the interval."""
    own, other = DRAW.normal(size=(2, 16)) * 0.01
    differences, overlap, margin = own - other, 1 / 3, 0.02
    error = math.sqrt(differences.var(ddof=1) * (1 / 16 + overlap))
    t = differences.mean() / error
    found = paired.paired(own, other, margin, overlap)
    assert found.p == pytest.approx(2 * stats.t.sf(abs(t), 15))
    assert found.p_margin == pytest.approx(stats.t.sf((margin - abs(differences.mean())) / error, 15))
    assert found.high - found.low == pytest.approx(2 * stats.t.ppf(0.975, 15) * error)
    plain = paired.paired(own, other, margin)
    assert found.difference == plain.difference and found.high - found.low > 2.4 * (plain.high - plain.low)


@pytest.mark.parametrize(("alone", "other_alone", "draws"), [(0, 0, 16), (1, 0, 16), (2, 3, 20), (5, 5, 5)])
def test_the_bound_on_failures_is_clopper_and_pearsons(alone, other_alone, draws):
    own = np.arange(draws) < alone
    other = np.arange(draws) >= draws - other_alone
    most = max((own & ~other).sum(), (other & ~own).sum())
    exact = stats.binomtest(int(most), draws).proportion_ci(0.95, method="exact").high
    assert paired.failure_bound(own, other) == pytest.approx(exact)
    for share in (exact * 0.99, min(exact * 1.01, 1.0)):
        assert (paired.failure_p(own, other, share) < 0.05) == (share > exact)


def test_how_many_draws_without_a_failure_it_takes():
    assert paired.failure_bound(np.zeros(16, bool), np.zeros(16, bool)) == pytest.approx(1 - 0.025 ** (1 / 16))
    for share in (0.01, 0.025, 0.2, 0.5):
        needed = paired.draws_without_failure(share)
        bounds = [paired.failure_bound(*np.zeros((2, draws), bool)) for draws in (needed - 1, needed) if draws]
        assert bounds[-1] < share and (needed == 1 or bounds[0] >= share)
    assert paired.draws_without_failure(1.0) == 1


def test_non_inferiority_is_a_one_sided_t_test():
    own, other = DRAW.normal(size=(2, 12)) * 0.01
    found = paired.not_better(own, other, 0.01)
    assert found.p == pytest.approx(stats.ttest_1samp(own - other, 0.01, alternative="less").pvalue)
    assert found.error == pytest.approx(stats.sem(own - other))
    for unknown in (([1.0], [0.0]), ([1.0, math.nan], [0.0, 0.0]), ([1.0, 1.0], [0.5, 0.5])):
        assert math.isnan(paired.not_better(*unknown, 0.1).p)


def test_what_would_have_been_found_is_found_that_often():
    """20,000 simulated experiments: the share that are found has a standard error of 0.003."""
    draws, family, spread = 8, 37, 2.0
    apart = paired.detectable(spread / math.sqrt(draws), draws, family)
    values = apart + spread * np.random.default_rng(3).normal(size=(20_000, draws))
    found = stats.ttest_1samp(values, 0, axis=1).pvalue < paired.LEVEL / family
    assert found.mean() == pytest.approx(0.8, abs=0.012)
    assert math.isnan(paired.detectable(math.nan, 8, 3))


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
