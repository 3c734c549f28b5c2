"""The slope of a logarithm that starts at zero on either side."""

import math

import tensorflow as tf
from jaxtyping import Float

from estimators.parameters import positive
from estimators.surrogate import surrogate


@surrogate(
    label="Sign-log-abs",
    family="power",
    source="SpikingJelly; alpha = 1 is its default",
    ships={"SpikingJelly": "NonzeroSignLogAbs(alpha=1.0)"},
    even=True,
    positive=True,
    area=math.inf,
    peak=lambda alpha: alpha,
    corners=(0.0,),
    counterpart=lambda x, alpha: tf.sign(x) * tf.math.log1p(alpha * tf.abs(x)),
    known=((0.0, 1.0), (1.0, 0.5), (-1.0, 0.5), (3.0, 0.25)),
    needs={"alpha": positive},
    roles={"alpha": "width"},
)
def nonzero_sign_log_abs(x: Float[tf.Tensor, "*shape"], *, alpha=1.0) -> Float[tf.Tensor, "*shape"]:
    r"""The derivative of sign(x)·log(1 + alpha·|x|).

    Replaces  d sign(x)/dx = 2 δ(x)
    With      1 / (1/alpha + |x|)
    Needs     alpha > 0

    x: any shape; returns the same shape and dtype.
    """
    return 1 / (1 / alpha + tf.abs(x))
