"""Controls: what is taken away from the objective and added again, and how it is learned, towards less variance."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import tensorflow as tf

from estimators.expectation import Objective
from estimators.laws import Site

FIRST, SECOND = 0.9, 0.999  # of Adam's moving means


def controlled(site: Site, f: Objective, control: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
    """The score function times what a control leaves of the objective, plus the gradient of what was taken away.

    (f(b) − c(z̃)) · (b − E b) + ∂c(z)/∂φ − ∂c(z̃)/∂φ: z = φ + noise, which decides b, and z̃ the same drawn again given b.

    Args:
        site: whose logits φ are.
        f: the objective there.
        control: c, of logits with noise [..., event] the values [...]; of choices the same where all logits are moved
            alike.

    Returns:
        The shape of the logits. Its mean is the gradient of E f(b) for every c that does not depend on this draw.
    """
    logits, drawn = site.logits, site.draw()
    u = tf.cast(site.chance.of("conditional").open_uniform(tuple(logits.shape)), logits.dtype)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(logits)
        before = control(logits + site.noise)
        again = control(site.law.given(logits, drawn, u))
    score = site.law.times(f(drawn) - again, site.score(drawn))
    return score + tape.gradient(before, logits) - tape.gradient(again, logits)


def learned_memory(size: int) -> dict[str, tuple[int, ...]]:
    """The shapes of what is remembered where so many numbers are learned.

    Args:
        size: how many.

    Returns:
        By name: the numbers, moving means of their slopes and of the squares of these, and how often they were moved.
    """
    return {"learned": (size,), "slopes": (size,), "squares": (size,), "updates": ()}


def learn(
    memory: Mapping[str, tf.Tensor], learned: tf.Tensor, estimate: tf.Tensor, tape: tf.GradientTape, rate: tf.Tensor
) -> dict[str, tf.Tensor]:
    """Numbers moved a step of Adam (Kingma and Ba 2015, arXiv:1412.6980) towards less variance.

    The mean of the estimate does not depend on them, so that the slope of its square is that of its variance: one call
    estimates it (Tucker et al. 2017, arXiv:1703.07370, section 3.2).

    Args:
        memory: as `learned_memory` has it.
        learned: the numbers now, [size].
        estimate: that they were used for, recorded by the tape.
        tape: that watched them.
        rate: of learning.

    Returns:
        What is remembered then.
    """
    slope = tape.gradient(tf.reduce_sum(tf.square(estimate)), learned)
    updates = memory["updates"] + 1
    slopes = FIRST * memory["slopes"] + (1 - FIRST) * slope
    squares = SECOND * memory["squares"] + (1 - SECOND) * tf.square(slope)
    root = tf.sqrt(squares / (1 - SECOND**updates))
    moved = learned - rate * slopes / (1 - FIRST**updates) / (root + 1e-8)
    return {"learned": moved, "slopes": slopes, "squares": squares, "updates": updates}
