"""The fast sigmoid's slope above a threshold, and nothing below: most elements pass no gradient."""

import tensorflow as tf
from jaxtyping import Float

from estimators.parameters import not_negative, positive
from estimators.surrogate import surrogate


@surrogate(
    label="Sparse fast sigmoid",
    family="power",
    source="Perez-Nieves, Goodman 2021, arXiv:2105.08810",
    aliases=("SFS", "sparse fast sigmoid"),
    ships={"snnTorch": "SFS(slope=25, B=1)"},
    even=False,
    positive=True,
    area=lambda scale, threshold: 1 / (scale * (1 + scale * threshold)),
    peak=lambda scale, threshold: 1 / (1 + scale * threshold) ** 2,
    corners=lambda scale, threshold: (threshold,),
    counterpart=lambda x, scale, threshold: (
        (1 / (1 + scale * threshold) - 1 / (1 + scale * tf.maximum(x, threshold))) / scale
    ),
    known=((-2.0, 0.0), (0.0, 0.0), (1.0, 0.0), (2.0, 1 / 51**2)),
    needs={"scale": positive, "threshold": not_negative},
    roles={"scale": "width", "threshold": "width"},
)
def sparse_fs(x: Float[tf.Tensor, "*shape"], *, scale=25.0, threshold=1.0) -> Float[tf.Tensor, "*shape"]:
    r"""fast_sigmoid where x exceeds the threshold.

    Replaces  d sign(x)/dx = 2 δ(x)
    With      1 / (1 + scale·|x|)² where x > threshold, else 0
    Needs     scale > 0, threshold ≥ 0

    It is one-sided, as snnTorch's code is. Its peak is only approached, from above the threshold.

    x: any shape; returns the same shape and dtype.
    """
    return tf.cast(x > threshold, x.dtype) / tf.square(1 + scale * tf.abs(x))
