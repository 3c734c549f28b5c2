"""Trained quantization thresholds: straight-through, and the range is a power of two."""

import math

import tensorflow as tf
from jaxtyping import Float

from estimators.step_size import SHORTEST, StepSize
from estimators.surrogate import surrogate

_LN2 = 0.6931471805599453


def _start(x, axes, function, **_):
    return tf.math.log(tf.maximum(tf.reduce_max(tf.abs(x), axes), SHORTEST)) / _LN2


def _size(exponent, function):
    """The power of two from 2^θ on, over one more than the largest level."""
    above = exponent + tf.stop_gradient(tf.math.ceil(exponent) - exponent)
    return tf.exp(_LN2 * above) / (function.top + 1)


@surrogate(
    label="TQT",
    family="identity",
    source="Jain et al. 2020, arXiv:1903.08066",
    aliases=("trained quantization thresholds",),
    even=True,
    positive=True,
    fades=False,
    area=math.inf,
    peak=1,
    counterpart=lambda x: x,
    known=((0.0, 1.0), (-5.0, 1.0), (5.0, 1.0)),
    step_size=StepSize(start=_start, size=_size, bounds=(-math.inf, math.inf)),
)
def tqt(x: Float[tf.Tensor, "*shape"]) -> Float[tf.Tensor, "*shape"]:
    r"""The identity's slope; and by the logarithm of the range, that is learned, ln 2·s·(round(v) − v) within it.

    Replaces  d round(x)/dx = Σ δ(x − jump)
    With      1
    Needs     nothing

    Where a task learns the step, log2 t is what is trained: s = 2^ceil(log2 t)/(p + 1), p being the largest level, and
    the gradient passes the ceiling as it is. It starts with t = max |x|. The source has it with function.edge =
    round_closed, and with an optimizer and rates of its own for t.

    x: any shape; returns the same shape and dtype.
    """
    return tf.ones_like(x)
