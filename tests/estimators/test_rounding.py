"""Rounding and ternary: values, edges and slopes against frameworks, the papers' numbers and closed forms."""

import itertools
import math

import numpy as np
import pytest
import tensorflow as tf
from scipy import integrate

from estimators.function import as_hard_function, functions
from estimators.surrogate import registry
from steeplechase.errors import Unsupported, UserError
from steeplechase.random import Chance, key

ROUND, TERNARY = functions["round"], functions["ternary"]
STEPS = np.array([0.0, 0.1, 0.25, 0.5, 0.75, 1.0])  # from a jump, in units of a step

# What the field's slopes are there, six digits, from their sources: (name, parameters, normalize, values). What pages
# cut off at half a step is not continued.
DSQ = math.log(2 / 0.4 - 1)  # its sharpness at a = 0.4
GOLDEN = {
    "straight-through": ("ste", {}, "none", [1, 1, 1, 1, 1, 1]),
    "DSQ, a = 0.4": (
        *("tanh_slope", {"scale": DSQ}, "period"),
        [1.15525, 1.13333, 1.02688, 0.739357, 0.456393, 0.255833],
    ),
    "stacked sigmoid, a = 1": (
        *("tanh_slope", {"scale": 0.5}, "period"),
        [1.02075, 1.01820, 1.00496, 0.959517, 0.889663, 0.802764],
    ),
    "soft round, 2": (
        *("tanh_slope", {"scale": 2.0}, "period"),
        [1.31304, 1.26188, 1.03263, 0.551441, 0.237274, 0.0927670],
    ),
    "soft round, 5; DGE tanh": (
        *("tanh_slope", {"scale": 5.0}, "period"),
        [2.53392, 1.99279, 0.710548, 0.0673825, 0.00559969, 0.000460117],
    ),
    "DGE": ("dge", {}, "none", [3, 0.724780, 0.348220, 0.2, 0, 0]),
    "StableQAT": ("stableqat", {}, "none", [1, 0.552416, 0.205012, 0.0346582, 0, 0]),
    "normal noise of half a step": (
        *("gauss", {"height": 1.0, "sigma": 0.5}, "none"),
        [0.797885, 0.782085, 0.704131, 0.483941, 0.259035, 0.107982],
    ),
    "normal noise of a quarter": (
        *("gauss", {"height": 1.0, "sigma": 0.25}, "none"),
        [1.59577, 1.47308, 0.967883, 0.215964, 0.0177274, 0.000535321],
    ),
    "logistic noise of 0.1": (
        *("sigmoid_derivative", {"scale": 10.0}, "none"),
        [2.5, 1.96612, 0.701037, 0.0664806, 0.00552473, 0.000453958],
    ),
}


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_ewgs_gives_more_where_a_step_brings_nearer_to_the_level(sign):
    """Published values of 1 + δ·sign(G)·(v − Q(v)) at ±u from a jump, δ = 0.2."""
    function = ROUND.fixed(bits=3, edge="everywhere")
    for u, after, before in ((0.1, 0.92, 1.08), (0.25, 0.95, 1.05), (0.5, 1.0, 1.0)):
        for at, wanted in ((0.5 + u, after), (0.5 - u, before)):
            x = tf.constant([at], tf.float64)
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = sign * 3.0 * registry["ewgs"].hard(x, forward=function)
            factor = float(tape.gradient(y, x)[0]) / (3 * sign)
            assert factor == pytest.approx(wanted if sign > 0 else 2 - wanted, abs=1e-12)
    beyond = registry["ewgs"].signed_slope(tf.constant([3.25, 3.5, 9.0], tf.float64), forward=function)
    np.testing.assert_allclose(beyond, 0.2 * np.array([0.25, 0.5, 0.5]), rtol=1e-12)  # from 3, the last level
    assert registry["ste"].signed_slope(0.3) is None


@pytest.mark.parametrize("name", GOLDEN)
def test_the_slopes_of_the_field_have_their_published_values(name):
    """Beyond the last jump of a range that lets every gradient pass, on both ends."""
    estimator, parameters, normalize, values = GOLDEN[name]
    open_ended = ROUND.fixed(edge="everywhere")
    for x in (0.5 + STEPS, -1.5 - STEPS):  # two bits, signed: jumps at −1.5, −0.5 and 0.5
        m = registry[estimator].slope(tf.constant(x), forward=open_ended, normalize=normalize, **parameters).numpy()
        np.testing.assert_allclose(m, values, rtol=5e-6, atol=1e-9)


@pytest.mark.parametrize(
    "function", [ROUND, TERNARY, TERNARY.fixed(threshold=0.3)], ids=["round", "ternary", "narrow zone"]
)
@pytest.mark.parametrize("stretch", [None, 0.5, 3.0])
def test_by_its_period_every_slope_rises_as_much_as_a_step(function, stretch):
    """Each by quadrature over one step around a jump, pages with corners piece by piece; which cannot is declined."""
    half, declined = function.step_length / 2, set()
    jump = -0.5 if function.name == "round" else -function.parameters["threshold"]
    for name, page in registry.items():
        if page.unsupported_reason("period", function):
            declined.add(name)
            with pytest.raises(Unsupported):
                page.slope(0.0, forward=function, normalize="period", chance=Chance(key(0)))
            continue
        corners = [float(corner) * (stretch or 1) for corner in page.trait("corners")]
        edges = np.unique([-half, 0, half, *(corner for corner in corners if abs(corner) < half)])

        def slope(u, page=page):
            return page.slope(tf.constant(jump + u), forward=function, normalize="period", stretch=stretch).numpy()

        area = integrate.tanhsinh(slope, edges[:-1], edges[1:]).integral.sum()
        assert area == pytest.approx(1, rel=1e-6), name
    assert {"zero", "mag_aware", "sso"} <= declined <= {"zero", "mag_aware", "sso", "sparse_fs_snntorch"}
    for name in ("sign", "step"):
        with pytest.raises(Unsupported, match=f"^{name} has one jump alone, and so no period"):
            registry["ste"].slope(0.0, forward=name, normalize="period")


LEVELS = {
    (1, "signed"): [-1, 0],
    (1, "unsigned"): [0, 1],
    (2, "signed"): [-2, -1, 0, 1],
    (2, "narrow"): [-1, 0, 1],
    (2, "unsigned"): [0, 1, 2, 3],
    (8, "signed"): [*range(-128, 128)],
    (8, "narrow"): [*range(-127, 128)],
    (8, "unsigned"): [*range(256)],
}


@pytest.mark.parametrize("bits, kind", LEVELS)
@pytest.mark.parametrize("ties", ["even", "up", "away"])
def test_the_values_are_those_of_numpy(bits, kind, ties):
    """On a grid of eighths, which has every tie, against whole-number arithmetic."""
    function = ROUND.fixed(bits=bits, range=kind, ties=ties)
    assert list(function.outputs) == LEVELS[bits, kind]
    eighths = np.arange(-8 * 260, 8 * 260 + 1)
    down, rest = np.divmod(eighths, 8)
    tied = {"even": down + down % 2, "up": down + 1, "away": np.where(eighths < 0, down, down + 1)}[ties]
    nearest = np.select([rest < 4, rest > 4], [down, down + 1], tied)
    wanted = np.clip(nearest, LEVELS[bits, kind][0], LEVELS[bits, kind][-1])
    for dtype in ("float32", "float64"):
        np.testing.assert_array_equal(function.value(tf.constant(eighths / 8, dtype)), wanted)
    just_below = np.nextafter(np.float32(0.5), np.float32(0))
    assert float(function.value(tf.constant([just_below]))[0]) == min(0, LEVELS[bits, kind][-1])


def test_ties_are_those_of_the_frameworks():
    x = tf.constant([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5])
    wide = {ties: ROUND.fixed(bits=4, ties=ties).value(x).numpy() for ties in ("even", "up", "away")}
    np.testing.assert_array_equal(wide["even"], tf.round(x))
    fake = tf.quantization.fake_quant_with_min_max_args(x, min=-8, max=7, num_bits=4)
    np.testing.assert_array_equal(wide["up"], fake)
    np.testing.assert_array_equal(wide["away"], [-3, -2, -1, 1, 2, 3])


# Of two signed bits: levels −2 … 1. Where a gradient passes, among x below, at and beyond both ends.
AT = [-3.0, -2.6, -2.5, -2.4, -2.0, -1.9, 0.0, 0.9, 1.0, 1.4, 1.5, 1.6, 2.0]
PASSES = {
    "clip_closed": [0, 0, 0, 0, 1, 1, 1, 1, 1, 0, 0, 0, 0],
    "clip_open": [0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0],
    "round_closed": [0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0],  # 1.5 is rounded to 2, −2.5 to −2
    "round_open": [0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0],  # both end levels are frozen
    "everywhere": [1] * 13,
}


@pytest.mark.parametrize("edge", PASSES)
def test_an_edge_says_where_the_gradient_passes_and_changes_no_value(edge):
    x, function = tf.constant(AT), ROUND.fixed(edge=edge)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = registry["ste"].hard(x, forward=function)
    np.testing.assert_array_equal(tape.gradient(y, x), PASSES[edge])
    np.testing.assert_array_equal(y, ROUND.value(x))
    nan = registry["ste"].slope(tf.constant([math.nan]), forward=function)
    assert np.isnan(nan).all(), "what diverged is seen"


@pytest.mark.parametrize("bits, kind", [key for key in LEVELS if key != (1, "signed")])
def test_edges_are_those_of_tensorflow(bits, kind):
    """`clip_closed` is clip_by_value before the rounding; `clip_open` is what relu6 has at its ends."""
    low, high = LEVELS[bits, kind][0], LEVELS[bits, kind][-1]
    x = tf.constant([low - 1.0, low - 0.1, float(low), low + 0.4, high - 0.4, float(high), high + 0.1, high + 1.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.clip_by_value(x, low, high)
    function = ROUND.fixed(bits=bits, range=kind)
    np.testing.assert_array_equal(registry["ste"].slope(x, forward=function), tape.gradient(y, x))
    six = tf.constant([-1.0, 0.0, 1.0, 5.0, 6.0, 7.0])
    with tf.GradientTape() as tape:
        tape.watch(six)
        y = tf.nn.relu6(six)
    inside = (tf.constant(six) > 0) & (tf.constant(six) < 6)
    np.testing.assert_array_equal(tape.gradient(y, six) != 0, inside)


def test_what_the_field_knows_to_be_the_same():
    """Clipping at an edge is a clipped slope, since distances are from the last jump; trust is the wider of the two."""
    x = tf.constant(np.linspace(-4, 3, 1401) + 1e-4)
    ste, clipped = registry["ste"], registry["ste_clipped"]
    for edge, clip in (("clip_closed", 0.5), ("round_closed", 1.0)):
        one = ste.slope(x, forward=ROUND.fixed(edge=edge))
        other = clipped.slope(x, forward=ROUND.fixed(edge="everywhere"), clip=clip)
        np.testing.assert_array_equal(one, other)
    trust = tf.cast(tf.abs(x - ROUND.value(x)) <= 0.5, x.dtype)  # QuEST's at its default threshold
    np.testing.assert_array_equal(ste.slope(x, forward=ROUND.fixed(edge="round_closed")), trust)
    narrow = ROUND.fixed(range="narrow", edge="everywhere")
    np.testing.assert_array_equal(TERNARY.value(x), narrow.value(x))
    for name in ("tanh_slope", "dge", "stableqat"):
        one, other = (registry[name].slope(x, forward=function) for function in (TERNARY, narrow))
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_one_bit_is_a_step_that_was_moved():
    x = tf.constant(np.linspace(-1, 2, 61) + 1e-3)
    one_bit = ROUND.fixed(bits=1, range="unsigned", edge="everywhere")
    np.testing.assert_array_equal(one_bit.value(x), functions["step"].value(x - 0.5))
    for normalize in ("none", "area"):
        one = registry["tanh_slope"].slope(x, forward=one_bit, normalize=normalize)
        other = registry["tanh_slope"].slope(x - 0.5, forward="step", normalize=normalize)
        np.testing.assert_allclose(one, other, rtol=1e-12)


@pytest.mark.parametrize("way", ["eager", "in a graph", "under XLA"])
def test_each_replica_has_its_own_normalisation(way):
    """By its index, as the trainer has it, beside slopes that are stretched; what cannot be counts as it is."""
    x = tf.constant(np.linspace(-3, 2, 41) + 1e-3)

    def rows(index, scale):
        return tf.vectorized_map(
            lambda own: registry["tanh_slope"].slope(
                x, forward="round", normalize=own[0], scale=own[1], stretch=tf.constant(2.0, tf.float64)
            ),
            (index, scale),
            fallback_to_while_loop=False,
        )

    call = {"eager": rows, "in a graph": tf.function(rows, autograph=False)}.get(way)
    call = call or tf.function(rows, autograph=False, jit_compile=True)
    found = call(tf.range(4, dtype=tf.float64), tf.constant([0.5, 1.0, 2.0, 4.0], tf.float64))
    for i, kind in enumerate(("none", "peak", "area", "period")):
        wanted = registry["tanh_slope"].slope(x, forward="round", normalize=kind, scale=0.5 * 2.0**i, stretch=2.0)
        np.testing.assert_allclose(found[i], wanted, rtol=1e-12)


def test_what_cannot_be_is_one_sentence():
    for wrong, said in (
        ({"bits": 0}, "bits is 0, but must be 1, 2, 3, .* or 16"),
        ({"bits": 33}, "bits is 33, but must be 1, 2"),
        ({"bits": 2.5}, "bits is 2.5, but must be 1, 2"),
        ({"range": "wide"}, "range is 'wide', but must be one of: signed, narrow, unsigned"),
        (
            {"edge": "clip"},
            "edge is 'clip', but must be one of: clip_closed, clip_open, round_closed, round_open, everywhere",
        ),
        ({"bits": 1, "range": "narrow"}, "needs at least 2 bits where the range is narrow"),
        ({"threshold": 0.4}, "round has no parameter 'threshold'; its parameters are: bits, range, ties, edge"),
    ):
        for call in (ROUND.fixed, lambda **wrong: as_hard_function({"name": "round", **wrong})):
            with pytest.raises(UserError, match=said):
                call(**wrong)
    for threshold in (0, -1.0, math.nan, "0.5"):
        with pytest.raises(UserError, match="ternary.threshold is "):
            TERNARY.fixed(threshold=threshold)
    assert as_hard_function({"name": "round", "bits": 4}) == ROUND.fixed(bits=4) != ROUND
    examples = [ROUND.fixed(**chosen) for chosen in ROUND.example_parameters()]
    assert len({*examples}) == len(examples) == 1 + 15 + 2 + 2 + 4
    assert all(
        len(one.outputs) == 2 ** one.parameters["bits"] - (one.parameters["range"] == "narrow") for one in examples
    )
    assert all(b - a == 1 for one in examples[:5] for a, b in itertools.pairwise(one.outputs))
