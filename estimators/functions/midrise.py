"""Rounding to k bits without a zero: levels half-way between whole numbers, as many on either side."""

import numpy as np
import tensorflow as tf
from jaxtyping import Float

from estimators.function import hard_function


def _levels(bits, **_):
    return tuple((np.arange(-(2.0 ** (bits - 1)), 2.0 ** (bits - 1)) + 0.5).tolist())


def _jump(x, bits, **_):
    """x less the nearest whole number between the levels; beyond the last one it grows."""
    last = 2.0 ** (bits - 1) - 1
    return x - tf.clip_by_value(tf.round(x), -last, last)


def _passes(x, bits, edge):
    if edge == "everywhere":
        return tf.ones_like(x, tf.bool)
    return tf.abs(x) <= 2.0 ** (bits - 1) - (0.5 if edge == "clip_closed" else 0.0)


@hard_function(
    label="midrise(x)",
    levels=_levels,
    rise=1.0,
    jump=_jump,
    period=1.0,
    passes=_passes,
    allowed={"bits": (1, 2, 3, 4, 5, 6, 7, 8), "edge": ("clip_closed", "round_closed", "everywhere")},
)
def midrise(x: Float[tf.Tensor, "*shape"], *, bits=2, edge="clip_closed") -> Float[tf.Tensor, "*shape"]:
    """The nearest of the 2^bits levels ±½, ±3/2, … of a quantizer of step 1; on a whole number the one above.

    It wastes no level where values are as often above zero as below: QuEST's centred quantizer (arXiv:2502.05003) and
    ParetoQ's for two bits (arXiv:2502.02631) are this one. With one bit it is half the sign.

    Args:
        x: any shape, any floating dtype.
        bits: 1 to 8.
        edge: where a gradient passes: between the outermost levels (`clip_closed`), half a step beyond them, as far as
            anything is rounded to them by no more than that (`round_closed`), or `everywhere`.

    Returns:
        The shape and dtype of x.
    """
    half = 2.0 ** (bits - 1)
    return tf.clip_by_value(tf.floor(x), -half, half - 1) + 0.5
