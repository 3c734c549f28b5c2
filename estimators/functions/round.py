"""Rounding to k bits: the whole numbers of a range, and the nearer end of it beyond."""

import numpy as np
import tensorflow as tf
from jaxtyping import Float

from estimators.function import hard_function


def _ends(bits, range):
    """The smallest and the largest level."""
    if range == "unsigned":
        return 0.0, 2.0**bits - 1
    return -(2.0 ** (bits - 1)) + (range == "narrow"), 2.0 ** (bits - 1) - 1


def _levels(bits, range, **_):
    low, high = _ends(bits, range)
    return tuple(np.arange(low, high + 1).tolist())


def _jump(x, bits, range, **_):
    """x less the nearest place half-way between two levels; beyond the last one of these it grows."""
    low, high = _ends(bits, range)
    return x - (tf.clip_by_value(tf.floor(x), low, high - 1) + 0.5)


def _up(x):
    """The nearest whole number; halves go up. No sum that could round: 0.49999997 is 0."""
    whole = tf.floor(x)
    return whole + tf.cast(x - whole >= 0.5, x.dtype)


_NEAREST = {"even": tf.round, "up": _up, "away": lambda x: tf.sign(x) * _up(tf.abs(x))}


def _passes(x, bits, range, ties, edge):
    if edge == "everywhere":
        return tf.ones_like(x, tf.bool)
    low, high = _ends(bits, range)
    at = x if edge.startswith("clip") else _NEAREST[ties](x)
    return (at >= low) & (at <= high) if edge.endswith("closed") else (at > low) & (at < high)


@hard_function(
    label="round(x)",
    levels=_levels,
    rise=1.0,
    jump=_jump,
    period=1.0,
    passes=_passes,
    allowed={
        "bits": (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16),
        "range": ("signed", "narrow", "unsigned"),
        "ties": ("even", "up", "away"),
        "edge": ("clip_closed", "clip_open", "round_closed", "round_open", "everywhere"),
    },
    agree=(lambda bits, range, **_: bits > 1 or range != "narrow", "at least 2 bits where the range is narrow"),
)
def round(
    x: Float[tf.Tensor, "*shape"], *, bits=2, range="signed", ties="even", edge="clip_closed"
) -> Float[tf.Tensor, "*shape"]:
    """The nearest level of a uniform quantizer of step 1, as quantization-aware training has it.

    The levels are the whole numbers from −2^(bits − 1) to 2^(bits − 1) − 1 where the range is `signed`, those without
    the lowest where it is `narrow` (symmetric), and from 0 to 2^bits − 1 where it is `unsigned`. A step of another
    length is the business of who calls: s·round(x/s).

    Frameworks differ in where a gradient passes, and changed it: torch.clamp lets none through at its bounds since
    2.14. With v = x:

        clip_closed    low ≤ v ≤ high              LSQ, DoReFa's activations, torch.clamp until 2.13, tf.clip_by_value
        clip_open      low < v < high              torch.clamp since 2.14, hardtanh, relu6
        round_closed   low ≤ round(v) ≤ high       TQT, Qualcomm's trackers, QuEST's trust: half a step wider
        round_open     low < round(v) < high       torchao on torch 2.14 before its fix: no gradient at either end level
        everywhere                                 BitNet b1.58, PARQ

    Args:
        x: any shape, any floating dtype; in a short one the levels are those that it can hold.
        bits: 1 to 16.
        range: which levels there are: `signed`, `narrow` or `unsigned`.
        ties: what a half becomes: `even` as in tf.round, `up` as in TensorFlow's fake_quant, `away` from zero.
        edge: where a gradient passes. It changes no value.

    Returns:
        The shape and dtype of x.
    """
    return tf.clip_by_value(_NEAREST[ties](x), *_ends(bits, range))
