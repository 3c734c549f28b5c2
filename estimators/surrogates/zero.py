"""The true derivative of a step, zero almost everywhere: the negative control."""

import tensorflow as tf
from jaxtyping import Float

from estimators.surrogate import surrogate


@surrogate(
    label="Zero (true derivative)",
    family="none",
    source="elementary calculus; what tf.sign itself hands back",
    aliases=("true derivative", "negative control"),
    ships={"TensorFlow": "tf.sign"},
    even=True,
    positive=True,
    fades=False,
    area=0,
    peak=0,
    support=0,
    counterpart=lambda x: tf.zeros_like(x),
    pull=lambda x, upstream: tf.zeros_like(upstream),
)
def zero(x: Float[tf.Tensor, "*shape"]) -> Float[tf.Tensor, "*shape"]:
    r"""No slope at all: whatever stands below a hard function learns nothing.

    Replaces  d sign(x)/dx = 2 δ(x)
    With      0
    Needs     nothing

    x: any shape; returns the same shape and dtype.
    """
    return tf.zeros_like(x)
