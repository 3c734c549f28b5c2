"""Problems whose choices are all tried: where a loss stands among theirs."""

from __future__ import annotations

import tensorflow as tf

CLOSE = 1e-5  # losses that are as close are not told apart: single precision has them by two formulas


def place(losses: tf.Tensor, excess: tf.Tensor) -> tf.Tensor:
    """How many choices are better than one.

    Args:
        losses: of all choices, any shape.
        excess: how far the loss of the one is above the least of them, a scalar.

    Returns:
        A scalar of its dtype; an excess that is not finite stays.
    """
    better = losses - tf.reduce_min(losses) < excess - CLOSE
    return tf.where(tf.math.is_finite(excess), tf.reduce_sum(tf.cast(better, excess.dtype)), excess)
