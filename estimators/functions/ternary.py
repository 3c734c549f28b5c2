"""Three values: −1, 0 and 1, with a dead zone around zero."""

import tensorflow as tf
from jaxtyping import Float

from estimators.function import hard_function
from estimators.parameters import positive


@hard_function(
    label="ternary(x)",
    levels=(-1.0, 0.0, 1.0),
    rise=1.0,
    jump=lambda x, threshold: x - tf.where(x < 0, -threshold * tf.ones_like(x), threshold * tf.ones_like(x)),
    period=lambda threshold: 2 * threshold,
    needs={"threshold": positive},
)
def ternary(x: Float[tf.Tensor, "*shape"], *, threshold=0.5) -> Float[tf.Tensor, "*shape"]:
    """The sign of x where |x| > threshold, else 0. At a threshold of ½ it is `round` to two bits of a narrow range.

    Ternary weight networks (Li et al. 2016, arXiv:1605.04711) put the threshold at 0.7 times the mean of |x|, and scale
    the values: where weights have a mean size of 1, that is threshold = 0.7 here. Every gradient passes, as there; a
    slope that shall end says so itself (`ste_clipped`).

    Args:
        x: any shape, any floating dtype.
        threshold: above 0.

    Returns:
        The shape and dtype of x.
    """
    return tf.sign(x) * tf.cast(tf.abs(x) > threshold, x.dtype)
