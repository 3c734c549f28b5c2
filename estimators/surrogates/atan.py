"""The slope of the arc tangent."""

import math

import tensorflow as tf
from jaxtyping import Float

from estimators.parameters import positive
from estimators.surrogate import surrogate


@surrogate(
    label="Arctan",
    family="power",
    source="Fang et al., ICCV 2021, arXiv:2007.05785 (PLIF)",
    aliases=("arctan",),
    ships={"SpikingJelly": "ATan(alpha=2.0)", "snnTorch": "atan(alpha=2.0)"},
    even=True,
    positive=True,
    area=1,
    peak=lambda alpha: alpha / 2,
    counterpart=lambda x, alpha: tf.atan(math.pi / 2 * alpha * x) / math.pi,
    known=((0.0, 1.0), (1.0, 0.0919996683504), (-1.0, 0.0919996683504)),
    needs={"alpha": positive},
    roles={"alpha": "width"},
)
def atan(x: Float[tf.Tensor, "*shape"], *, alpha=2.0) -> Float[tf.Tensor, "*shape"]:
    r"""The derivative of arctan(π/2·alpha·x)/π: a Cauchy density.

    Replaces  d sign(x)/dx = 2 δ(x)
    With      alpha/2 / (1 + (π/2·alpha·x)²)
    Needs     alpha > 0

    snnTorch's documentation leaves out the factor alpha/2; its code has it.

    x: any shape; returns the same shape and dtype.
    """
    return alpha / 2 / (1 + tf.square(math.pi / 2 * alpha * x))
