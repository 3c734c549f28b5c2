"""The hard tanh, which is not hard in our sense: real activations with the bounds of the sign."""

import tensorflow as tf
from jaxtyping import Float

from estimators.function import hard_function


@hard_function(label="hard tanh(x)", levels=(), rise=2.0, exact="ste_clipped")
def hard_tanh(x: Float[tf.Tensor, "*shape"]) -> Float[tf.Tensor, "*shape"]:
    """x between −1 and 1, and the nearer of the two beyond; the clipped straight-through slope is its derivative.

    Args:
        x: any shape, any floating dtype.

    Returns:
        The shape and dtype of x.
    """
    return tf.clip_by_value(x, -1, 1)
