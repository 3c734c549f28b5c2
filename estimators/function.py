"""Hard functions: their values, and the area of their derivatives."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from estimators.parameters import check_one_of, short_repr
from steeplechase.errors import UserError

FORWARDS = ("sign", "step")
DERIVATIVE_AREA = {"sign": 2.0, "step": 1.0}  # what the hard function rises by: the area of its derivative


def value(x, *, forward: str = "sign", at_zero: int = 1):
    """The hard function: `sign` gives −1 or +1, `step` gives 0 or 1; NaN stays NaN, so that divergence shows.

    x: any shape, any floating dtype; returns the same. At zero, and at −0, `sign` gives `at_zero` (+1, 0 or −1) and
    `step` its counterpart (1, ½ or 0).
    """
    check_one_of("forward", forward, FORWARDS)
    check_one_of("at_zero", at_zero, (1, 0, -1))
    x = floating(x)
    high, low, zero = (tf.ones_like(x), -tf.ones_like(x), at_zero * tf.ones_like(x))
    if forward == "step":
        low, zero = tf.zeros_like(x), (zero + 1) / 2
    return tf.where(tf.math.is_nan(x), x, tf.where(x > 0, high, tf.where(x < 0, low, zero)))


def floating(x) -> tf.Tensor:
    """x as a tensor of a floating dtype; whole numbers count as float32.

    Raises UserError with one sentence for what holds no real numbers: None, words, truth values, complex numbers,
    lists whose rows differ in length.
    """
    try:
        tensor = tf.convert_to_tensor(x)
    except (TypeError, ValueError):
        tensor = None
    if tensor is None or not (tensor.dtype.is_floating or tensor.dtype.is_integer):
        held = tensor is not None and (tf.is_tensor(x) or isinstance(x, np.ndarray))
        shown = f"holds {tensor.dtype.name}" if held else f"is {short_repr(x)}"
        raise UserError(f"x {shown}, but must be real numbers: one, or an array of them.")
    return tensor if tensor.dtype.is_floating else tf.cast(tensor, tf.float32)
