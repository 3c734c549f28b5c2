"""A triangle around the threshold."""

import tensorflow as tf
from jaxtyping import Float

from estimators.parameters import positive
from estimators.surrogate import surrogate


@surrogate(
    label="Triangle",
    family="triangle",
    source="Esser et al. 2016, PNAS 113:11441; Bellec et al. 2020, whose height = 0.3 is the default",
    aliases=("triangular", "piecewise linear", "Esser", "EsserSpike"),
    ships={"Norse": "triangle(alpha=0.3)", "stork": "EsserSpike, height = 1"},
    even=True,
    positive=True,
    area=lambda height, width: height * width,
    peak=lambda height, width: height,
    support=lambda height, width: width,
    corners=lambda height, width: (-width, 0.0, width),
    counterpart=lambda x, height, width: (
        height * tf.clip_by_value(x, -width, width) * (1 - tf.abs(tf.clip_by_value(x, -width, width)) / (2 * width))
    ),
    known=((0.0, 0.3), (0.5, 0.15), (-0.5, 0.15), (1.0, 0.0), (2.0, 0.0)),
    equals=(({"height": 1.0, "width": 1.0}, "piecewise_quadratic", {"alpha": 1.0}),),
    needs={"height": positive, "width": positive},
    roles={"height": "height", "width": "width"},
)
def triangle(x: Float[tf.Tensor, "*shape"], *, height=0.3, width=1.0) -> Float[tf.Tensor, "*shape"]:
    r"""The derivative of two parabolas that meet at zero.

    Replaces  d sign(x)/dx = 2 δ(x)
    With      height · (1 − |x|/width) where |x| ≤ width, else 0
    Needs     height > 0, width > 0

    Zenke and Vogels 2021 keep height = 1 and change the width. snnTorch 1.0 has a `triangular` that is none: it is
    +threshold for x < 0 and −threshold from 0 on.

    x: any shape; returns the same shape and dtype.
    """
    return height * tf.nn.relu(1 - tf.abs(x) / width)
