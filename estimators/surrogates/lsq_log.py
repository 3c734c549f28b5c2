"""Learned step size quantization in the logarithm of the step, which so stays positive."""

import math

import tensorflow as tf
from jaxtyping import Float

from estimators.step_size import SHORTEST, StepSize, by_mean
from estimators.surrogate import surrogate


def _start(x, axes, function, **_):
    return tf.math.log(tf.maximum(by_mean(x, axes, function), SHORTEST))


@surrogate(
    label="LSQ, log step",
    family="identity",
    source="Nagel et al. 2022, arXiv:2203.11086, whose code has it as scale_domain = log",
    even=True,
    positive=True,
    fades=False,
    area=math.inf,
    peak=1,
    counterpart=lambda x: x,
    known=((0.0, 1.0), (-5.0, 1.0), (5.0, 1.0)),
    step_size=StepSize(
        start=_start,
        size=lambda exponent, function: tf.exp(exponent),
        bounds=(-math.inf, math.inf),
    ),
)
def lsq_log(x: Float[tf.Tensor, "*shape"]) -> Float[tf.Tensor, "*shape"]:
    r"""The identity's slope; and by ln s of a step that is learned, s·(round(v) − v) within the range.

    Replaces  d round(x)/dx = Σ δ(x − jump)
    With      1
    Needs     nothing

    Where a task learns the step, ln s is what is trained, without LSQ's factor; it starts where LSQ starts.

    x: any shape; returns the same shape and dtype.
    """
    return tf.ones_like(x)
