"""Element-wise gradient scaling: straight-through, more where a step would bring x nearer to its level than it is."""

import math

import tensorflow as tf
from jaxtyping import Float

from estimators.parameters import not_negative
from estimators.surrogate import surrogate


def _rounding_error(x, delta):
    """δ·(v − Q(v)), no more than half a step: just before a jump it is δ/2, and just after it −δ/2."""
    return delta * tf.clip_by_value(x - tf.sign(x) / 2, -0.5, 0.5)


@surrogate(
    label="EWGS",
    family="identity",
    source="Lee et al. 2021, arXiv:2104.00903; delta = 0.2 steps is that of Nagel et al. 2022, arXiv:2203.11086",
    aliases=("element-wise gradient scaling",),
    even=True,
    positive=True,
    fades=False,
    area=math.inf,
    peak=1,
    counterpart=lambda x, delta: x,
    known=((0.0, 1.0), (-5.0, 1.0), (5.0, 1.0)),
    needs={"delta": not_negative},
    roles={"delta": "sign"},
    signed=_rounding_error,
)
def ewgs(x: Float[tf.Tensor, "*shape"], *, delta=0.2) -> Float[tf.Tensor, "*shape"]:
    r"""The identity's slope; and of the size of the gradient from above δ times what rounding has cut off.

    Replaces  d round(x)/dx = Σ δ(x − jump)
    With      1 + delta·sign(G)·(v − Q(v)), G being the gradient from above
    Needs     delta ≥ 0

    v − Q(v) is no more than half a step, as everywhere within the range. It is in steps: the authors' code has it in
    units of the whole range, where the same delta means 2^bits − 1 times as much, and raises delta by the curvature of
    the loss every tenth epoch.

    x: any shape; returns the same shape and dtype.
    """
    return tf.ones_like(x)
