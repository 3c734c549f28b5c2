"""REINFORCE with the baseline of each unit that makes its variance least."""

import tensorflow as tf

from estimators.expectation import expectation
from estimators.parameters import Range


@expectation(
    label="REINFORCE (optimal baseline)",
    source="Bengio, Leonard, Courville 2013, arXiv:1308.3432, equation 8",
    over=("bernoulli", "categorical"),
    memory=lambda event: {"weighted": event, "squares": event},
    needs={"decay": Range(least=0.0, below=1.0)},
)
def reinforce_optimal(site, f, *, decay=0.95, memory):
    """The score function times by how much the objective is above a baseline that every element has of its own.

    Estimates  ∂ E f(b) / ∂ φ
    By         (f(b) − c_i) · (b_i − E b_i), c_i = A_i / (B_i + 1e-4), where A and B are moving means over the updates
               before of (b_i − E b_i)² · f(b) and of (b_i − E b_i)²
    Needs      0 ≤ decay < 1

    c_i is the constant that makes the variance of that element least; it never contains the draw that it is subtracted
    from, so every estimate is unbiased.
    """
    drawn = site.draw()
    values, score = f(drawn), site.score(drawn)
    examples = range(len(values.shape))
    weighted = tf.reduce_mean(site.law.times(values, tf.square(score)), examples)
    squares = tf.reduce_mean(tf.square(score), examples)
    baseline = memory["weighted"] / (memory["squares"] + 1e-4)
    then = {
        "weighted": decay * memory["weighted"] + (1 - decay) * weighted,
        "squares": decay * memory["squares"] + (1 - decay) * squares,
    }
    return site.law.times(values, score) - baseline * score, then
