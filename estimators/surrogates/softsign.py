"""The slope of softsign, with the area of a step's derivative."""

import tensorflow as tf
from jaxtyping import Float

from estimators.parameters import positive
from estimators.surrogate import surrogate


@surrogate(
    label="Softsign",
    family="power",
    source="SpikingJelly; alpha = 2 is its default",
    ships={"SpikingJelly": "SoftSign(alpha=2.0)"},
    even=True,
    positive=True,
    area=1,
    peak=lambda alpha: alpha / 2,
    corners=(0.0,),
    counterpart=lambda x, alpha: alpha * x / (2 + 2 * tf.abs(alpha * x)),
    known=((0.0, 1.0), (0.5, 0.25), (-0.5, 0.25)),
    equals=(
        ({"alpha": 2.0}, "fast_sigmoid", {"scale": 2.0}),
        ({"alpha": 2.0}, "q_pseudo", {"alpha": 2.0}),
    ),
    needs={"alpha": positive},
    roles={"alpha": "width"},
)
def softsign(x: Float[tf.Tensor, "*shape"], *, alpha=2.0) -> Float[tf.Tensor, "*shape"]:
    r"""The derivative of z/(1 + |z|)/2 at z = alpha·x.

    Replaces  d sign(x)/dx = 2 δ(x)
    With      alpha/2 / (1 + |alpha·x|)²
    Needs     alpha > 0

    x: any shape; returns the same shape and dtype.
    """
    return alpha / 2 / tf.square(1 + tf.abs(alpha * x))
