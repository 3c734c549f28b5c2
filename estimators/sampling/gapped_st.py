"""Gapped straight-through: the choice is made the largest logit by a gap, without any noise."""

import tensorflow as tf

from estimators.parameters import not_negative, positive
from estimators.sampled import sampled


@sampled(
    label="Gapped straight-through",
    source="Fan, Chi, Rudnicky, Ramadge 2022, arXiv:2206.07235",
    over=("categorical",),
    aliases=("gst",),
    needs={"temperature": positive, "gap": not_negative},
)
def gapped_st(site, drawn, upstream, *, temperature=1.0, gap=1.0):
    """The derivative of the softmax at logits that are moved until what was drawn is the largest by a gap.

    Replaces  ∂ b / ∂ φ
    With      J(softmax(φ′/temperature))/temperature, φ′ = φ but for the choice, which is raised to max φ, and the
              others, which are lowered to max φ − gap where they are above it
    Needs     temperature > 0, gap ≥ 0
    """
    logits = site.logits
    top = tf.reduce_max(logits, -1, keepdims=True)
    moved = tf.where(drawn > 0, tf.broadcast_to(top, logits.shape), tf.minimum(logits, top - gap))
    return site.law.pull(tf.nn.softmax(moved / temperature), upstream) / temperature
