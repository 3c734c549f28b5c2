"""Learned steps: start, value and gradient of each rule against its paper's formula, written out in NumPy."""

import math

import numpy as np
import pytest
import tensorflow as tf

from estimators.function import functions
from estimators.step_size import LSQ
from estimators.surrogate import registry
from steeplechase.errors import UserError

SIGNED = functions["round"].fixed(bits=3)
UNSIGNED = functions["round"].fixed(bits=2, range="unsigned")
DRAW = np.random.default_rng(7)
X, UPSTREAM = DRAW.normal(0, 2.0, [6, 5]), DRAW.normal(0, 1.0, [6, 5])
LEARNED = ("absmax", "absmean", "lsq", "lsq_log", "pact", "tqt")


def ends(function):
    return function.outputs[0], function.outputs[-1]


def value_and_gradients(name, trained, function, x=X, upstream=UPSTREAM, **parameters):
    """s·Q(x/s), and what comes back to x and to what is trained."""
    x, trained = tf.constant(x), tf.constant(trained, tf.float64)
    with tf.GradientTape() as tape:
        tape.watch([x, trained])
        y = registry[name].hard(x, forward=function, step_size=trained, **parameters)
        total = tf.reduce_sum(y * upstream)
    down = tape.gradient(total, (x, trained), unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return [t.numpy() for t in (y, *down)]


def lsq(x, s, function):
    """Value, gradient to x and, of each element, to s: the three cases of the paper."""
    low, high = ends(function)
    v = x / s
    inside = (v >= low) & (v <= high)
    return (
        s * np.rint(np.clip(v, low, high)),
        inside * 1.0,
        np.where(inside, np.rint(v) - v, np.where(v < low, low, high)),
    )


@pytest.mark.parametrize("function", [SIGNED, UNSIGNED], ids=["signed", "unsigned"])
@pytest.mark.parametrize("shape", [(), (5,)], ids=["tensor", "channel"])
def test_lsq_is_the_papers(function, shape):
    s = np.linspace(0.6, 1.1, 5) if shape else np.array(0.8)
    y, to_x, to_s = value_and_gradients("lsq", s, function)
    wanted, passes, by_s = lsq(X, s, function)
    np.testing.assert_allclose(y, wanted, rtol=1e-14)
    np.testing.assert_allclose(to_x, UPSTREAM * passes, rtol=1e-14)
    shared = X.size // max(len(s.ravel()), 1)
    scale = 1 / math.sqrt(shared * ends(function)[1])
    np.testing.assert_allclose(to_s, scale * (UPSTREAM * by_s).sum(0 if shape else None), rtol=1e-12)
    np.testing.assert_allclose(value_and_gradients("lsq", s, function, gradient_scale=0.25)[2], to_s / 4, rtol=1e-12)
    assert not value_and_gradients("lsq", s, function, gradient_scale=0.0)[2].any(), "the step stays where it starts"
    for a, b in zip(value_and_gradients("ste", s, function), (y, to_x, to_s), strict=True):
        np.testing.assert_array_equal(a, b)  # the rule of all pages that have none of their own


def test_the_gradient_by_the_step_is_a_difference_of_what_stays_rounded_as_it_was():
    """Central differences of s·(clip(x/s) + δ), δ being what rounding added at s: range and grid move, no more."""
    s, h, (low, high) = 0.8, 1e-6, ends(SIGNED)
    added = np.rint(np.clip(X / s, low, high)) - np.clip(X / s, low, high)

    def fixed(step):
        return step * (np.clip(X / step, low, high) + added)

    difference = (fixed(s + h) - fixed(s - h)) / (2 * h)
    np.testing.assert_allclose(lsq(X, s, SIGNED)[2], difference, atol=1e-8)
    whole = value_and_gradients("lsq", s, SIGNED)[2] * math.sqrt(X.size * high)
    np.testing.assert_allclose(whole, (UPSTREAM * difference).sum(), rtol=1e-7)


def test_pact_is_the_papers():
    """Only what is cut off moves the end: the difference of s·clip(x/s) by α; and α decays."""
    end, h, decay = 2.4, 1e-6, 0.01
    y, to_x, to_end = value_and_gradients("pact", end, UNSIGNED, decay=decay)
    step = end / 3
    np.testing.assert_allclose(y, step * np.rint(np.clip(X / step, 0, 3)), rtol=1e-14)
    np.testing.assert_allclose(to_x, UPSTREAM * ((end >= X) & (X >= 0)), rtol=1e-14)
    difference = (np.clip(X, 0, end + h) - np.clip(X, 0, end - h)) / (2 * h)
    np.testing.assert_allclose(to_end, (UPSTREAM * difference).sum() + decay * end, rtol=1e-7)
    for start, wanted in ((2.0, 2.0), (60.0, np.abs(X).max())):
        begun = registry["pact"].step_size.begin(tf.constant(X), (), UNSIGNED, start=start, decay=0.0)
        np.testing.assert_allclose(begun, wanted)


@pytest.mark.parametrize("exponent, step", [(0.7, 2.0 / 4), (1.0, 2.0 / 4), (1.2, 4.0 / 4), (-1.5, 0.5 / 4)])
def test_tqt_is_the_papers(exponent, step):
    """A power of two from t on, over 2^(bits − 1); and ln 2·s times LSQ's gradient goes to log2 t."""
    function = SIGNED.fixed(edge="round_closed")
    low, high = ends(function)
    y, to_x, to_exponent = value_and_gradients("tqt", exponent, function)
    nearest = np.rint(X / step)
    inside = (nearest >= low) & (nearest <= high)
    np.testing.assert_allclose(y, step * np.clip(nearest, low, high), rtol=1e-13)
    np.testing.assert_allclose(to_x, UPSTREAM * inside, rtol=1e-14)
    by_step = np.where(inside, nearest - X / step, np.clip(nearest, low, high))
    np.testing.assert_allclose(to_exponent, math.log(2) * step * (UPSTREAM * by_step).sum(), rtol=1e-12)
    begun = registry["tqt"].step_size.begin(tf.constant(X), (), function)
    np.testing.assert_allclose(2**begun, np.abs(X).max(), rtol=1e-12)


def test_the_logarithm_of_a_step_gets_the_step_times_its_gradient():
    y, to_x, to_log = value_and_gradients("lsq_log", math.log(0.8), SIGNED)
    wanted, passes, by_s = lsq(X, 0.8, SIGNED)
    np.testing.assert_allclose(y, wanted, rtol=1e-13)
    np.testing.assert_allclose(to_x, UPSTREAM * passes, rtol=1e-14)
    np.testing.assert_allclose(to_log, 0.8 * (UPSTREAM * by_s).sum(), rtol=1e-12)


@pytest.mark.parametrize("shape", [(), (5,)], ids=["tensor", "channel"])
@pytest.mark.parametrize(
    "name, of", [("absmean", lambda x, axis: x.mean(axis)), ("absmax", lambda x, axis: x.max(axis) / 3)]
)
def test_a_step_of_what_arrives_is_trained_by_nothing(name, of, shape):
    """It follows from x alone, whatever θ is, and no gradient passes it on its way to x."""
    step = of(np.abs(X), 0 if shape else None)
    wanted, passes, _ = lsq(X, step, SIGNED)
    for theta in (0.3, 7.0):
        y, to_x, to_theta = value_and_gradients(name, np.full(shape, theta), SIGNED)
        np.testing.assert_allclose(y, wanted, rtol=1e-13)
        np.testing.assert_allclose(to_x, UPSTREAM * passes, rtol=1e-14)
        assert not np.any(to_theta)
    begun = registry[name].step_size.begin(tf.constant(X), shape, SIGNED)
    np.testing.assert_allclose(begun, step, rtol=1e-13)


def test_a_slope_takes_the_place_of_the_one_within_the_range():
    """To s goes Q(v) − v·m for every slope m of the book."""
    function = SIGNED.fixed(edge="everywhere")
    for name in ("tanh_slope", "dge", "stableqat"):
        y, to_x, to_s = value_and_gradients(name, 0.8, function, normalize="period")
        m = registry[name].slope(tf.constant(X / 0.8), forward=function, normalize="period").numpy()
        np.testing.assert_allclose(to_x, UPSTREAM * m, rtol=1e-12)
        wanted = (UPSTREAM * (y / 0.8 - X / 0.8 * m)).sum() / math.sqrt(X.size * 3)
        np.testing.assert_allclose(to_s, wanted, rtol=1e-11)


@pytest.mark.parametrize("shape", [(), (5,)])
def test_lsq_starts_at_twice_the_mean_over_the_root_of_the_largest_level(shape):
    mean = np.abs(X).mean(0 if shape else None)
    for name, back in (("lsq", lambda own: own), ("lsq_log", np.exp), ("tanh_slope", lambda own: own)):
        begun = registry[name].step_size.begin(tf.constant(X), shape, SIGNED).numpy()
        np.testing.assert_allclose(back(begun), 2 * mean / math.sqrt(3), rtol=1e-12, err_msg=name)
    assert LSQ.begin(tf.zeros([4]), (), SIGNED) > 0, "what is nothing at first has levels, too"


@pytest.mark.parametrize("name", LEARNED)
def test_all_of_it_is_finite_in_every_type_and_compiles(name):
    for dtype in ("float16", "float32", "float64"):
        x, theta = tf.constant([-1e3, -1.0, 0.0, 0.3, 1e3], dtype), tf.constant(0.5, dtype)

        @tf.function(jit_compile=True)
        def both(x, theta):
            with tf.GradientTape() as tape:
                tape.watch([x, theta])
                y = registry[name].hard(x, forward=SIGNED, step_size=theta)
            return y, *tape.gradient(y, (x, theta), unconnected_gradients=tf.UnconnectedGradients.ZERO)

        found = both(x, theta)
        assert all(np.isfinite(t.numpy().astype(float)).all() and t.dtype == x.dtype for t in found), dtype


@pytest.mark.parametrize(
    "function, step, said",
    [
        (SIGNED, 0.0, "step_size is 0, but must be at least 1e-05"),
        (SIGNED, -1.0, "step_size is -1, but must be at least 1e-05"),
        (SIGNED, math.nan, "step_size is nan"),
        (functions["identity"], 1.0, "identity is no quantizer and has no step"),
    ],
)
def test_what_is_no_step_is_refused(function, step, said):
    with pytest.raises(UserError, match=said):
        registry["lsq"].hard(tf.constant(X), forward=function, step_size=tf.constant(step, tf.float64))
