"""The step is as long as the largest of what is rounded needs: straight-through, and no step is trained."""

import math

import tensorflow as tf
from jaxtyping import Float

from estimators.step_size import StepSize
from estimators.surrogate import surrogate


@surrogate(
    label="Absmax",
    family="identity",
    source="Jacob et al. 2018, arXiv:1712.05877; min-max ranges of quantization-aware training",
    aliases=("min-max",),
    even=True,
    positive=True,
    fades=False,
    area=math.inf,
    peak=1,
    counterpart=lambda x: x,
    known=((0.0, 1.0), (-5.0, 1.0), (5.0, 1.0)),
    step_size=StepSize(of_input=lambda x, axes, function: tf.reduce_max(tf.abs(x), axes) / function.top),
)
def absmax(x: Float[tf.Tensor, "*shape"]) -> Float[tf.Tensor, "*shape"]:
    r"""The identity's slope; and by the step nothing, which is max |x| over the largest level, anew each time.

    Replaces  d round(x)/dx = Σ δ(x − jump)
    With      1
    Needs     nothing

    For a task whose quantizers have steps. Nothing is cut off but what lies below the lowest level of a signed range.
    The sources take a moving average of it at activations.

    x: any shape; returns the same shape and dtype.
    """
    return tf.ones_like(x)
