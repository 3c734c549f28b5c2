"""The slope of the 1.5-entmax of two choices: between the softmax's and the sparsemax's."""

import math

import tensorflow as tf
from jaxtyping import Float

from estimators.choices import entmax15_pull
from estimators.parameters import positive
from estimators.surrogate import surrogate


@surrogate(
    label="Entmax",
    family="algebraic",
    source="Peters, Niculae, Martins 2019, arXiv:1905.05702 (alpha = 1.5; there scale = 1)",
    aliases=("1.5-entmax",),
    even=True,
    positive=True,
    area=1,
    peak=lambda scale: scale / (2 * math.sqrt(2)),
    support=lambda scale: 2 / scale,
    corners=lambda scale: (-2 / scale, 2 / scale),
    counterpart=lambda x, scale: _share(tf.clip_by_value(scale * x / 2, -1.0, 1.0)),
    known=((0.0, 0.35355339059), (1.0, 0.28347335476), (2.0, 0.0)),
    needs={"scale": positive},
    roles={"scale": "width"},
    pull=lambda x, upstream, scale: scale * entmax15_pull(scale * x, upstream),
)
def entmax15(x: Float[tf.Tensor, "*shape"], *, scale=1.0) -> Float[tf.Tensor, "*shape"]:
    r"""The derivative of what the 1.5-entmax gives the first of two choices that are x apart.

    Replaces  d sign(x)/dx = 2 δ(x)
    With      scale · (1 − u²) / (2·√(2 − u²)), u = scale·x/2, where |u| < 1, else 0
    Needs     scale > 0

    Of more choices than two an argmax hands down the gradient of the 1.5-entmax, whose shares are exactly zero beyond
    some distance from the largest, as the sparsemax's (`rect`) and unlike the softmax's (`sigmoid_derivative`).

    x: any shape; returns the same shape and dtype.
    """
    square = tf.square(tf.clip_by_value(scale * x / 2, -1.0, 1.0))
    return scale * (1 - square) / (2 * tf.sqrt(2 - square))


def _share(u):
    """Of the first of two choices: ½ + u·√(2 − u²)/2."""
    return 0.5 + u * tf.sqrt(2 - tf.square(u)) / 2
