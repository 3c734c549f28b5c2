"""An objective of drawn values that is no polynomial, for contracts and tests: a small network with fixed numbers."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from estimators.laws import Law

UNITS = 8
EVENTS = {"bernoulli": (6,), "categorical": (3, 4)}  # of 64 states each


def objective(law: Law, event: tuple[int, ...], seed: int = 0) -> Callable[[tf.Tensor], tf.Tensor]:
    """Σ_j w_j·tanh(Σ_i A_ij·b_i + c_j) with numbers from a normal distribution, A half as large again: smooth between
    hard values, and of every degree.

    Args:
        law: of what is drawn.
        event: the shape of one draw.
        seed: of the numbers.

    Returns:
        A function of [..., event], of any floating dtype, that gives [...].
    """
    draw = np.random.default_rng([seed, *event])
    size = math.prod(event)
    matrix, shift, weights = 1.5 * draw.normal(size=[size, UNITS]), draw.normal(size=UNITS), draw.normal(size=UNITS)

    def values(drawn):
        flat = tf.reshape(drawn, [*drawn.shape[: -law.axes], size])
        hidden = tf.tanh(tf.tensordot(flat, tf.constant(matrix, flat.dtype), 1) + tf.constant(shift, flat.dtype))
        return tf.reduce_sum(hidden * tf.constant(weights, flat.dtype), -1)

    return values


def polynomial(law: Law, event: tuple[int, ...], degree: int, seed: int = 0) -> Callable[[tf.Tensor], tf.Tensor]:
    """A polynomial of a degree in the drawn values: a sum of powers of random linear functions of them.

    Args:
        law: of what is drawn.
        event: the shape of one draw.
        degree: at least 1. A square of a bit is the bit, but its derivative is another one: the degree is that of the
            function between hard values.
        seed: of the numbers.

    Returns:
        As `objective`.
    """
    draw = np.random.default_rng([seed, degree, *event])
    size = math.prod(event)
    matrix, shift = draw.normal(size=[size, UNITS]), draw.normal(size=UNITS)

    def values(drawn):
        flat = tf.reshape(drawn, [*drawn.shape[: -law.axes], size])
        linear = tf.tensordot(flat, tf.constant(matrix, flat.dtype), 1) + tf.constant(shift, flat.dtype)
        return tf.reduce_mean(linear**degree, -1)

    return values


def gradient(law: Law, logits: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The gradient of the expected objective by the logits, summed over all states in NumPy.

    Args:
        law: of what is drawn.
        logits: float64, of the shape of one draw.
        values: of the objective at each state, in the order of Law.all_states.

    Returns:
        float64, of the shape of the logits.
    """
    states = law.all_states(logits.shape)
    if law.axes == 1:
        mean = 1 / (1 + np.exp(-logits))
        chances = np.prod(np.where(states > 0, mean, 1 - mean), 1)
    else:
        shares = np.exp(logits - logits.max(-1, keepdims=True))
        mean = shares / shares.sum(-1, keepdims=True)
        chances = np.prod((states * mean).sum(-1), -1)
    return np.tensordot(chances * values, states - mean, 1)
