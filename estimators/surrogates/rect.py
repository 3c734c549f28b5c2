"""A rectangle of area one around the threshold."""

import tensorflow as tf
from jaxtyping import Float

from estimators.choices import sparsemax_pull
from estimators.parameters import positive
from estimators.surrogate import surrogate


@surrogate(
    label="Rectangle",
    family="rectangle",
    source="Wu, Deng, Li, Zhu, Shi 2018, Frontiers in Neuroscience 12:331 (STBP)",
    aliases=("rectangular", "boxcar", "STBP", "sparsemax"),
    ships={"SpikingJelly": "Rect(alpha=1.0)"},
    even=True,
    positive=True,
    area=1,
    peak=lambda alpha: alpha,
    support=lambda alpha: 0.5 / alpha,
    corners=lambda alpha: (-0.5 / alpha, 0.5 / alpha),
    counterpart=lambda x, alpha: tf.clip_by_value(alpha * x, -0.5, 0.5),
    known=((0.0, 1.0), (0.49, 1.0), (-0.49, 1.0), (0.5, 0.0), (-0.5, 0.0)),
    equals=(({"alpha": 0.5}, "leaky", {"width": 1.0, "leak": 0.0}),),
    needs={"alpha": positive},
    roles={"alpha": "width"},
    pull=lambda x, upstream, alpha: 2 * alpha * sparsemax_pull(2 * alpha * x, upstream),
)
def rect(x: Float[tf.Tensor, "*shape"], *, alpha=1.0) -> Float[tf.Tensor, "*shape"]:
    r"""The boxcar of spatio-temporal backpropagation; its edge does not pass.

    Replaces  d sign(x)/dx = 2 δ(x)
    With      alpha where |x| < 1/(2·alpha), else 0
    Needs     alpha > 0

    Of several choices an argmax hands down the gradient of the sparsemax of 2·alpha·x, which of two choices is this
    slope at their difference.

    In one dimension it is also what a central finite difference of step size 1/(2·alpha) gives.

    x: any shape; returns the same shape and dtype.
    """
    return alpha * tf.cast(tf.abs(x) < 0.5 / alpha, x.dtype)
