"""Where the gradient of one replica comes from: a tape through the task's loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import tensorflow as tf

from steeplechase.random import Chance
from tasks.base import Task


def gradient(task: Task, parameters: Mapping, batch: tuple, hard: Callable, stream: Chance) -> tuple:
    """(gradients, loss, measures) of one replica at one batch; gradients is a dict like `parameters`.

    A parameter that the loss does not reach gets zeros, never None.
    """
    with tf.GradientTape() as tape:
        tape.watch(parameters)
        loss, measures = task.loss(parameters, batch, hard, stream)
    gradients = tape.gradient(loss, parameters, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return gradients, loss, measures
