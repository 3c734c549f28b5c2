"""The slope of the fast sigmoid x/(1 + |x|): SuperSpike."""

import tensorflow as tf
from jaxtyping import Float

from estimators.parameters import positive
from estimators.surrogate import surrogate


@surrogate(
    label="Fast sigmoid",
    family="power",
    source="Zenke, Ganguli 2018, Neural Computation 30:1514, arXiv:1705.11146 (SuperSpike); scale = 25 is snnTorch's",
    aliases=("SuperSpike",),
    ships={
        "snnTorch": "fast_sigmoid(slope=25)",
        "Norse": "superspike(alpha=100)",
        "SpikingJelly": "SuperSpike(alpha=1.0), which is scale = 1",
        "spytorch": "scale = 100",
        "stork": "scale = 20 in its class, 10 in its custom spike",
    },
    even=True,
    positive=True,
    area=lambda scale: 2 / scale,
    peak=1,
    corners=(0.0,),
    counterpart=lambda x, scale: x / (1 + scale * tf.abs(x)),
    known=((0.0, 1.0), (0.04, 0.25), (-0.04, 0.25)),
    needs={"scale": positive},
    roles={"scale": "width"},
)
def fast_sigmoid(x: Float[tf.Tensor, "*shape"], *, scale=25.0) -> Float[tf.Tensor, "*shape"]:
    r"""The derivative of x/(1 + scale·|x|).

    Replaces  d sign(x)/dx = 2 δ(x)
    With      1 / (1 + scale·|x|)²
    Needs     scale > 0

    SuperSpike's own scale is per millivolt; spytorch uses 100, Zenke and Vogels 2021 use 10.

    SpikingJelly's alpha multiplies the height and leaves the width; Norse 1.1.0 ignores its alpha, so that its scale is
    1 (mended after that release).

    x: any shape; returns the same shape and dtype.
    """
    return 1 / tf.square(1 + scale * tf.abs(x))
