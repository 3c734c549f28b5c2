"""The slope of RBNN, a triangle which narrows and rises over training; without the rotation of the weights."""

import math

import tensorflow as tf
from jaxtyping import Float

from estimators.parameters import positive
from estimators.surrogate import surrogate


def _quadratic(x, t):
    z = tf.clip_by_value(t * x, -math.sqrt(2), math.sqrt(2))
    return (1 / t + 1 + abs(1 / t - 1)) / 2 * z * (math.sqrt(2) - tf.abs(z) / 2)  # k times a parabola


@surrogate(
    label="RBNN",
    family="triangle",
    source="Lin et al., NeurIPS 2020, arXiv:2009.13055 (rotated binary neural network)",
    aliases=("rotated binary neural network",),
    even=True,
    positive=True,
    area=lambda t: (t + 1 + abs(t - 1)) / t,
    peak=lambda t: math.sqrt(2) * (t + 1 + abs(t - 1)) / 2,  # √2·max(t, 1)
    support=lambda t: math.sqrt(2) / t,
    corners=lambda t: (-math.sqrt(2) / t, 0.0, math.sqrt(2) / t),
    counterpart=_quadratic,
    known=((0.0, 1.41421356237), (0.5, 0.914213562373), (-0.5, 0.914213562373), (1.5, 0.0)),
    equals=(({"t": math.sqrt(2)}, "approx_sign", {}),),
    needs={"t": positive},
    roles={"t": "width"},
)
def rbnn(x: Float[tf.Tensor, "*shape"], *, t=1.0) -> Float[tf.Tensor, "*shape"]:
    r"""The derivative of a piecewise quadratic whose middle is as steep as k·√2·t, with k = max(1/t, 1).

    Replaces  d sign(x)/dx = 2 δ(x)
    With      k · (√2·t − t²·|x|) where |x| ≤ √2/t, else 0
    Needs     t > 0

    Of the method this is the slope, and nothing else: the paper rotates the weights towards their signs, and scales
    them, before they are made hard, which is not done here.

    This is the form for weights, whose t grows from 0.01 to 10 at a constant ratio per epoch. The paper's activations
    have k = 1 and max(t, 1) in the place of t: the same slope at t ≥ 1.

    x: any shape; returns the same shape and dtype.
    """
    return tf.maximum(t, 1) * tf.nn.relu(math.sqrt(2) - t * tf.abs(x))  # k·t = max(t, 1)
