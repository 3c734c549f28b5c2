"""The gradient itself: the sum over everything that may be drawn."""

import tensorflow as tf

from estimators.expectation import expectation

CHUNK = 256  # states at once


@expectation(
    label="Exact gradient",
    source="the definition of the expectation",
    over=("bernoulli", "categorical"),
    evaluations=lambda samples, states: states,
    most={"bernoulli": 2**14, "categorical": 4096},
    aliases=("exact", "exact_gradient"),
)
def enumeration(site, f):
    """The score function times the objective, summed over all states with their probabilities.

    Estimates  ∂ E f(b) / ∂ φ, without error
    By         Σ_b P(b) · f(b) · (b − E b)

    At most 2^14 states of bits, or 4,096 of choices. Probabilities and sums are float64.
    """
    event = site.law.event(site.logits.shape)
    states, law = site.law.states(event), site.law
    logits = tf.cast(site.logits, tf.float64)
    mean, axes, leading = law.mean(logits), list(range(-law.axes, 0)), len(law.values(logits.shape))

    def chunk(begin, total):
        number = tf.minimum(begin + tf.range(min(CHUNK, states)), states - 1)
        there = tf.cast(begin + tf.range(min(CHUNK, states)) < states, tf.float64)
        state = law.state(number, event, tf.float64)
        state = tf.reshape(state, [state.shape[0], *[1] * leading, *event])
        each = tf.broadcast_to(state, [state.shape[0], *logits.shape])
        log = tf.math.xlogy(each, mean) + (tf.math.xlog1py(1 - each, -mean) if law.axes == 1 else 0)
        weight = tf.exp(tf.reduce_sum(log, axes)) * tf.reshape(there, [-1, *[1] * leading])
        values = tf.cast(f.each(tf.cast(each, site.logits.dtype)), tf.float64)
        return begin + CHUNK, total + tf.reduce_sum(law.times(weight * values, each - mean), 0)

    _, total = tf.while_loop(
        lambda begin, _: begin < states, chunk, (tf.constant(0), tf.zeros_like(logits)), parallel_iterations=1
    )
    return tf.cast(total, site.logits.dtype)
