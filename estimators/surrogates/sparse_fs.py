"""The fast sigmoid's slope near the threshold, and nothing beyond: most elements pass no gradient."""

import tensorflow as tf
from jaxtyping import Float

from estimators.parameters import positive
from estimators.surrogate import surrogate


def _clipped(x, scale, threshold):
    z = tf.clip_by_value(x, -threshold, threshold)
    return z / (1 + scale * tf.abs(z))


@surrogate(
    label="Sparse fast sigmoid",
    family="power",
    source="Perez-Nieves, Goodman 2021, arXiv:2105.08810; scale and threshold as in the authors' code",
    aliases=("sparse fast sigmoid", "sparse spiking gradient descent"),
    even=True,
    positive=True,
    area=lambda scale, threshold: 2 * threshold / (1 + scale * threshold),
    peak=1,
    support=lambda scale, threshold: threshold,
    corners=lambda scale, threshold: (-threshold, 0.0, threshold),
    counterpart=_clipped,
    known=((0.0, 1.0), (0.1, 1 / 121), (-0.1, 1 / 121), (0.2, 0.0), (-0.2, 0.0), (1.0, 0.0)),
    needs={"scale": positive, "threshold": positive},
    roles={"scale": "width", "threshold": "tail"},
)
def sparse_fs(x: Float[tf.Tensor, "*shape"], *, scale=100.0, threshold=0.2) -> Float[tf.Tensor, "*shape"]:
    r"""fast_sigmoid where x is closer to the jump than the threshold of the backward pass.

    Replaces  d sign(x)/dx = 2 δ(x)
    With      1 / (1 + scale·|x|)² where |x| < threshold, else 0
    Needs     scale > 0, threshold > 0

    In the paper x is the membrane potential less the firing threshold of 1, and the sparseness saves time, which it
    does not here. What snnTorch calls by this name keeps the opposite side: that is sparse_fs_snntorch, which this page
    was before.

    x: any shape; returns the same shape and dtype.
    """
    return tf.cast(tf.abs(x) < threshold, x.dtype) / tf.square(1 + scale * tf.abs(x))
