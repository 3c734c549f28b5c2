"""DisARM: ARM with the uniform number integrated out, given both draws."""

import tensorflow as tf

from estimators.expectation import expectation


@expectation(
    label="DisARM",
    source="Dong, Mnih, Tucker 2020, arXiv:2006.10680; Yin et al. 2020, arXiv:2006.06448 (U2G)",
    over=("bernoulli",),
    evaluations=2,
    aliases=("u2g",),
)
def disarm(site, f):
    """The difference of the objective at two antithetic draws, times a number that follows from the logits.

    Estimates  ∂ E f(b) / ∂ φ
    By         ½ · (f(b) − f(b̃)) · (−1)^b̃ · 1[b ≠ b̃] · σ(|φ|), b = 1[u > σ(−φ)], b̃ = 1[u < σ(φ)], u uniform
    """
    first, other = site.draw(), site.law.decide(site.logits - site.noise)
    towards = (first - other) * tf.sigmoid(tf.abs(site.logits))
    return site.law.times(f(first) - f(other), towards) / 2
