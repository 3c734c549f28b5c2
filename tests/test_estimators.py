"""What every estimator promises, by its traits."""

import ast
import inspect
import math
from pathlib import Path

import jaxtyping
import numpy as np
import pytest
import tensorflow as tf
from scipy import integrate

import estimators
from estimators.base import FORWARDS, Declined, EstimatorError, Range, Surrogate, book, surrogate, value

FLOATS = ("float16", "bfloat16", "float32", "float64")
EXTREMES = [0.0, -0.0, 1e-30, -1e-30, 1e4, -1e4, 3e38, -3e38, math.inf, -math.inf]
GRID = np.linspace(-6, 6, 97)


def at(page: Surrogate, x, **parameters):
    """The slope in float64, as NumPy."""
    return page.slope(tf.constant(x, tf.float64), **parameters).numpy()


def settings(page: Surrogate):
    """The defaults, and every parameter at half and at twice its default."""
    yield {}
    for name, default in page.parameters.items():
        yield {name: default / 2}
        yield {name: default * 2}


def test_formula_is_the_derivative_of_its_counterpart(page):
    if page.counterpart is None:
        assert page.peak == 0, f"{page.name} declares no counterpart, and nothing else holds its formula"
        assert not at(page, GRID).any()
        return
    h = 1e-6
    for chosen in settings(page):
        own = {k: tf.constant(v, tf.float64) for k, v in {**page.parameters, **chosen}.items()}
        x = GRID + 0.01234  # off the corners of piecewise slopes
        rise = page.counterpart(tf.constant(x + h), **own) - page.counterpart(tf.constant(x - h), **own)
        np.testing.assert_allclose(at(page, x, **chosen), rise.numpy() / (2 * h), atol=1e-8)


def test_known_values(page):
    for x, slope in page.known:
        np.testing.assert_allclose(at(page, x), slope, rtol=0, atol=1e-9)


def test_traits_hold(page):
    for chosen in settings(page):
        slope = at(page, GRID, **chosen)
        if page.even:
            np.testing.assert_allclose(slope, slope[::-1], rtol=1e-12)
        if page.positive:
            assert (slope >= 0).all()
        reach, peak, area = (float(page.trait(name, **chosen)) for name in ("support", "peak", "area"))
        np.testing.assert_allclose(at(page, np.linspace(-9, 9, 20001), **chosen).max(), peak, rtol=1e-6)
        if math.isfinite(reach):
            assert not at(page, [-reach - 1e-9, reach + 1e-9, 3 * reach + 1], **chosen).any()
        if math.isfinite(area):
            edges = [-reach, reach] if 0 < reach < math.inf else None
            found = integrate.quad(
                lambda x, chosen=chosen: float(at(page, x, **chosen)), -60, 60, points=edges, limit=400
            )
            np.testing.assert_allclose(found[0], area, atol=1e-6)
        else:
            assert slope[0] > 0 and slope[-1] > 0, "an infinite area needs tails that do not end"


def test_every_parameter_changes_the_slope(page):
    for name, default in page.parameters.items():
        assert np.abs(at(page, GRID, **{name: default * 2}) - at(page, GRID)).max() > 1e-3, name


@pytest.mark.parametrize("dtype", FLOATS)
def test_extremes_are_finite_and_nan_stays_nan(page, dtype):
    x = tf.cast(tf.constant(EXTREMES, tf.float64), dtype)
    slope = page.slope(x)
    assert slope.dtype == x.dtype
    assert np.isfinite(tf.cast(slope, tf.float64).numpy()).all()
    nan = page.slope(tf.constant([math.nan], dtype))
    assert tf.math.is_nan(nan)[0]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("forward", FORWARDS)
def test_operation_keeps_shape_and_type_and_multiplies_the_upstream(page, dtype, forward):
    x = tf.cast(tf.reshape(tf.linspace(-2.0, 2.0, 24), [2, 3, 4]), dtype)
    upstream = tf.cast(tf.reshape(tf.range(24.0) - 7, [2, 3, 4]), dtype)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = page.hard(x, forward=forward)
    downstream = tape.gradient(y, x, output_gradients=upstream)
    assert y.shape == x.shape and y.dtype == x.dtype
    assert downstream is not None and downstream.dtype == x.dtype
    np.testing.assert_array_equal(
        tf.cast(downstream, tf.float64).numpy(), tf.cast(upstream * page.slope(x, forward=forward), tf.float64).numpy()
    )
    assert set(np.unique(tf.cast(y, tf.float64).numpy())) <= ({-1.0, 1.0} if forward == "sign" else {0.0, 1.0})


@pytest.mark.parametrize("shape", [[], [0], [5], [2, 3], [2, 1, 3, 2]])
def test_any_shape(page, shape):
    x = tf.zeros(shape) + 0.3
    assert page.slope(x).shape == x.shape and page.hard(x).shape == x.shape


def test_eager_graph_xla_and_vectorized_agree(page):
    x = tf.constant(GRID.reshape(-1, 1), tf.float32)
    scale = {name: tf.fill([len(GRID)], np.float32(default * 1.5)) for name, default in page.parameters.items()}

    def gradient(x, own):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = page.hard(x, **own)
        return y, tape.gradient(y, x)

    one = {name: v[0] for name, v in scale.items()}
    eager = gradient(x, one)
    ways = {
        "graph": tf.function(gradient)(x, one),
        "XLA": tf.function(gradient, jit_compile=True)(x, one),
        "vectorized": tf.vectorized_map(lambda a: gradient(*a), (x, scale), fallback_to_while_loop=False),
    }
    for way, (y, slope) in ways.items():
        np.testing.assert_array_equal(y, eager[0], err_msg=way)
        np.testing.assert_allclose(slope, eager[1], rtol=2e-6, atol=1e-12, err_msg=way)


@pytest.mark.parametrize("forward, jump", [("sign", 2.0), ("step", 1.0)])
def test_normalised_by_area_and_peak(page, forward, jump):
    for kind, wanted in (("area", jump), ("peak", 1.0)):
        reason = page.decline(kind)
        if reason:
            assert page.name in reason and kind in reason
            with pytest.raises(Declined):
                page.slope(0.0, forward=forward, normalize=kind)
            continue
        for chosen in settings(page):
            raw = at(page, GRID, **chosen)
            own = page.trait(kind, **chosen)
            scaled = at(page, GRID, forward=forward, normalize=kind, **chosen)
            np.testing.assert_allclose(scaled, raw * wanted / own, rtol=1e-12)


def test_docstring_has_the_three_words_and_shapes(page):
    text = inspect.getdoc(page.rule)
    words = [text.index(word) for word in ("Replaces", "With", "Needs")]
    assert words == sorted(words)
    assert "shape" in text and page.source


def test_parameters_outside_their_range_are_refused(page):
    for name, allowed in page.needs.items():
        assert name in page.parameters
        if allowed.above > -math.inf:
            with pytest.raises(EstimatorError, match=f"{page.name}.{name}"):
                page.slope(0.0, **{name: allowed.above - 1})
    with pytest.raises(EstimatorError, match="no parameter 'nonsense'"):
        page.slope(0.0, nonsense=1.0)


@pytest.mark.parametrize("forward", FORWARDS)
@pytest.mark.parametrize("at_zero", [1, 0, -1])
@pytest.mark.parametrize("dtype", FLOATS)
def test_forward_values(forward, at_zero, dtype):
    x = tf.constant([-math.inf, -1e-7, -0.0, 0.0, 1e-7, math.inf, math.nan], dtype)
    zero = at_zero if forward == "sign" else (at_zero + 1) / 2
    low = -1.0 if forward == "sign" else 0.0
    for call in (value, tf.function(value, jit_compile=True)):
        y = tf.cast(call(x, forward=forward, at_zero=at_zero), tf.float64).numpy()
        np.testing.assert_array_equal(y, [low, low, zero, zero, 1.0, 1.0, math.nan])


def test_a_wrong_choice_is_one_sentence():
    with pytest.raises(EstimatorError, match="did you mean 'tanh_slope'"):
        estimators.book["tanh_slop"]
    with pytest.raises(EstimatorError, match="forward is 'sine'"):
        value(0.0, forward="sine")
    with pytest.raises(EstimatorError, match="at_zero is 2"):
        value(0.0, at_zero=2)
    with pytest.raises(EstimatorError, match="two estimators named 'ste'"):
        surrogate(label="", source="", even=True, positive=True, area=1, peak=1)(estimators.book["ste"].rule)


def test_the_book_is_the_folder():
    folder = Path(estimators.__file__).parent
    pages = {path.stem for path in folder.glob("*.py")} - {"__init__", "base"}
    assert pages == set(book)
    for name in pages:
        imported = {
            node.module.split(".")[0] + "." + node.module.split(".")[1]
            for node in ast.walk(ast.parse((folder / f"{name}.py").read_text()))
            if isinstance(node, ast.ImportFrom) and node.module.startswith("estimators")
        }
        assert imported <= {"estimators.base"}, f"{name} imports another page"


FAULTS = {
    "a dropped factor": {"rule": lambda x, *, scale=1.0: tf.sigmoid(scale * x) * tf.sigmoid(-scale * x)},
    "a parameter that does nothing": {"rule": lambda x, *, scale=1.0: tf.sigmoid(x) * tf.sigmoid(-x) + 0 * scale},
    "overflow": {"rule": lambda x, *, scale=1.0: scale * tf.exp(-scale * x) / (1 + tf.exp(-scale * x)) ** 2},
    "a wrong area": {"area": 2},
    "a wrong peak": {"peak": 1},
    "not even": {"rule": lambda x, *, scale=1.0: scale * tf.sigmoid(scale * x) * tf.sigmoid(-scale * x + 0.1)},
    "another type": {"rule": lambda x, *, scale=1.0: tf.cast(x, tf.float64) * 0 + 1},
    "a wrong range": {"needs": {"slope": Range(above=0)}},
}
CONTRACT = [
    test_formula_is_the_derivative_of_its_counterpart,
    test_traits_hold,
    test_every_parameter_changes_the_slope,
    lambda page: test_extremes_are_finite_and_nan_stays_nan(page, "float32"),
    lambda page: test_operation_keeps_shape_and_type_and_multiplies_the_upstream(page, "float32", "sign"),
    test_eager_graph_xla_and_vectorized_agree,
    test_parameters_outside_their_range_are_refused,
]


CAUGHT = (AssertionError, ValueError, TypeError, tf.errors.OpError, jaxtyping.TypeCheckError)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_caught(fault):
    good = estimators.book["sigmoid_derivative"]
    bad = Surrogate(**{**vars(good), **FAULTS[fault]})
    caught = 0
    for promise in CONTRACT:
        promise(good)
        try:
            promise(bad)
        except CAUGHT:
            caught += 1
    assert caught, f"{fault} passed every test"
