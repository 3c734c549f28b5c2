"""What an argmax hands down: against gradients of relaxations that are solved in another way."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.optimize import brentq

from estimators import registry
from estimators.function import functions
from steeplechase.errors import Unsupported, UserError

ARGMAX = functions["argmax"]
DRAW = np.random.Generator(np.random.PCG64(0))
X, G = DRAW.normal(0, 1.0, [12, 6]), DRAW.normal(size=[12, 6])


def simplex(x, share):
    """p with share(x − τ) that adds up to 1, τ by a root finder."""
    tau = brentq(lambda tau: share(x - tau).sum() - 1, x.min() - 20, x.max() + 20, xtol=1e-14, rtol=1e-15)
    return share(x - tau)


# What each page relaxes the choice to, at these parameters.
RELAXED = {
    "sigmoid_derivative": ({"scale": 2.0}, lambda x: np.exp(2 * x) / np.exp(2 * x).sum()),
    "rect": ({"alpha": 0.7}, lambda x: simplex(1.4 * x, lambda z: np.maximum(z, 0))),
    "entmax15": ({"scale": 1.5}, lambda x: simplex(0.75 * x, lambda z: np.maximum(z, 0) ** 2)),
    "exponential": (
        {"alpha": 0.5},
        lambda x: simplex(x, lambda z: np.where(z < 0, np.exp(-np.abs(z)) / 2, 1 - np.exp(-np.abs(z)) / 2)),
    ),
}


def handed_down(name, x, g, **parameters):
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = registry[name].hard(x, forward=ARGMAX, **parameters)
    return y.numpy(), tape.gradient(y, x, output_gradients=tf.constant(g)).numpy()


@pytest.mark.parametrize("name", RELAXED)
def test_it_is_the_gradient_of_the_relaxation(name):
    """By central differences; the forward pass stays hard."""
    parameters, relaxed = RELAXED[name]
    y, down = handed_down(name, X, G, **parameters)
    np.testing.assert_array_equal(y, np.eye(6)[X.argmax(1)])
    h = 1e-6
    for x, g, found in zip(X, G, down, strict=True):
        known = [(g @ relaxed(x + h * e) - g @ relaxed(x - h * e)) / (2 * h) for e in np.eye(6)]
        np.testing.assert_allclose(found, known, atol=1e-7)


@pytest.mark.parametrize("name, known", [("ste", G), ("zero", 0 * G)])
def test_the_gradient_passes_as_it_is_or_not_at_all(name, known):
    np.testing.assert_array_equal(handed_down(name, X, G)[1], known)


def test_what_has_no_share_gets_nothing_but_of_a_softmax():
    """Sparsemax and entmax end: (3, 1, 0) at scale 1 is all the first's; of (1, ½, −9) the last has no share."""
    x, g = np.array([[3.0, 1.0, 0.0], [1.0, 0.5, -9.0]]), np.array([[1.0, -2.0, 0.5], [1.0, -2.0, 0.5]])
    for name, own in (("rect", {"alpha": 0.5}), ("entmax15", {"scale": 1.0})):
        down = handed_down(name, x, g, **own)[1]
        assert (down[0] == 0).all() and down[1, 2] == 0 and (down[1, :2] != 0).all(), name
    assert (handed_down("sigmoid_derivative", x, g)[1] != 0).all()


def test_what_says_nothing_of_choices_is_declined():
    with pytest.raises(
        Unsupported, match="tanh_slope does not say what argmax hands down; those that do are: entmax15"
    ):
        registry["tanh_slope"].hard(X, forward=ARGMAX)
    with pytest.raises(Unsupported, match="what argmax hands down cannot be normalised"):
        registry["rect"].hard(X, forward=ARGMAX, normalize="area")
    with pytest.raises(Unsupported, match="argmax mixes the elements of the last axis, and has no slope"):
        registry["rect"].slope(X, forward=ARGMAX)
    with pytest.raises(UserError, match="argmax has no slope to stretch and no step"):
        registry["rect"].hard(X, forward=ARGMAX, step_size=0.5)
    with pytest.raises(UserError, match="but x is a single number"):
        ARGMAX.value(0.5)


def test_a_tangent_is_the_transpose():
    x, direction = tf.constant(X), tf.constant(G)
    with tf.autodiff.ForwardAccumulator(x, direction) as forward:
        y = registry["entmax15"].hard(x, forward=ARGMAX)
    np.testing.assert_allclose(forward.jvp(y), handed_down("entmax15", X, G)[1], atol=1e-12)
