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

    It has the mean of st_gumbel and a smaller variance.
    """
    uniform = site.chance.of("given").open_uniform((samples, *drawn.shape))
    perturbed = site.law.given(site.logits, drawn[None], tf.cast(uniform, drawn.dtype))
    return tf.reduce_mean(site.law.pull(site.law.mean(perturbed / temperature), upstream), 0) / temperature
