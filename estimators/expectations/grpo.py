"""GRPO: several draws, each against the mean of all, in units of their spread."""

import tensorflow as tf

from estimators.expectation import expectation
from estimators.parameters import Range, positive


@expectation(
    label="GRPO",
    source="Shao et al. 2024, arXiv:2402.03300 (on policy, no clipping, no KL term)",
    over=("bernoulli", "categorical"),
    unbiased=False,
    evaluations=lambda samples, states: samples,
    samples=4,
    needs={"samples": Range(least=2, whole=True), "epsilon": positive},
)
def grpo(site, f, *, epsilon=1e-4, samples):
    """The mean over a group of draws of the score function times the objective, standardised within the group.

    Estimates  no gradient of an expectation: the length depends on how the group spreads
    By         1/K · Σ_k (f(b_k) − mean_j f(b_j)) / (sd_j f(b_j) + epsilon) · (b_k − E b), K = samples
    Needs      a whole number of at least 2 for samples, epsilon > 0

    The standard deviation is that of the group, divided by K. A group in which all values are the same hands down 0.
    """
    drawn = site.draws(samples)
    values = f.each(drawn)
    above = values - tf.reduce_mean(values, 0)
    spread = tf.sqrt(tf.reduce_mean(tf.square(above), 0))
    return tf.reduce_sum(site.law.times(above / (spread + epsilon), site.score(drawn)), 0) / samples
