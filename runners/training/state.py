"""What a training carries from step to step, and what its replicas bring: one structure each."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf


class TrainState(NamedTuple):
    """Everything that the future of a block depends on, beside its replicas' own numbers.

    Attributes:
        parameters: {name: [block, size]} in the program's precision.
        optimizer: its variables, in its own order.
        estimator: what estimators remember, [block, ...] by SITE/NAME; empty where they remember nothing.
        measures: what is followed at every step: `diverged`, int32 [block], the step at which a loss or a parameter was
            first not finite, −1 before; and of a task that measures at every update (Task.each_update) `updates`, an
            int32 scalar, how many there were since the last row, and the sums over them, [block] each, by
            `sum/MEASURE`.
        step: updates that are done, an int32 scalar.
    """

    parameters: dict[str, Any]
    optimizer: list[Any]
    estimator: dict[str, Any]
    measures: dict[str, Any]
    step: tf.Tensor


class Replicas(NamedTuple):
    """The numbers of a block's replicas, as tensors.

    Attributes:
        keys: uint32 [block, 2], of which every stream is made.
        numbers: learning rate, parameters of the surrogates, how slopes are scaled and stretched: [block] each, or
            [block, code] of one that may be a schedule.
        optimizer: its arguments that each replica has its own value of, [block, 1].
        steps: the length of the training, an int32 scalar.
        problem: what each has of its own of the task, {name: [block, ...]}; empty where that is the same for all.
    """

    keys: tf.Tensor
    numbers: dict[str, Any]
    optimizer: dict[str, tf.Tensor]
    steps: tf.Tensor
    problem: dict[str, tf.Tensor]

    def without_optimizer(self) -> Replicas:
        """The same without what only an optimizer asks for: what is compiled for these is so for every optimizer."""
        numbers = {name: own for name, own in self.numbers.items() if name != "learning_rate"}
        return self._replace(numbers=numbers, optimizer={})
