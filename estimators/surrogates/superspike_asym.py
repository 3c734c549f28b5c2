"""SuperSpike whose height grows with its steepness, so that its area stays."""

import tensorflow as tf
from jaxtyping import Float

from estimators.parameters import positive
from estimators.surrogate import surrogate


@surrogate(
    label="Asymptotic SuperSpike",
    family="power",
    source="Zenke, Vogels 2021, Neural Computation 33:899, figure 5; beta = 100 is stork's",
    aliases=("asymptotic SuperSpike",),
    ships={"stork": "its asymptotic SuperSpike, beta = 100"},
    even=True,
    positive=True,
    area=2,
    peak=lambda beta: beta,
    corners=(0.0,),
    counterpart=lambda x, beta: beta * x / (1 + beta * tf.abs(x)),
    known=((0.0, 100.0), (0.01, 25.0), (-0.01, 25.0)),
    equals=(({"beta": 1.0}, "fast_sigmoid", {"scale": 1.0}),),
    needs={"beta": positive},
    roles={"beta": "width"},
)
def superspike_asym(x: Float[tf.Tensor, "*shape"], *, beta=100.0) -> Float[tf.Tensor, "*shape"]:
    r"""The derivative of z/(1 + |z|) at z = beta·x: it tends to that of sign as beta grows.

    Replaces  d sign(x)/dx = 2 δ(x)
    With      beta / (1 + beta·|x|)²
    Needs     beta > 0

    x: any shape; returns the same shape and dtype.
    """
    return beta / tf.square(1 + beta * tf.abs(x))
