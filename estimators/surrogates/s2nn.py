"""A logistic slope below the threshold and a reciprocal above."""

import math

import tensorflow as tf
from jaxtyping import Float

from estimators.parameters import positive
from estimators.surrogate import surrogate


@surrogate(
    label="S2NN",
    family="composite",
    source="arXiv:2201.10879 (S2NN)",
    ships={"SpikingJelly": "S2NN(alpha=4.0, beta=1.0)"},
    even=False,
    positive=True,
    area=math.inf,
    peak=lambda alpha, beta: (alpha / 4 + beta + abs(alpha / 4 - beta)) / 2,  # the larger of the two
    corners=(0.0,),
    counterpart=lambda x, alpha, beta: tf.sigmoid(alpha * tf.minimum(x, 0)) + beta * tf.math.log1p(tf.maximum(x, 0)),
    known=((-0.25, 0.786447732966), (0.0, 1.0), (1.0, 0.5), (3.0, 0.25)),
    needs={"alpha": positive, "beta": positive},
    roles={"alpha": "width", "beta": "width"},
)
def s2nn(x: Float[tf.Tensor, "*shape"], *, alpha=4.0, beta=1.0) -> Float[tf.Tensor, "*shape"]:
    r"""Asymmetric: it falls fast on the silent side and slowly on the other.

    Replaces  d sign(x)/dx = 2 δ(x)
    With      alpha · σ(alpha·x) · σ(−alpha·x) where x < 0, else beta/(x + 1)
    Needs     alpha > 0, beta > 0

    It jumps at zero unless alpha = 4·beta. SpikingJelly documents another constant for its smooth counterpart than its
    code has; the slope is the same.

    Slower than ste, at 0.81 of its training speed (784-256-256-10, two cores): an exponential and two quotients each.

    x: any shape; returns the same shape and dtype.
    """
    e = tf.exp(-tf.abs(alpha * x))  # neither overflows nor cancels, see sigmoid_derivative
    return tf.where(x < 0, alpha * e / tf.square(1 + e), beta / (1 + tf.nn.relu(x)))
