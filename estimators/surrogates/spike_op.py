"""The spike operator: the gradient passes where a spike was."""

import math

import tensorflow as tf
from jaxtyping import Float

from estimators.surrogate import surrogate


@surrogate(
    label="Spike operator",
    family="identity",
    source="snnTorch",
    aliases=("spike operator", "Heaviside"),
    ships={"snnTorch": "Heaviside"},
    even=False,
    positive=True,
    fades=False,
    area=math.inf,
    peak=1,
    corners=(0.0,),
    counterpart=lambda x: tf.nn.relu(x),
    known=((-1.0, 0.0), (0.0, 0.0), (0.001, 1.0), (5.0, 1.0)),
    equals=(({}, "lso", {"k": 0.0}),),
)
def spike_op(x: Float[tf.Tensor, "*shape"]) -> Float[tf.Tensor, "*shape"]:
    r"""The slope of a ReLU, with nothing at zero itself.

    Replaces  d sign(x)/dx = 2 δ(x)
    With      1 where x > 0, else 0
    Needs     nothing

    x: any shape; returns the same shape and dtype.
    """
    return tf.cast(x > 0, x.dtype)
