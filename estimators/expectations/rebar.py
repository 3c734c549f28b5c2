"""REBAR: REINFORCE with the relaxed objective as its control."""

import tensorflow as tf

from estimators.expectation import expectation
from estimators.parameters import positive


@expectation(
    label="REBAR",
    source="Tucker et al. 2017, arXiv:1703.07370",
    over=("bernoulli",),
    evaluations=3,
    smooth=True,
    needs={"temperature": positive},
)
def rebar(site, f, *, eta=1.0, temperature=0.5):
    """The score function times what the relaxed objective leaves of it, plus the gradient of what was taken away.

    Estimates  ∂ E f(b) / ∂ φ
    By         (f(b) − η f(s̃)) · (b − E b) + η ∂f(s)/∂φ − η ∂f(s̃)/∂φ, where s = σ(z/temperature), z = φ + logistic
               noise, b = 1[z > 0], and s̃ the same of z̃, which is drawn again given b
    Needs      temperature > 0

    Unbiased for every η and temperature. Here they are numbers, which may be swept; the paper trains them to make the
    variance least. z̃ is differentiated with what it is drawn by held fixed, and formed by logarithms of what is small,
    so that nothing rounds to infinity.
    """
    logits, drawn = site.logits, site.draw()
    v = tf.cast(site.chance.of("conditional").open_uniform(tuple(logits.shape)), logits.dtype)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(logits)
        half = tf.fill(logits.shape, tf.constant(0.5, logits.dtype))  # where the other formula holds
        p, q = tf.where(drawn > 0, tf.sigmoid(logits), half), tf.where(drawn > 0, half, tf.sigmoid(-logits))
        above = tf.math.log1p(-p * (1 - v)) - tf.math.log(p * (1 - v))
        below = tf.math.log(v * q) - tf.math.log1p(-v * q)
        again = logits + tf.where(drawn > 0, above, below)
        soft = f(tf.sigmoid((logits + site.noise) / temperature))
        soft_again = f(tf.sigmoid(again / temperature))
    score = site.law.times(f(drawn) - eta * tf.stop_gradient(soft_again), site.score(drawn))
    return score + eta * (tape.gradient(soft, logits) - tape.gradient(soft_again, logits))
