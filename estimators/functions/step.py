"""The step: 0 below zero, 1 above."""

import tensorflow as tf
from jaxtyping import Float

from estimators.function import hard_function


@hard_function(label="step(x)", levels=(0.0, 1.0), rise=1.0, allowed={"at_zero": (1, 0, -1)})
def step(x: Float[tf.Tensor, "*shape"], *, at_zero=1) -> Float[tf.Tensor, "*shape"]:
    """0 where x < 0, 1 where x > 0; at zero and at −0 the counterpart of sign's `at_zero`.

    Args:
        x: any shape, any floating dtype.
        at_zero: 1, 0 or −1, for a value at zero of 1, ½ or 0.

    Returns:
        The shape and dtype of x.
    """
    one = tf.ones_like(x)
    return tf.where(x > 0, one, tf.where(x < 0, tf.zeros_like(x), (at_zero * one + 1) / 2))
