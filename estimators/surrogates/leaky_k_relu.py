"""The slope of a ReLU whose two sides may have any steepness."""

import math

import tensorflow as tf
from jaxtyping import Float

from estimators.parameters import not_negative, positive
from estimators.surrogate import surrogate


@surrogate(
    label="Leaky k-ReLU",
    family="identity",
    source="SpikingJelly; k = 1 and leak = 0 are its defaults",
    ships={"SpikingJelly": "LeakyKReLU(leak=0.0, k=1.0)"},
    even=False,
    positive=True,
    fades=False,
    area=math.inf,
    peak=lambda k, leak: (k + leak + abs(k - leak)) / 2,  # the larger of the two
    corners=(0.0,),
    counterpart=lambda x, k, leak: k * tf.maximum(x, 0) + leak * tf.minimum(x, 0),
    known=((0.0, 1.0), (5.0, 1.0), (-0.001, 0.0), (-5.0, 0.0)),
    equals=(({"k": 1.0, "leak": 1.0}, "ste", {}),),
    needs={"k": positive, "leak": not_negative},
    roles={"k": "height", "leak": "tail"},
)
def leaky_k_relu(x: Float[tf.Tensor, "*shape"], *, k=1.0, leak=0.0) -> Float[tf.Tensor, "*shape"]:
    r"""One constant from the threshold on, another below.

    Replaces  d sign(x)/dx = 2 δ(x)
    With      k where x ≥ 0, else leak
    Needs     k > 0, leak ≥ 0

    k is the height as long as nothing leaks.

    x: any shape; returns the same shape and dtype.
    """
    return tf.where(x >= 0, k, leak)
