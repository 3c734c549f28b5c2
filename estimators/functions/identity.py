"""The identity, which is not hard: real weights, or real activations without a bound."""

import math

import tensorflow as tf
from jaxtyping import Float

from estimators.function import hard_function


@hard_function(label="x", levels=(), rise=math.inf, exact="ste")
def identity(x: Float[tf.Tensor, "*shape"]) -> Float[tf.Tensor, "*shape"]:
    """x as it is; the straight-through slope is its derivative.

    Args:
        x: any shape, any floating dtype.

    Returns:
        The same tensor.
    """
    return x
