"""The slope of IR-Net, its error decay estimator: from nearly straight-through to nearly sign."""

import tensorflow as tf
from jaxtyping import Float

from estimators.parameters import positive
from estimators.surrogate import surrogate


@surrogate(
    label="EDE",
    family="sigmoid",
    source="Qin et al., CVPR 2020, arXiv:1909.10788 (IR-Net)",
    aliases=("IR-Net", "error decay estimator"),
    even=True,
    positive=True,
    area=lambda t: (t + 1 + abs(t - 1)) / t,
    peak=lambda t: (t + 1 + abs(t - 1)) / 2,  # max(t, 1)
    counterpart=lambda x, t: (1 / t + 1 + abs(1 / t - 1)) / 2 * tf.tanh(t * x),
    known=((0.0, 1.0), (1.0, 0.419974341614), (-1.0, 0.419974341614)),
    equals=(({"t": 1.0}, "tanh_slope", {"scale": 1.0}), ({"t": 2.0}, "tanh_slope", {"scale": 2.0})),
    needs={"t": positive},
    roles={"t": "width"},
)
def ede(x: Float[tf.Tensor, "*shape"], *, t=1.0) -> Float[tf.Tensor, "*shape"]:
    r"""The derivative of k·tanh(t·x) with k = max(1/t, 1), so that it is never lower than 1 at zero.

    Replaces  d sign(x)/dx = 2 δ(x)
    With      max(t, 1) · (1 − tanh²(t·x))
    Needs     t > 0

    Of the method this is the slope, and nothing else: the paper balances and standardises the weights before they are
    made hard, and multiplies their signs by a power of two, which is not done here.

    The paper's t grows over training, from 0.1 (VGG-small) or 0.001 (ResNet-20) to 10 at a constant ratio per epoch; at
    t ≥ 1 it is tanh_slope.

    Slower than ste, at 0.85 of its training speed (784-256-256-10, two cores): one exponential an element.

    x: any shape; returns the same shape and dtype.
    """
    e = tf.exp(-2 * tf.abs(t * x))  # 4e/(1 + e)² is 1 − tanh² without cancellation, see tanh_slope
    return 4 * tf.maximum(t, 1) * e / tf.square(1 + e)
