"""The slope of a parabola bent into an S: Bi-Real Net's ApproxSign."""

import tensorflow as tf
from jaxtyping import Float

from estimators.surrogate import surrogate


@surrogate(
    label="ApproxSign",
    family="triangle",
    source="Liu, Wu, Luo, Yang, Liu, Cheng, ECCV 2018, arXiv:1808.00278 (Bi-Real Net)",
    aliases=("Bi-Real", "piecewise polynomial"),
    ships={"Larq": "ApproxSign()"},
    sites=("activations",),
    even=True,
    positive=True,
    area=2,
    peak=2,
    support=1,
    corners=(-1.0, 0.0, 1.0),
    counterpart=lambda x: tf.clip_by_value(x, -1, 1) * (2 - tf.abs(tf.clip_by_value(x, -1, 1))),
    known=((0.0, 2.0), (0.5, 1.0), (-0.5, 1.0), (1.0, 0.0), (3.0, 0.0)),
    equals=(({}, "triangle", {"height": 2.0, "width": 1.0}),),
)
def approx_sign(x: Float[tf.Tensor, "*shape"]) -> Float[tf.Tensor, "*shape"]:
    r"""The derivative of the piecewise quadratic 2x ± x² that runs from −1 to 1.

    Replaces  d sign(x)/dx = 2 δ(x)
    With      2 − 2|x| where |x| ≤ 1, else 0
    Needs     nothing

    Its source has it for activations alone, and mag_aware for the weights. A race of surrogates puts it at both.

    x: any shape; returns the same shape and dtype.
    """
    return tf.nn.relu(2 - 2 * tf.abs(x))
