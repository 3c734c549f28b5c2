"""The sign: −1 below zero, +1 above."""

import tensorflow as tf
from jaxtyping import Float

from estimators.function import hard_function


@hard_function(label="sign(x)", levels=(-1.0, 1.0), rise=2.0, allowed={"at_zero": (1, 0, -1)})
def sign(x: Float[tf.Tensor, "*shape"], *, at_zero=1) -> Float[tf.Tensor, "*shape"]:
    """−1 where x < 0, +1 where x > 0, and `at_zero` at zero and at −0.

    Args:
        x: any shape, any floating dtype.
        at_zero: 1, 0 or −1.

    Returns:
        The shape and dtype of x.
    """
    one = tf.ones_like(x)
    return tf.where(x > 0, one, tf.where(x < 0, -one, at_zero * one))
