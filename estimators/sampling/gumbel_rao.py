"""Gumbel-Rao: straight-through Gumbel, averaged over the noise that would have given the same draw."""

import tensorflow as tf

from estimators.parameters import Range, positive
from estimators.sampled import sampled


@sampled(
    label="Gumbel-Rao",
    source="Paulus, Maddison, Krause 2021, arXiv:2010.04838",
    over=("categorical",),
    samples=10,
    aliases=("gr_mck", "gr_mc"),
    needs={"temperature": positive, "samples": Range(least=1, whole=True)},
)
def gumbel_rao(site, drawn, upstream, *, temperature=1.0, samples):
    """The mean of straight-through Gumbel over several draws of the noise, given what was chosen.

    Replaces  ∂ b / ∂ φ
    With      1/K · Σ_k J(y_k)/temperature, K = samples, y_k the softmax of (φ + g_k)/temperature with g_k drawn given b
    Needs     temperature > 0, a whole number of at least 1 for samples

    With E of exponential numbers the perturbed logits are log Z − log E_b at the choice, and −log(E_i/exp(φ_i) + E_b/Z)
    elsewhere. It has the mean of st_gumbel and a smaller variance.
    """
    share = tf.nn.softmax(site.logits)  # whose Z is 1
    uniform = site.chance.of("given").open_uniform((samples, *share.shape))
    exponential = -tf.math.log(tf.cast(uniform, share.dtype))
    chosen = tf.reduce_sum(drawn * exponential, -1, keepdims=True)
    perturbed = -tf.math.log(tf.where(drawn > 0, chosen, exponential / tf.maximum(share, 1e-30) + chosen))
    return tf.reduce_mean(site.law.pull(tf.nn.softmax(perturbed / temperature), upstream), 0) / temperature
