"""Evolution strategy: logits moved by normal noise, to one side and to the other."""

import tensorflow as tf

from estimators.expectation import expectation
from estimators.parameters import Range, positive
from steeplechase.random import inverse_normal


@expectation(
    label="Evolution strategy",
    source="Salimans et al. 2017, arXiv:1703.03864 (mirrored samples, no ranks)",
    over=("bernoulli", "categorical"),
    unbiased=False,
    evaluations=lambda samples, states: 2 * samples,
    samples=2,
    aliases=("es", "antithetic_es"),
    needs={"spread": positive, "samples": Range(least=1, whole=True)},
)
def evolution_strategy(site, f, *, spread=1.0, samples):
    """The mean over pairs of mirrored steps of the difference of the objective, drawn with the same noise.

    Estimates  the gradient of E f(b), smoothed by a normal distribution over the logits
    By         1/(2K·spread) · Σ_k (f(b₊) − f(b₋)) · ε_k, b± drawn at φ ± spread·ε_k, ε_k of N(0, 1), K = samples
    Needs      spread > 0, a whole number of at least 1 for samples

    A control that knows nothing of how values are drawn.
    """
    uniform = site.chance.of("steps").open_uniform((samples, *site.logits.shape))
    steps = inverse_normal(tf.cast(uniform, site.logits.dtype))
    sides = [site.law.decide(site.logits + side * spread * steps + site.noise) for side in (1, -1)]
    above, below = tf.split(f.each(tf.concat(sides, 0)), 2)
    return tf.reduce_mean(site.law.times(above - below, steps), 0) / (2 * spread)
