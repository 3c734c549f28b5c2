"""ARMS: several draws that avoid each other, each held against the mean of the others."""

import tensorflow as tf

from estimators.expectation import expectation
from estimators.parameters import Range


@expectation(
    label="ARMS",
    source="Dimitriev and Zhou 2021, arXiv:2105.14141",
    over=("bernoulli",),
    evaluations=lambda samples, states: samples,
    samples=4,
    needs={"samples": Range(least=2, whole=True)},
)
def arms(site, f, *, samples):
    """Leave-one-out over draws whose rarer values come one at a time, times what makes up for their correlation.

    Estimates  ∂ E f(b) / ∂ φ
    By         1/(K − 1) · Σ_k (f(b_k) − mean_j f(b_j)) · (b_k − E b) · (1 − q)/(1 − r/q), K = samples
    Needs      a whole number of at least 2 for samples

    q = σ(−|φ|) is the probability of the rarer value, which a draw has where (1 − d_k)^(K − 1) < q, d being drawn from
    a Dirichlet distribution whose numbers are all 1; r = max(2q^(1/(K − 1)) − 1, 0)^(K − 1) is that two draws have it.
    With two draws it is DisARM.
    """
    logits, others, dtype = site.logits, samples - 1, site.logits.dtype
    first, rarer = site.draw(), tf.sigmoid(-tf.abs(logits))
    root = tf.sigmoid(tf.where(logits > 0, site.noise, -site.noise)) ** (1 / others)  # 1 − d of the first
    uniform = site.chance.of("dirichlet").open_uniform((others, *logits.shape))
    shares = -tf.math.log(tf.cast(uniform, dtype))
    shares *= root / tf.reduce_sum(shares, 0)
    rare = tf.cast((1 - shares) ** others < rarer, dtype)
    drawn = tf.concat([first[None], tf.where(logits > 0, 1 - rare, rare)], 0)
    both = tf.maximum(2 * rarer ** (1 / others) - 1, 0) ** others
    makes_up = (1 - rarer) / (1 - both / tf.maximum(rarer, 1e-30))
    values = f.each(drawn)
    above = values - tf.reduce_mean(values, 0)
    return makes_up * tf.reduce_sum(site.law.times(above, site.score(drawn)), 0) / others
