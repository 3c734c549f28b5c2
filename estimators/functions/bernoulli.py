"""A bit that is drawn: 1 with the probability that its logit says."""

import tensorflow as tf
from jaxtyping import Float

from estimators.function import hard_function
from estimators.laws import BERNOULLI


@hard_function(label="Bernoulli(σ(x))", levels=(0.0, 1.0), rise=1.0, law=BERNOULLI)
def bernoulli(x: Float[tf.Tensor, "*shape"]) -> Float[tf.Tensor, "*shape"]:
    """1 where x is above 0, else 0.

    With logistic noise added to x it is 1 with probability σ(x); that noise is added while training. Without it, as
    networks are judged, it is the likelier bit.

    Args:
        x: logits, any shape, any floating dtype.

    Returns:
        The shape and dtype of x.
    """
    return BERNOULLI.decide(x)
