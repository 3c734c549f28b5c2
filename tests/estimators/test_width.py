"""How wide a slope is at half its height, and what it is when it is stretched."""

import math

import numpy as np
import pytest
import tensorflow as tf

from estimators import registry
from steeplechase.errors import UserError
from tests.oracles.slopes import SLOPES

ARCCOSH = math.acosh(math.sqrt(2))
FORMS = [
    *(("tanh_slope", {"scale": scale}, ARCCOSH / scale) for scale in (0.01, 1.0, 7.0)),
    ("sigmoid_derivative", {"scale": 3.0}, 2 * ARCCOSH / 3),
    *(("ste_clipped", {"clip": clip}, clip) for clip in (1e-4, 1.0, 1.3)),
    ("triangle", {"width": 3.0}, 1.5),
    ("piecewise_quadratic", {"alpha": 4.0}, 1 / 8),
    ("rbnn", {"t": 0.3}, math.sqrt(2) / 0.6),
    ("gauss", {"sigma": 0.7}, 0.7 * math.sqrt(2 * math.log(2))),
    ("erf", {"alpha": 3.0}, math.sqrt(math.log(2)) / 3),
    ("exponential", {"alpha": 5.0}, math.log(2) / 5),
    ("atan", {"alpha": 2.0}, 1 / math.pi),
    ("softsign", {"alpha": 2.0}, (math.sqrt(2) - 1) / 2),
    ("superspike_asym", {"beta": 1000.0}, (math.sqrt(2) - 1) / 1000),
    ("entmax15", {"scale": 3.0}, 2 / 3 * math.sqrt((15 - math.sqrt(33)) / 16)),
    ("circ", {"alpha": 2.0}, 2 * math.sqrt(2 ** (2 / 3) - 1)),
    ("rect", {"alpha": 0.1}, 5.0),
    ("nonzero_sign_log_abs", {"alpha": 4.0}, 0.25),
    ("fake_numerical", {"alpha": 0.3}, 2 / 0.3),
    ("log_tailed_relu", {}, 2.0),  # on one side alone
    ("reste", {}, 0.1),  # beyond the secant it falls to a third at once
    ("sparse_fs", {}, (math.sqrt(2) - 1) / 100),
    ("sparse_fs_snntorch", {}, (26 * math.sqrt(2) - 1) / 25),  # highest next to its threshold, where it does not reach
]


@pytest.mark.parametrize("name, parameters, expected", FORMS, ids=[f"{name} {own}" for name, own, _ in FORMS])
def test_half_widths_are_the_closed_forms(name, parameters, expected):
    assert registry[name].half_width(**parameters) == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("name", [name for name, page in registry.items() if page.has_width])
def test_a_half_width_is_where_a_slope_falls_below_half_for_good(name):
    """Against the slopes restated in NumPy, at all parameters that the contract tries, on a grid of its own."""
    sizes = np.concatenate([np.geomspace(1e-6, 1e4, 200_001), np.linspace(0, 10, 100_001)])
    for parameters in registry[name].example_parameters():
        heights = np.abs([SLOPES[name](side * sizes, **parameters) for side in (1, -1)]).max(0)
        top, far = heights.max(), 1e3
        if heights[sizes > far].max() >= top / 2:  # such as a leak of half the height
            with pytest.raises(UserError, match=f"{name} with .* has no half-width"):
                registry[name].half_width(**parameters)
            continue
        reach = registry[name].half_width(**parameters)
        assert heights[sizes > reach * (1 + 1e-4)].max() < top / 2 * (1 + 1e-6), parameters
        assert heights[np.abs(sizes / reach - 1) < 2e-4].max() >= top / 2 * (1 - 1e-3), parameters


def test_what_never_falls_or_is_drawn_or_depends_on_others_has_none():
    without = {name for name, page in registry.items() if not page.has_width}
    constant = {
        "ste",
        "zero",
        "lso",
        "spike_op",
        "leaky_k_relu",
        "absmax",
        "absmean",
        "ewgs",
        "lsq",
        "lsq_log",
        "pact",
        "tqt",
    }
    assert without == {*constant, "fourier", "sso", "mag_aware"}
    for name in without:
        with pytest.raises(UserError, match="no half-width.*leave width out"):
            registry[name].half_width()


def test_a_stretched_slope_is_as_high_and_as_much_wider_and_its_area_is_the_hard_functions():
    page, x = registry["tanh_slope"], np.linspace(-9, 9, 1801)
    for stretch in (0.5, 3.0, tf.constant(3.0, tf.float64)):
        factor = float(stretch)
        for forward, rise in (("sign", 2), ("step", 1)):
            given = {"forward": forward, "stretch": stretch}
            heights = {
                normalize: page.slope(tf.constant(x), normalize=normalize, scale=2.0, **given).numpy()
                for normalize in ("none", "peak", "area")
            }
            np.testing.assert_allclose(heights["none"], 2 / np.cosh(2 * x / factor) ** 2, rtol=1e-12)
            np.testing.assert_allclose(heights["peak"], 1 / np.cosh(2 * x / factor) ** 2, rtol=1e-12)
            assert np.trapezoid(heights["area"], x) == pytest.approx(rise, rel=1e-4)
    for wrong in (0.0, -1.0, math.nan, "wide"):
        with pytest.raises(UserError, match="stretch is"):
            page.slope(0.5, stretch=wrong)


def test_the_operation_goes_back_through_the_stretched_slope():
    x = tf.constant([-2.0, 0.3, 1.4], tf.float64)
    for call in (lambda f: f, lambda f: tf.function(f, jit_compile=True)):

        def backward(x):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = registry["ste_clipped"].hard(x, stretch=1.5)
            return tape.gradient(y, x)

        assert call(backward)(x).numpy().tolist() == [0.0, 1.0, 1.0]
