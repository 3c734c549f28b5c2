"""The clipped straight-through estimator: the gradient passes only near the threshold."""

import tensorflow as tf
from jaxtyping import Float

from estimators.parameters import positive
from estimators.surrogate import surrogate


@surrogate(
    label="Clipped STE",
    family="rectangle",
    source="Courbariaux, Hubara, Soudry, El-Yaniv, Bengio 2016, arXiv:1602.02830 (there clip = 1)",
    aliases=(
        "clipped",
        "clipped STE",
        "hard-tanh STE",
        "saturated STE",
        "cancel gradients",
        "SteSign",
        "SteHeaviside",
        "ClampedBinaryQuant",
    ),
    ships={"Larq": "SteSign(clip_value=1.0), SteHeaviside(clip_value=1.0)", "Brevitas": "ClampedBinaryQuant"},
    even=True,
    positive=True,
    area=lambda clip: 2 * clip,
    peak=1,
    support=lambda clip: clip,
    corners=lambda clip: (-clip, clip),
    counterpart=lambda x, clip: tf.clip_by_value(x, -clip, clip),
    known=((0.0, 1.0), (1.0, 1.0), (-1.0, 1.0), (1.001, 0.0)),
    equals=(
        ({"clip": 1.5}, "reste", {"o": 1.0}),
        ({"clip": 0.5}, "slope_annealing", {"slope": 2.0}),
    ),
    needs={"clip": positive},
    roles={"clip": "width"},
)
def ste_clipped(x: Float[tf.Tensor, "*shape"], *, clip=1.0) -> Float[tf.Tensor, "*shape"]:
    r"""The slope of hard tanh; the edge itself passes, as it does in Larq.

    Replaces  d sign(x)/dx = 2 δ(x)
    With      1 where |x| ≤ clip, else 0
    Needs     clip > 0

    x: any shape; returns the same shape and dtype.
    """
    return tf.cast(tf.abs(x) <= clip, x.dtype)
