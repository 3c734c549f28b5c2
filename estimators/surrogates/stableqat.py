"""The slope of a rotated Fourier series of the staircase: high at a jump, next to nothing at a level."""

import math

import tensorflow as tf
from jaxtyping import Float

from estimators.parameters import Range
from estimators.surrogate import surrogate

_LARGEST = 1 / (math.sqrt(2) * math.pi)  # from here on the slope is not positive at a level


def _area(amplitude):
    """From −½ to ½, as twice the integral below at ½."""
    a = math.sqrt(2) * math.pi * amplitude
    sqrt, atan = (tf.sqrt, tf.atan) if tf.is_tensor(a) else (math.sqrt, math.atan)
    root = sqrt(1 - a * a)
    return 8 / math.pi / root * (atan((1 + a) / root) - atan(a / root)) - 1


def _integral(x, amplitude):
    """From the jump on: ∫ (1 − t)/(1 + t) is 2·∫ du/(1 + a·sin(π·u)) − u, and that integral is an arctangent."""
    a = math.sqrt(2) * math.pi * amplitude
    root = tf.sqrt(1 - a * a) if tf.is_tensor(a) else math.sqrt(1 - a * a)
    u = tf.minimum(tf.abs(x), 0.5)
    angle = tf.atan((tf.tan(math.pi / 2 * u) + a) / root) - tf.atan(a / root * tf.ones_like(u))
    return tf.sign(x) * (4 / math.pi / root * angle - u)


@surrogate(
    label="StableQAT",
    family="trigonometric",
    source="arXiv:2601.19320; amplitude = 0.21, one term, is what all its released configurations have",
    even=True,
    positive=True,
    area=_area,
    peak=1,
    support=0.5,
    corners=(-0.5, 0.0, 0.5),
    counterpart=_integral,
    known=((0.0, 1.0), (0.5, 0.0346582489615), (-0.5, 0.0346582489615), (0.51, 0.0)),
    needs={"amplitude": Range(above=0, below=_LARGEST)},
    roles={"amplitude": "width"},
)
def stableqat(x: Float[tf.Tensor, "*shape"], *, amplitude=0.21) -> Float[tf.Tensor, "*shape"]:
    r"""Half a step on either side of a jump the derivative of a Fourier series that was turned by 45 degrees.

    Replaces  d round(x)/dx = Σ δ(x − jump)
    With      (1 − t)/(1 + t) where |x| ≤ ½, else 0; t = √2·π·amplitude·sin(π·|x|)
    Needs     0 < amplitude < 1/(√2·π)

    x is the distance from the nearest jump of a staircase of step 1, as `function=round` has it: at a level it is ½.
    At larger amplitudes than its range the slope is negative near the levels. At a single jump, as that of sign, it
    is a narrow hat.

    x: any shape; returns the same shape and dtype.
    """
    size = tf.abs(x)
    t = math.sqrt(2) * math.pi * amplitude * tf.sin(math.pi * tf.minimum(size, 0.5))
    return (1 - t) / (1 + t) * tf.cast(size <= 0.5, x.dtype)
