"""The slope of a hard sigmoid that steepens over training."""

import tensorflow as tf
from jaxtyping import Float

from estimators.parameters import positive
from estimators.surrogate import surrogate


@surrogate(
    label="Slope annealing",
    family="rectangle",
    source="Chung, Ahn, Bengio 2016, arXiv:1609.01704",
    aliases=("slope-annealing trick",),
    even=True,
    positive=True,
    area=1,
    peak=lambda slope: slope / 2,
    support=lambda slope: 1 / slope,
    corners=lambda slope: (-1 / slope, 1 / slope),
    counterpart=lambda x, slope: tf.clip_by_value((slope * x + 1) / 2, 0, 1),
    known=((0.0, 0.5), (0.99, 0.5), (-0.99, 0.5), (1.001, 0.0)),
    equals=(({"slope": 2.0}, "ste_clipped", {"clip": 0.5}),),
    needs={"slope": positive},
    roles={"slope": "width"},
)
def slope_annealing(x: Float[tf.Tensor, "*shape"], *, slope=1.0) -> Float[tf.Tensor, "*shape"]:
    r"""The derivative of clip((slope·x + 1)/2, 0, 1).

    Replaces  d sign(x)/dx = 2 δ(x)
    With      slope/2 where slope·|x| ≤ 1, else 0
    Needs     slope > 0

    The slope is scheduled. The paper's is min(5, 1 + 0.04·epoch), a straight line from 1 to 5 in its first 100 epochs:
    so two implementations and notes on the paper have it, which itself was not at hand. Here the line takes the whole
    training, however many epochs that is. Other implementations multiply the slope by 1.005 or 1.1 per epoch.

    x: any shape; returns the same shape and dtype.
    """
    return slope / 2 * tf.cast(slope * tf.abs(x) <= 1, x.dtype)
