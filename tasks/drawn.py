"""What tasks share whose hidden values are drawn: a loss that is the mean of losses."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf


def mean_of(losses: Callable) -> Callable:
    """The loss of a task that has a loss for each example.

    Args:
        losses: as Task.losses.

    Returns:
        As Task.loss.
    """

    def loss(parameters, batch, hard, chance, problem):
        each, measures = losses(parameters, batch, hard, chance, problem)
        return tf.reduce_mean(each), measures

    return loss
