"""The leaky spike operator: a spike passes the gradient whole, silence a part of it."""

import math

import tensorflow as tf
from jaxtyping import Float

from estimators.parameters import not_negative
from estimators.surrogate import surrogate


@surrogate(
    label="Leaky spike operator",
    family="identity",
    source="snnTorch 1.0.0, its class LeakySpikeOperator; k = 0.1 is its default",
    aliases=("leaky spike operator",),
    ships={"snnTorch": "LSO(slope=0.1), which fails in 0.9.1 and 1.0.0"},
    even=False,
    positive=True,
    fades=False,
    area=math.inf,
    peak=lambda k: (1 + k + abs(1 - k)) / 2,  # the larger of the two
    corners=(0.0,),
    counterpart=lambda x, k: tf.maximum(x, 0) + k * tf.minimum(x, 0),
    known=((0.0, 0.1), (0.001, 1.0), (5.0, 1.0), (-5.0, 0.1)),
    equals=(({"k": 0.0}, "spike_op", {}), ({"k": 1.0}, "ste", {})),
    needs={"k": not_negative},
    roles={"k": "tail"},
)
def lso(x: Float[tf.Tensor, "*shape"], *, k=0.1) -> Float[tf.Tensor, "*shape"]:
    r"""Straight-through above the threshold, damped below.

    Replaces  d sign(x)/dx = 2 δ(x)
    With      1 where x > 0, else k
    Needs     k ≥ 0

    In snnTorch 0.9.1 and 1.0.0 the wrapper LSO calls the class of sso and fails (issue 347 there, closed after 1.0.0);
    this slope is what its own class, LeakySpikeOperator, computes.

    x: any shape; returns the same shape and dtype.
    """
    return tf.where(x > 0, tf.ones_like(x), k)
