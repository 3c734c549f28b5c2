"""Simultaneous perturbation: all logits moved at once, to one side and to the other."""

import tensorflow as tf

from estimators.expectation import expectation
from estimators.parameters import positive


@expectation(
    label="SPSA",
    source="Spall 1992, doi:10.1109/9.119632",
    over=("bernoulli", "categorical"),
    unbiased=False,
    evaluations=2,
    aliases=("simultaneous_perturbation",),
    needs={"spacing": positive},
)
def spsa(site, f, *, spacing=1.0):
    """The difference of the objective between two opposite corners around the logits, drawn with the same noise.

    Estimates  the slope of E f(b) over a distance, and not at the logits
    By         (f(b₊) − f(b₋)) / (2·spacing) · δ, b± drawn at φ ± spacing·δ, δ of ±1 with equal probabilities
    Needs      spacing > 0

    A control that knows nothing of how values are drawn. The smaller the spacing, the smaller its bias, and the rarer a
    difference.
    """
    uniform = tf.cast(site.chance.of("signs").open_uniform(tuple(site.logits.shape)), site.logits.dtype)
    towards = tf.sign(uniform - 0.5)
    moved = [site.law.decide(site.logits + side * spacing * towards + site.noise) for side in (1, -1)]
    values = f.each(tf.stack(moved))
    return site.law.times(values[0] - values[1], towards) / (2 * spacing)
