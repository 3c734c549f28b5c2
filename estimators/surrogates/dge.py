"""The differentiable gradient estimator of 4-bit floating point training: a root's derivative, cut off at the jump."""

import tensorflow as tf
from jaxtyping import Float

from estimators.parameters import Range, positive
from estimators.surrogate import surrogate


def _power(base, exponent):
    """base^exponent of a base above 0, as a number or a tensor."""
    either = tf.is_tensor(base) or tf.is_tensor(exponent)
    return tf.exp(exponent * tf.math.log(base)) if either else base**exponent


def _kink(k, cap):
    """Where the root's derivative is as high as the cap."""
    return 0.5 * _power(cap * k, -k / (k - 1))


def _area(k, cap):
    """From −½ to ½: twice the cap up to the kink, and what the root has beyond it."""
    kink = _kink(k, cap)
    return 2 * cap * kink + 1 - _power(2 * kink, 1 / k)


def _integral(x, k, cap):
    """From the jump on: the cap up to the kink, and from there the root, less what it has at the kink."""
    u, kink = tf.minimum(tf.abs(x), 0.5), _kink(k, cap)
    root = 0.5 * (_power(2 * tf.maximum(u, kink), 1 / k) - _power(2 * kink, 1 / k))
    return tf.sign(x) * (cap * tf.minimum(u, kink) + root)


@surrogate(
    label="DGE",
    family="power",
    source="Wang et al. 2025, arXiv:2501.17116; k = 5 and cap = 3 are its defaults",
    aliases=("differentiable gradient estimator",),
    even=True,
    positive=True,
    area=_area,
    peak=lambda k, cap: cap,
    support=0.5,
    corners=lambda k, cap: (-0.5, -_kink(k, cap), 0.0, _kink(k, cap), 0.5),
    counterpart=_integral,
    known=((0.0, 3.0), (0.1, 0.724779663678), (0.25, 0.348220225318), (0.5, 0.2), (-0.5, 0.2), (0.51, 0.0)),
    needs={"k": Range(above=1), "cap": positive},
    agree=(lambda k, cap: cap * k > 1, "cap > 1/k"),
    roles={"k": "width", "cap": "width"},
)
def dge(x: Float[tf.Tensor, "*shape"], *, k=5.0, cap=3.0) -> Float[tf.Tensor, "*shape"]:
    r"""Half a step on either side of a jump the derivative of ½·(1 + |2x|^(1/k)), no higher than `cap`.

    Replaces  d round(x)/dx = Σ δ(x − jump)
    With      min(cap, |2x|^(1/k − 1)/k) where |x| ≤ ½, else 0
    Needs     k > 1, cap > 1/k

    x is the distance from the nearest jump of a staircase of step 1, as `function=round` has it: at a level it is ½.
    The source has it for weights alone, and for gaps of several lengths, each in units of its own.

    x: any shape; returns the same shape and dtype.
    """
    size = tf.abs(x)
    # Where the root is steeper than the cap, its own value is not asked for: at zero it would be infinite.
    steep = tf.clip_by_value(2 * size, 2 * _kink(k, cap), 1.0)
    m = tf.where(size <= _kink(k, cap), cap * tf.ones_like(x), _power(steep, 1 / k - 1) / k)
    return m * tf.cast(size <= 0.5, x.dtype)
