"""Where the gradient of one replica comes from: a tape through the task's loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import tensorflow as tf

from steeplechase.random import Chance
from tasks.base import Task


def gradient(task: Task, parameters: Mapping, batch: tuple, hard: Callable, stream: Chance, problem: Mapping) -> tuple:
    """The gradient of one replica at one batch.

    Args:
        task: whose loss it is of.
        parameters: in the task's own shapes, by name.
        batch: a slice of each array in the task's examples.
        hard: the hard operation, `hard(x, at=site)`.
        stream: what the loss draws from.
        problem: the replica's own.

    Returns:
        (gradients, loss, measures): gradients is a dict like `parameters`. A parameter that the loss does not reach
        gets zeros, never None.
    """
    with tf.GradientTape() as tape:
        tape.watch(parameters)
        loss, measures = task.loss(parameters, batch, hard, stream, problem)
    gradients = tape.gradient(loss, parameters, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return gradients, loss, measures
