"""The straight-through estimator: the gradient passes as if nothing stood in its way."""

import math

import tensorflow as tf
from jaxtyping import Float

from estimators.surrogate import surrogate


@surrogate(
    label="STE",
    family="identity",
    source="Hinton 2012, Coursera lecture 9c; Bengio, Léonard, Courville 2013, arXiv:1308.3432",
    aliases=(
        "identity",
        "straight-through",
        "straight-through estimator",
        "pass-through",
        "DeterministicPass",
        "identity_argmax",
    ),
    ships={
        "Larq": "SteSign(clip_value=None)",
        "snnTorch": "straight_through_estimator",
        "SpikingJelly": "DeterministicPass",
        "Brevitas": "binary_sign_ste",
        "QKeras": 'binary(alpha="auto"), or with a number as alpha',
    },
    even=True,
    positive=True,
    fades=False,
    area=math.inf,
    peak=1,
    counterpart=lambda x: x,
    known=((0.0, 1.0), (-5.0, 1.0), (5.0, 1.0)),
    pull=lambda x, upstream: upstream,
    equals=(({}, "lso", {"k": 1.0}), ({}, "leaky_k_relu", {"k": 1.0, "leak": 1.0})),
)
def ste(x: Float[tf.Tensor, "*shape"]) -> Float[tf.Tensor, "*shape"]:
    r"""The identity's slope.

    Replaces  d sign(x)/dx = 2 δ(x)
    With      1
    Needs     nothing

    x: any shape; returns the same shape and dtype.
    """
    return tf.ones_like(x)
