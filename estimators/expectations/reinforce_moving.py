"""REINFORCE with what the objective was of late as its baseline."""

import tensorflow as tf

from estimators.expectation import expectation
from estimators.parameters import Range


@expectation(
    label="REINFORCE (moving baseline)",
    source="Williams 1992, doi:10.1007/BF00992696; Sutton and Barto 2018, section 13.4",
    over=("bernoulli", "categorical"),
    memory=lambda event: {"baseline": (), "asked": ()},
    needs={"decay": Range(least=0.0, below=1.0)},
)
def reinforce_moving(site, f, *, decay=0.9, memory):
    """The score function times by how much the objective is above its mean over the updates before.

    Estimates  ∂ E f(b) / ∂ φ
    By         (f(b) − c) · (b − E b); after it c ← decay · c + (1 − decay) · mean f(b)
    Needs      0 ≤ decay < 1

    c is 0 at the first update and the mean objective of the first at the second: it never contains the draw that it is
    subtracted from, so every estimate is unbiased.
    """
    drawn = site.draw()
    values, before = f(drawn), memory["baseline"]
    seen = tf.reduce_mean(values)
    then = tf.where(memory["asked"] > 0, decay * before + (1 - decay) * seen, seen)
    return site.law.times(values - before, site.score(drawn)), {"baseline": then, "asked": memory["asked"] + 1}
