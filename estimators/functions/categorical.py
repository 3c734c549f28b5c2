"""A choice that is drawn: one of the last axis, with the probabilities that its logits say."""

import tensorflow as tf
from jaxtyping import Float

from estimators.function import hard_function
from estimators.laws import CATEGORICAL
from steeplechase.errors import UserError


@hard_function(label="Categorical(softmax(x))", levels=(0.0, 1.0), rise=1.0, mixes=True, law=CATEGORICAL)
def categorical(x: Float[tf.Tensor, "*shape"]) -> Float[tf.Tensor, "*shape"]:
    """One-hot: 1 where x is the largest of the last axis, at the first place of several, and 0 elsewhere.

    With Gumbel's noise added to x each is chosen with the probability that softmax(x) gives it (Gumbel 1954; Maddison
    et al. 2014, arXiv:1411.0030); that noise is added while training. Without it, as networks are judged, it is the
    likeliest choice.

    Args:
        x: logits, any floating dtype, with at least one axis.

    Returns:
        The shape and dtype of x.

    Raises:
        UserError: for a single number.
    """
    if x.shape.rank == 0:
        raise UserError("categorical chooses among the elements of the last axis, but x is a single number.")
    return CATEGORICAL.decide(x)
