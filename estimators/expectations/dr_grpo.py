"""GRPO without its division: several draws, each against the mean of all."""

import tensorflow as tf

from estimators.expectation import expectation
from estimators.parameters import Range


@expectation(
    label="Dr. GRPO",
    source="Liu et al. 2025, arXiv:2503.20783 (on policy, no clipping, no KL term)",
    over=("bernoulli", "categorical"),
    factor=lambda samples: (samples - 1) / samples,
    evaluations=lambda samples, states: samples,
    samples=4,
    needs={"samples": Range(least=2, whole=True)},
)
def dr_grpo(site, f, *, samples):
    """The mean over a group of draws of the score function times by how much the objective is above the group's mean.

    Estimates  (K − 1)/K · ∂ E f(b) / ∂ φ, K = samples
    By         1/K · Σ_k (f(b_k) − mean_j f(b_j)) · (b_k − E b)
    Needs      a whole number of at least 2 for samples

    Each draw is in the baseline that it is held against, which shortens the mean by the factor (K − 1)/K and turns it
    nowhere; leave_one_out is the same without that.
    """
    drawn = site.draws(samples)
    values = f.each(drawn)
    above = values - tf.reduce_mean(values, 0)
    return tf.reduce_sum(site.law.times(above, site.score(drawn)), 0) / samples
