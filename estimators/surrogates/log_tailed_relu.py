"""The slope of a ReLU that goes on as a logarithm: what is far above counts less."""

import math

import tensorflow as tf
from jaxtyping import Float

from estimators.parameters import not_negative
from estimators.surrogate import surrogate


@surrogate(
    label="Log-tailed ReLU",
    family="composite",
    source="Cai et al. 2017, arXiv:1702.00953 (HWGQ), for another forward pass; for one that jumps: SpikingJelly 2.0.0",
    aliases=("HWGQ",),
    ships={"SpikingJelly": "LogTailedReLU(alpha=0.0)"},
    sites=("activations",),
    even=False,
    positive=True,
    area=math.inf,
    peak=lambda leak: (1 + leak + abs(1 - leak)) / 2,  # the larger of the two
    corners=(0.0, 1.0),
    counterpart=lambda x, leak: leak * tf.minimum(x, 0) + tf.clip_by_value(x, 0, 1) + tf.math.log(tf.maximum(x, 1)),
    known=((-1.0, 0.0), (0.0, 0.0), (0.5, 1.0), (1.0, 1.0), (2.0, 0.5), (4.0, 0.25)),
    needs={"leak": not_negative},
    roles={"leak": "tail"},
)
def log_tailed_relu(x: Float[tf.Tensor, "*shape"], *, leak=0.0) -> Float[tf.Tensor, "*shape"]:
    r"""One up to x = 1, then falling as 1/x.

    Replaces  d sign(x)/dx = 2 δ(x)
    With      1 where 0 < x ≤ 1, 1/x above, leak below
    Needs     leak ≥ 0

    The paper's forward pass is no sign and no step: it is a half-wave quantizer, 0 below zero and several levels above,
    which this slope follows as far as a ReLU can. SpikingJelly puts the slope behind a step, and a race of surrogates
    behind a sign, at weights as well: that neither comes from the paper.

    x: any shape; returns the same shape and dtype.
    """
    return tf.where(x > 0, 1 / tf.maximum(x, 1), leak)
