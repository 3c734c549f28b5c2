"""Ranges of parameters: what numbers a parameter may have."""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from steeplechase.errors import UserError


@dataclass(frozen=True)
class Range:
    """The numbers that a parameter may have: between two open ends, or from `least` on. It says so when printed.

    Attributes:
        above: the open lower end, itself not allowed.
        below: the open upper end, itself not allowed.
        least: the smallest number that is allowed.
        whole: whether only whole numbers are.
    """

    above: float = -math.inf
    below: float = math.inf
    least: float = -math.inf
    whole: bool = False

    def __contains__(self, value: float) -> bool:
        inside = self.above < value < self.below and value >= self.least
        return inside and not (self.whole and value != round(value))

    def __str__(self) -> str:
        limits = [f"{sign} {end:g}" for sign, end in ((">", self.above), ("≥", self.least), ("<", self.below))]
        limits = " and ".join(limit for limit in limits if "inf" not in limit)
        return f"{'a whole number' if self.whole else ''} {limits}".strip() or "any number"


positive = Range(above=0)
not_negative = Range(least=0)


def check_one_of(name, value, allowed):
    """Refuses a value that is not among these.

    Args:
        name: of what the value is for, as the sentence has it.
        value: anything; only words and real numbers can be among those allowed, and no truth value.
        allowed: the words or numbers, in the order in which they are listed.

    Raises:
        UserError: with the value and those allowed.
    """
    if not isinstance(value, (str, numbers.Real)) or isinstance(value, bool) or value not in allowed:
        *others, last = map(str, allowed)
        words = f"one of: {', '.join([*others, last])}" if last in allowed else f"{', '.join(others)} or {last}"
        raise UserError(f"{name} is {short_repr(value)}, but must be {words}.")


def one_number(name, value, words="one number"):
    """The number that stands here.

    Args:
        name: of what the number is for, as the sentence has it.
        value: a real number of Python's or NumPy's, or a tensor or variable with one number, of any dtype.
        words: what is needed, as the sentence has it.

    Returns:
        The number as a finite float, or None where it is a tensor's that is not known yet, as in a graph.

    Raises:
        UserError: for what is no number, for several, and for one that is not finite.
    """
    held = value
    if isinstance(value, tf.Variable) or tf.is_tensor(value):
        real, rank = value.dtype.is_floating or value.dtype.is_integer, value.shape.rank
        if real and rank in (0, None) and (tf.executing_eagerly() or not isinstance(value, tf.Variable)):
            held = value.numpy() if hasattr(value, "numpy") else None
    elif isinstance(value, (np.ndarray, np.generic)):
        real, rank = value.dtype.kind in "iuf" or value.dtype == tf.bfloat16.as_numpy_dtype, value.ndim
    else:
        real, rank = isinstance(value, numbers.Real) and not isinstance(value, bool), 0
    if not real or rank not in (0, None):
        shown = f"a tensor of {value.dtype.name} {value.shape}" if tf.is_tensor(value) else short_repr(value)
        raise UserError(f"{name} is {shown}, but must be {words}.")
    if held is None or tf.is_tensor(held):
        return None
    try:
        number = float(held)
    except OverflowError:  # a whole number beyond what a float holds
        number = math.inf
    if not math.isfinite(number):
        wanted = "a finite number" if words == "one number" else words
        raise UserError(f"{name} is {number}, but must be {wanted}.")
    return number


def short_repr(value):
    """A value as Python writes it, in one line of at most 60 letters."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def as_constant(number, dtype):
    """A number as a tensor of this dtype, without a detour over float32.

    Args:
        number: a number, or a tensor of any shape, which is cast.
        dtype: a floating tf.DType.

    Returns:
        A scalar tensor, or one of the shape of `number`.
    """
    return tf.cast(number, dtype) if tf.is_tensor(number) else tf.constant(float(number), dtype)  # not by float32
