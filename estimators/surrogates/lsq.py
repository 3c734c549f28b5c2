"""Learned step size quantization: straight-through within the range, and the step descends, too."""

import math

import tensorflow as tf
from jaxtyping import Float

from estimators.parameters import not_negative
from estimators.step_size import LSQ, StepSize
from estimators.surrogate import surrogate


def _factor(count, function, gradient_scale):
    return gradient_scale * LSQ.factor(count, function)


@surrogate(
    label="LSQ",
    family="identity",
    source="Esser et al. 2020, arXiv:1902.08153",
    aliases=("learned step size quantization",),
    even=True,
    positive=True,
    fades=False,
    area=math.inf,
    peak=1,
    counterpart=lambda x, gradient_scale: x,
    known=((0.0, 1.0), (-5.0, 1.0), (5.0, 1.0)),
    equals=(({}, "ste", {}),),
    step_size=StepSize(factor=_factor),
    needs={"gradient_scale": not_negative},
    roles={"gradient_scale": "step"},
)
def lsq(x: Float[tf.Tensor, "*shape"], *, gradient_scale=1.0) -> Float[tf.Tensor, "*shape"]:
    r"""The identity's slope; and by a step that is learned, round(v) − v within the range and its ends beyond.

    Replaces  d round(x)/dx = Σ δ(x − jump)
    With      1
    Needs     gradient_scale ≥ 0

    Where a task learns the step s of s·round(x/s), it starts at 2·mean |x|/√p, p being the largest level; its gradient
    is multiplied by gradient_scale/√(N·p), N elements sharing the step. Every slope m of the book does so, with
    round(v) − v·m: this is `ste` but for the factor. At gradient_scale = 0 the step stays where it starts.

    x: any shape; returns the same shape and dtype.
    """
    return tf.ones_like(x)
