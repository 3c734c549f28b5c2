"""MuProp: REINFORCE with the objective's linear part at the mean as its baseline."""

import tensorflow as tf

from estimators.expectation import expectation


@expectation(
    label="MuProp",
    source="Gu, Levine, Sutskever, Mnih 2016, arXiv:1511.05176",
    over=("bernoulli", "categorical"),
    evaluations=2,
    smooth=True,
)
def muprop(site, f):
    """The score function times what a Taylor expansion at the mean leaves of the objective, plus what it has.

    Estimates  ∂ E f(b) / ∂ φ
    By         (f(b) − f(m) − f′(m)·(b − m)) · (b − m) + the gradient of f(m) through m, with m = E b

    The objective is asked for at means, and so has to be defined and smooth between hard values.
    """
    logits, axes = site.logits, list(range(-site.law.axes, 0))
    with tf.GradientTape() as tape:
        tape.watch(logits)
        mean = site.law.mean(logits)
        with tf.GradientTape() as inner:
            inner.watch(mean)
            at_mean = f(mean)
        slope = tf.stop_gradient(inner.gradient(at_mean, mean))
        along = tf.reduce_sum(slope * mean)
    drawn = site.draw()
    linear = tf.reduce_sum(slope * site.score(drawn), axes)
    return site.law.times(f(drawn) - at_mean - linear, site.score(drawn)) + tape.gradient(along, logits)
