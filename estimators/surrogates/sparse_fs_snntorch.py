"""snnTorch's sparse fast sigmoid: its slope far above the threshold, and nothing near it."""

import tensorflow as tf
from jaxtyping import Float

from estimators.parameters import not_negative, positive
from estimators.surrogate import surrogate


@surrogate(
    label="Sparse fast sigmoid (snnTorch)",
    family="power",
    source="snnTorch 1.0.0, which cites Perez-Nieves, Goodman 2021, arXiv:2105.08810, and contradicts it",
    aliases=("SFS",),
    ships={"snnTorch": "SFS(slope=25, B=1)"},
    outside_spread="a library's reading of sparse_fs that contradicts the paper, and by itself most of any spread",
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
def sparse_fs_snntorch(x: Float[tf.Tensor, "*shape"], *, scale=25.0, threshold=1.0) -> Float[tf.Tensor, "*shape"]:
    r"""fast_sigmoid where x exceeds the threshold: the opposite of what the paper keeps.

    Replaces  d sign(x)/dx = 2 δ(x)
    With      1 / (1 + scale·|x|)² where x > threshold, else 0
    Needs     scale > 0, threshold ≥ 0

    Not what its source proposes: there only elements near the jump pass a gradient, which is sparse_fs. The library's
    code asks for x > B and not for |x| < B, so that nothing near the jump passes one, and what passes is at most 1/676
    at its defaults. This page was called sparse_fs before, and older records and sentences mean it by that name.

    It is one-sided. Its peak is only approached, from above the threshold.

    x: any shape; returns the same shape and dtype.
    """
    return tf.cast(x > threshold, x.dtype) / tf.square(1 + scale * tf.abs(x))
