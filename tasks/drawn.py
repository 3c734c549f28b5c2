"""What tasks share whose hidden values are drawn: a loss that is the mean of losses, and judging by draws."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import tensorflow as tf

from tasks.labelled import Labelled


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


def mean_log(logs: tf.Tensor) -> tf.Tensor:
    """The logarithm of the mean over the first axis of numbers that are given by their logarithms.

    Args:
        logs: [draws, ...].

    Returns:
        [...].
    """
    return tf.reduce_logsumexp(logs, 0) - math.log(logs.shape[0])


def on_parts(
    examples: Labelled, problem: Mapping[str, tf.Tensor], bound: Callable[[tf.Tensor], tf.Tensor]
) -> dict[str, tf.Tensor]:
    """The mean of a number for each example, on what is held out.

    Args:
        examples: which may be split anew for each draw.
        problem: the replica's own.
        bound: of features [n, features] the numbers [n].

    Returns:
        validation_loss and test_loss.
    """
    measures = {}
    for name in ("validation", "test"):
        total = tf.add_n([tf.reduce_sum(bound(x)) for x, _ in examples.pieces(name, problem)])
        measures[f"{name}_loss"] = total / examples.count(name)
    return measures
