"""Parameterized clipping activation: straight-through within the range, which what is cut off moves."""

import math

import tensorflow as tf
from jaxtyping import Float

from estimators.parameters import not_negative, positive
from estimators.step_size import StepSize, of_the_ends
from estimators.surrogate import surrogate


def _start(x, axes, function, start, **_):
    return tf.minimum(start, tf.reduce_max(tf.abs(x), axes))


@surrogate(
    label="PACT",
    family="identity",
    source="Choi et al. 2018, arXiv:1805.06085; start = 6 is MQBench's, decay = 0.0002 that of its reimplementations",
    aliases=("parameterized clipping activation",),
    even=True,
    positive=True,
    fades=False,
    area=math.inf,
    peak=1,
    counterpart=lambda x, start, decay: x,
    known=((0.0, 1.0), (-5.0, 1.0), (5.0, 1.0)),
    step_size=StepSize(
        start=_start,
        size=lambda end, function: end / function.top,
        slope=of_the_ends,
        decay=lambda decay, **_: decay,
    ),
    needs={"start": positive, "decay": not_negative},
    roles={"start": "step", "decay": "step"},
)
def pact(x: Float[tf.Tensor, "*shape"], *, start=6.0, decay=0.0002) -> Float[tf.Tensor, "*shape"]:
    r"""The identity's slope; and by the end of the range, that is learned, 1 for what is cut off.

    Replaces  d round(x)/dx = Σ δ(x − jump)
    With      1
    Needs     start > 0, decay ≥ 0

    Where a task learns the step, the end α = s·p of the range is what is trained, p being the largest level. It starts
    at `start`, or at the largest |x| that first arrives, where that is smaller: else weights would all be zero. What
    lies at it or beyond gives it its gradient, what lies within nothing, and decay·α is added, without which a range
    that cuts nothing off would never shrink. The source has it for activations alone.

    x: any shape; returns the same shape and dtype.
    """
    return tf.ones_like(x)
