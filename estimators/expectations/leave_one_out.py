"""REINFORCE with several draws, each of which has the others for its baseline."""

import tensorflow as tf

from estimators.expectation import expectation
from estimators.parameters import Range


@expectation(
    label="Leave-one-out",
    source="Salimans and Knowles 2014, arXiv:1401.1022; Kool, van Hoof, Welling 2019 (RLOO)",
    over=("bernoulli", "categorical"),
    evaluations=lambda samples, states: samples,
    samples=4,
    aliases=("rloo", "vargrad", "loorf", "vimco_leave_one_out"),
    needs={"samples": Range(least=2, whole=True)},
)
def leave_one_out(site, f, *, samples):
    """The mean over several draws of the score function times by how much the objective is above that of the others.

    Estimates  ∂ E f(b) / ∂ φ
    By         1/(K − 1) · Σ_k (f(b_k) − mean_j f(b_j)) · (b_k − E b), K = samples
    Needs      a whole number of at least 2 for samples
    """
    drawn = site.draws(samples)
    values = f.each(drawn)
    above = values - tf.reduce_mean(values, 0)
    return tf.reduce_sum(site.law.times(above, site.score(drawn)), 0) / (samples - 1)
