"""What sign rises by from zero to x, divided by x, up to a limit."""

import math

import tensorflow as tf
from jaxtyping import Float

from estimators.parameters import positive
from estimators.surrogate import surrogate


@surrogate(
    label="Fake numerical gradient",
    family="power",
    source="SpikingJelly; alpha = 0.3 is its default",
    aliases=("FakeNumericalGradient",),
    ships={"SpikingJelly": "FakeNumericalGradient(alpha=0.3)"},
    even=True,
    positive=True,
    area=math.inf,
    peak=lambda alpha: alpha,
    corners=lambda alpha: (-1 / alpha, 1 / alpha),
    counterpart=lambda x, alpha: (
        tf.clip_by_value(alpha * x, -1, 1) + tf.sign(x) * tf.math.log(tf.maximum(alpha * tf.abs(x), 1))
    ),
    known=((0.0, 0.3), (2.0, 0.3), (-2.0, 0.3), (5.0, 0.2), (10.0, 0.1)),
    needs={"alpha": positive},
    roles={"alpha": "width"},
)
def fake_numerical(x: Float[tf.Tensor, "*shape"], *, alpha=0.3) -> Float[tf.Tensor, "*shape"]:
    r"""The secant of sign through the origin; no higher than alpha.

    Replaces  d sign(x)/dx = 2 δ(x)
    With      1/|x| where that is less than alpha, else alpha
    Needs     alpha > 0

    x: any shape; returns the same shape and dtype.
    """
    return 1 / tf.maximum(tf.abs(x), 1 / alpha)  # so zero is never divided by
