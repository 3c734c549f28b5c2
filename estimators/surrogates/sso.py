"""The stochastic spike operator: noise passes where no spike was."""

import tensorflow as tf
from jaxtyping import Float

from estimators.parameters import not_negative
from estimators.surrogate import surrogate


@surrogate(
    label="Stochastic spike operator",
    family="identity",
    source="snnTorch; mu = 0 and variance = 0.2 are its defaults",
    aliases=("noisy", "stochastic spike operator"),
    ships={"snnTorch": "SSO(mean=0, variance=0.2)"},
    even=False,
    positive=False,
    fades=False,
    area=None,
    peak=lambda mu, variance: (1 + (mu + 0.5) * variance + abs(1 - (mu + 0.5) * variance)) / 2,  # 1, or the noise's
    corners=(0.0,),
    needs={"variance": not_negative},
    roles={"mu": "tail", "variance": "tail"},
)
def sso(x: Float[tf.Tensor, "*shape"], *, mu=0.0, variance=0.2, chance) -> Float[tf.Tensor, "*shape"]:
    r"""Straight-through above the threshold, a small random factor below, drawn anew at each backward pass.

    Replaces  d sign(x)/dx = 2 δ(x)
    With      1 where x > 0, else (u − ½ + mu)·variance with u uniform in [0, 1)
    Needs     variance ≥ 0; mu is any number

    The forward pass is not random. `variance` is what the noise is multiplied by, as in snnTorch, and not its variance.
    Below the threshold the slope is negative half of the time if mu = 0; being random, it has no area.

    Slower than ste, at 0.64 of its training speed (784-256-256-10, two cores): random bits for every element.

    x: any shape; returns the same shape and dtype.
    """
    u = tf.cast(chance.uniform(x.shape), x.dtype)
    return tf.where(x > 0, tf.ones_like(x), (u - 0.5 + mu) * variance)
