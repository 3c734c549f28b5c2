"""A rectangle that leaks: far from the threshold a little gradient still passes."""

import math

import tensorflow as tf
from jaxtyping import Float

from estimators.parameters import not_negative, positive
from estimators.surrogate import surrogate


@surrogate(
    label="Leaky rectangle",
    family="rectangle",
    source="SpikingJelly 2.0.0; width = 1 and leak = 0.01 are its defaults",
    aliases=("PiecewiseLeakyReLU",),
    ships={"SpikingJelly": "PiecewiseLeakyReLU(w=1.0, c=0.01)"},
    even=True,
    positive=True,
    area=lambda width, leak: math.inf**leak,  # 1 without a leak, else infinite
    peak=lambda width, leak: (0.5 / width + leak + abs(0.5 / width - leak)) / 2,  # the larger of the two
    corners=lambda width, leak: (-width, width),
    counterpart=lambda x, width, leak: leak * x + (0.5 / width - leak) * tf.clip_by_value(x, -width, width),
    known=((0.0, 0.5), (0.99, 0.5), (-0.99, 0.5), (1.0, 0.01), (-5.0, 0.01)),
    equals=(({"width": 1.0, "leak": 0.0}, "rect", {"alpha": 0.5}),),
    needs={"width": positive, "leak": not_negative},
    roles={"width": "width", "leak": "tail"},
)
def leaky(x: Float[tf.Tensor, "*shape"], *, width=1.0, leak=0.01) -> Float[tf.Tensor, "*shape"]:
    r"""rect, with a small constant in place of zero outside.

    Replaces  d sign(x)/dx = 2 δ(x)
    With      1/(2·width) where |x| < width, else leak
    Needs     width > 0, leak ≥ 0

    As SpikingJelly 2.0.0 has it. Up to its release 0.0.0.0.14 the code had 1/width inside, twice as much, and its
    documentation 1/(2·width); pull request 413 there, of August 2023, set the code right.

    x: any shape; returns the same shape and dtype.
    """
    return tf.where(tf.abs(x) < width, 0.5 / width, leak)
