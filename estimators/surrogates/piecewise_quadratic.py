"""A triangle of area one: the slope of a piecewise quadratic step."""

import tensorflow as tf
from jaxtyping import Float

from estimators.parameters import positive
from estimators.surrogate import surrogate


@surrogate(
    label="Piecewise quadratic",
    family="triangle",
    source="SpikingJelly; alpha = 1 is its default",
    ships={"SpikingJelly": "PiecewiseQuadratic(alpha=1.0)"},
    even=True,
    positive=True,
    area=1,
    peak=lambda alpha: alpha,
    support=lambda alpha: 1 / alpha,
    corners=lambda alpha: (-1 / alpha, 0.0, 1 / alpha),
    counterpart=lambda x, alpha: (
        tf.clip_by_value(alpha * x, -1, 1) * (1 - tf.abs(tf.clip_by_value(alpha * x, -1, 1)) / 2)
    ),
    known=((0.0, 1.0), (0.25, 0.75), (-0.25, 0.75), (1.0, 0.0), (2.0, 0.0)),
    equals=(({"alpha": 1.0}, "triangle", {"height": 1.0, "width": 1.0}),),
    needs={"alpha": positive},
    roles={"alpha": "width"},
)
def piecewise_quadratic(x: Float[tf.Tensor, "*shape"], *, alpha=1.0) -> Float[tf.Tensor, "*shape"]:
    r"""The triangle that grows higher as it grows narrower.

    Replaces  d sign(x)/dx = 2 δ(x)
    With      alpha − alpha²·|x| where |x| ≤ 1/alpha, else 0
    Needs     alpha > 0

    x: any shape; returns the same shape and dtype.
    """
    return alpha * tf.nn.relu(1 - alpha * tf.abs(x))
