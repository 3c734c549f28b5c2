"""The choice of the largest: 1 for it, 0 for all others of the last axis."""

import tensorflow as tf
from jaxtyping import Float

from estimators.function import hard_function
from estimators.laws import first_largest
from steeplechase.errors import UserError


@hard_function(label="argmax(x)", levels=(0.0, 1.0), rise=1.0, mixes=True)
def argmax(x: Float[tf.Tensor, "*shape"]) -> Float[tf.Tensor, "*shape"]:
    """One-hot: 1 where x is the largest of the last axis, at the first place of several, and 0 elsewhere.

    Args:
        x: any floating dtype, with at least one axis.

    Returns:
        The shape and dtype of x.

    Raises:
        UserError: for a single number.
    """
    if x.shape.rank == 0:
        raise UserError("argmax chooses among the elements of the last axis, but x is a single number.")
    return first_largest(x)
