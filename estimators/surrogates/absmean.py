"""The step is the mean size of what is rounded, as in networks of 1.58 bits: straight-through, no step is trained."""

import math

import tensorflow as tf
from jaxtyping import Float

from estimators.step_size import StepSize
from estimators.surrogate import surrogate


@surrogate(
    label="Absmean",
    family="identity",
    source="Ma et al. 2024, arXiv:2402.17764",
    aliases=("BitNet b1.58",),
    even=True,
    positive=True,
    fades=False,
    area=math.inf,
    peak=1,
    counterpart=lambda x: x,
    known=((0.0, 1.0), (-5.0, 1.0), (5.0, 1.0)),
    step_size=StepSize(of_input=lambda x, axes, function: tf.reduce_mean(tf.abs(x), axes)),
)
def absmean(x: Float[tf.Tensor, "*shape"]) -> Float[tf.Tensor, "*shape"]:
    r"""The identity's slope; and by the step nothing, which is mean |x|, anew each time.

    Replaces  d round(x)/dx = Σ δ(x − jump)
    With      1
    Needs     nothing

    For a task whose quantizers have steps. The source has it for ternary weights with the gradient passing everywhere:
    `function=ternary`, or `round` to two bits of a narrow range with that edge.

    x: any shape; returns the same shape and dtype.
    """
    return tf.ones_like(x)
