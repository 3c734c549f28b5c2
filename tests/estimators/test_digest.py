"""Digests of slopes: the same for one function under two names, held against the formulas restated in NumPy."""

import itertools
import math
import re

import numpy as np
import pytest
import tensorflow as tf

import estimators
from estimators.digest import GRID, digest
from estimators.function import functions
from estimators.surrogate import NORMALIZATIONS, Surrogate
from steeplechase.errors import Unsupported, UserError
from tests.oracles.slopes import SLOPES


def made(rule, **traits):
    """A surrogate of its own, in no registry."""
    return Surrogate(name="made", label="Made", rule=rule, source="nobody", **traits)


def groups(digests):
    """Which names have the same digest, two or more at a time, in alphabetical order; "" is the same as no other."""
    words = sorted({word for word in digests.values() if word})
    named = [tuple(sorted(name for name in digests if digests[name] == word)) for word in words]
    return sorted(names for names in named if len(names) > 1)


AT_ONE_JUMP = tuple(kind for kind in NORMALIZATIONS if kind != "period")


def digests(normalize, forward="sign"):
    pages = estimators.registry.items()
    return {
        name: digest(p, normalize=normalize, forward=forward)
        for name, p in pages
        if not p.unsupported_reason(normalize, forward)
    }


def test_what_a_sign_or_the_rule_of_a_step_changes_is_another_function():
    """All of these have the slope 1; LSQ's rule is that of every page without one of its own, at its default factor."""
    names = ("absmax", "absmean", "ste", "ewgs", "lsq", "lsq_log", "pact", "tqt")
    fixed, learned = (
        {name: digest(estimators.registry[name], forward="round", learned_step=own) for name in names}
        for own in (False, True)
    )
    assert groups(fixed) == [("absmax", "absmean", "lsq", "lsq_log", "pact", "ste", "tqt")] and groups(learned) == [
        ("lsq", "ste")
    ]
    for name, changed in (("lsq", {"gradient_scale": 0.5}), ("pact", {"start": 3.0}), ("pact", {"decay": 0.0})):
        page = estimators.registry[name]
        assert digest(page, forward="round", learned_step=True, **changed) != learned[name], changed
        assert digest(page, forward="round", **changed) == fixed[name]


@pytest.mark.parametrize("normalize", AT_ONE_JUMP)
def test_groups_are_those_of_the_formulas_restated(normalize):
    """On points that the grid does not have; at the defaults, of all pairs of pages that have been restated."""
    x = np.concatenate([-np.geomspace(1e-3, 300, 997), np.geomspace(1e-3, 300, 997)]) * (1 + 1e-9)
    pages = {n: p for n, p in estimators.registry.items() if n in SLOPES and p.elementwise and not p.random}
    pages = {n: p for n, p in pages.items() if not p.unsupported_reason(normalize)}
    slopes = {name: SLOPES[name](x, **page.parameters) for name, page in pages.items()}
    if normalize != "none":
        slopes = {name: m / float(pages[name].trait(normalize)) for name, m in slopes.items()}
    same = {
        (one, other)
        for one, other in itertools.combinations(sorted(slopes), 2)
        if np.allclose(slopes[one], slopes[other], rtol=1e-9, atol=1e-12)
    }
    found = groups({name: word for name, word in digests(normalize).items() if name in slopes})
    assert {pair for group in found for pair in itertools.combinations(group, 2)} == same and same


def test_the_pages_that_are_one_function_at_their_defaults():
    found = {normalize: set(groups(digests(normalize))) for normalize in AT_ONE_JUMP}
    assert {("leaky_k_relu", "spike_op"), ("q_pseudo", "softsign")} <= found["none"]
    triangles = ("approx_sign", "piecewise_quadratic", "triangle")
    assert triangles in found["area"] & found["peak"] and triangles not in found["none"]


def test_a_factor_counts_unless_it_is_normalised():
    tanh, sigmoid = estimators.registry["tanh_slope"], estimators.registry["sigmoid_derivative"]
    words = {n: [digest(tanh, normalize=n), digest(sigmoid, normalize=n, scale=2.0)] for n in AT_ONE_JUMP}
    assert [len(set(of)) for of in words.values()] == [2, 1, 1]
    assert digest(tanh, normalize="area") != digest(sigmoid, normalize="area"), "another width"


@pytest.mark.parametrize("number", [1.0, 0.3, 2**-10, 2**-20, 1 / 3, 12345.678, 1e-20])
def test_the_last_digits_decide_nothing_and_the_fifth_does(number):
    word, others = digest(made(lambda x: tf.ones_like(x) * number)), (1 + 1e-14, 1 - 1e-14, 1 + 3e-5)
    near = [digest(made(lambda x, times=times: tf.ones_like(x) * (number * times))) for times in others]
    assert near[0] == near[1] == word != near[2] and re.fullmatch("[0-9a-f]{16}", word)


def test_single_points_decide_nothing():
    """Zero, and the edges of what jumps at round numbers."""
    for edge in (0.0, 0.5, 1.0, 2.0, 10.0):
        rules = (lambda x, e=edge: tf.cast(x > e, x.dtype), lambda x, e=edge: tf.cast(x >= e, x.dtype))
        assert len({digest(made(rule)) for rule in rules}) == 1
    assert not np.isin([*range(11), *np.arange(0, 4, 0.01)], np.abs(GRID)).any()


def test_what_happens_in_a_narrow_place_on_one_side_or_far_out_is_seen():
    one = digest(made(lambda x: tf.ones_like(x)))
    for low, high in ((0.9, 0.93), (-0.93, -0.9), (3.4, 3.45), (1e-4, 1.2e-4), (200, 230), (-9e5, -7e5)):
        other = made(lambda x, low=low, high=high: tf.where((x > low) & (x < high), 1.01, tf.ones_like(x)))
        assert digest(other) != one, (low, high)
    tails = [made(lambda x, p=p: tf.abs(1 / (1 + tf.abs(x)) ** p)) for p in (8, 8.01)]
    assert digest(tails[0]) != digest(tails[1])


def test_tails_below_all_other_digits_are_no_difference():
    tanh, last = estimators.registry["tanh_slope"], (40, 10)
    cut = [made(lambda x, end=end: tf.where(tf.abs(x) > end, tf.zeros_like(x), tanh.slope(x))) for end in last]
    assert digest(cut[0]) == digest(tanh) != digest(cut[1])


def test_chance_and_other_elements_are_the_same_as_nothing():
    words = {n: digest(p) for n, p in estimators.registry.items() if p.random or not p.elementwise}
    assert words and set(words.values()) == {""} and groups(words) == []


def test_the_hard_function_says_where_the_slope_is_centred():
    ste_clipped = estimators.registry["ste_clipped"]
    both = {
        name: digest(ste_clipped, forward=function)
        for name, function in functions.items()
        if not (function.exact or function.mixes)
    }
    assert both["sign"] == both["step"], "both jump at zero"
    scaled = {digest(ste_clipped, forward=name, normalize="area") for name in both}
    assert len(scaled) == 4, "whose areas differ, or the places of their jumps"


def test_by_its_period_a_slope_is_one_whatever_its_height():
    """Of rounding: triangles of two heights, and tanh and sigmoid of one width."""
    ways = {"triangle": [{"height": 0.3}, {"height": 2.0}], "tanh_slope": [{"scale": 1.5}, {"scale": 3.0}]}
    words = {
        name: [digest(estimators.registry[name], forward="round", normalize="period", **own) for own in each]
        for name, each in ways.items()
    }
    assert len({*words["triangle"]}) == 1 and len({*words["tanh_slope"]}) == 2
    sigmoid = digest(estimators.registry["sigmoid_derivative"], forward="round", normalize="period", scale=3.0)
    assert sigmoid == words["tanh_slope"][0]


def test_what_cannot_be_is_refused():
    with pytest.raises(Unsupported):
        digest(estimators.registry["ste"], normalize="area")
    with pytest.raises(UserError, match="scale"):
        digest(estimators.registry["tanh_slope"], scale=-1.0)
    assert math.isinf(float(estimators.registry["ste"].trait("area")))


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_made_as_wide_as_each_other_the_tanh_and_the_sigmoid_are_one(scale):
    """tanh_slope is twice sigmoid_derivative at twice the scale: nothing of that is left at one width and area."""

    def at_half_width_one(name, **parameters):
        surrogate = estimators.registry[name]
        return digest(surrogate, normalize="area", stretch=1 / surrogate.half_width(**parameters), **parameters)

    assert at_half_width_one("tanh_slope", scale=scale) == at_half_width_one("sigmoid_derivative", scale=1.0)
    assert at_half_width_one("atan", alpha=scale) == at_half_width_one("atan", alpha=1.0)
    assert at_half_width_one("atan", alpha=scale) != at_half_width_one("sigmoid_derivative", scale=1.0)
