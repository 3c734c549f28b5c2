"""What the optimizer's next step does to the loss over all that is trained on, from a state of a training."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from runners.fidelity.calls import State
from runners.training import optimizers
from runners.training.compiled import plain
from runners.training.programs import Program
from runners.training.step import batch_of, epoch_order, examples_of, steps_per_epoch
from steeplechase import schedules
from steeplechase.random import Chance
from tasks.base import Task

DRAWS = 20  # losses of which the mean is taken, of a task that has no examples


@functools.cache
def stepper(task: Task, program: Program) -> Stepper:
    """What takes steps of this program, made once in a process.

    Args:
        task: whose loss it is.
        program: whose optimizer it is.

    Returns:
        The same one whenever it is asked for again.
    """
    return Stepper(task, program)


class Stepper:
    """Takes one step of an optimizer from where a training was, and holds the loss after it against that before."""

    def __init__(self, task: Task, program: Program):
        self._task, self._program, self._place = task, program, f"/{program.device}:0"
        self._values, self._bounds = program.hard.values(task), program.hard.bounds(task)
        with tf.device(self._place):
            self._examples = examples_of(task, program.precision)
        self._losses = tf.function(self._over_all, jit_compile=task.xla, autograph=False)

    def loss(self, state: State) -> float:
        """The loss over all that is trained on: the mean over the batches of an epoch, with hard values.

        Args:
            state: where.

        Returns:
            It; the closed form where the task has one, and without examples the mean of DRAWS losses.
        """
        with tf.device(self._place):
            return float(self._losses(state.parameters, state.problem, state.key).numpy())

    def after(
        self,
        state: State,
        optimizer: Sequence[np.ndarray],
        rate: float | Mapping,
        arguments: Mapping[str, float],
        progress: float,
        gradient: np.ndarray,
    ) -> State:
        """Where one step leads.

        Args:
            state: from which it is taken.
            optimizer: its variables there, of one replica, in its own order.
            rate: the learning rate, a number or a schedule.
            arguments: the optimizer's arguments that are the replica's own.
            progress: the fraction of the training that is done.
            gradient: by which it goes, flat, in the order of Task.sizes.

        Returns:
            The same state with other parameters, kept within their bounds.
        """
        program, sizes = self._program, self._task.sizes
        with tf.device(self._place):
            coded = tf.constant(schedules.encode("learning_rate", rate), program.precision)
            now = schedules.value(coded, progress)
            variables = [
                keras.Variable(tf.reshape(state.parameters[name], [1, -1]), dtype=program.precision, name=plain(name))
                for name in sizes
            ]
            built = optimizers.build(
                program.optimizer,
                dict(program.arguments),
                lambda: now,
                variables,
                weights=[plain(name) for name in self._task.weights],
                per_replica={name: tf.constant([[value]], program.precision) for name, value in arguments.items()},
            )
            for variable, value in zip(built.variables, optimizer, strict=True):
                variable.assign(np.reshape(value, variable.shape))
            parts = np.split(gradient, np.cumsum([int(np.prod(shape)) for shape in sizes.values()])[:-1])
            built.apply([tf.constant(part[None], program.precision) for part in parts], variables)
            then = {}
            for (name, shape), variable in zip(sizes.items(), variables, strict=True):
                value = tf.reshape(tf.convert_to_tensor(variable.value), shape)
                then[name] = tf.clip_by_value(value, *self._bounds[name]) if name in self._bounds else value
        return state._replace(parameters=then)

    def _over_all(self, parameters, problem, key):
        task = self._task
        if task.population is not None:
            return task.population(parameters, problem)
        count = steps_per_epoch(task) if task.examples else DRAWS
        order = epoch_order(task, key, tf.constant(0), problem)

        def add(at, total):
            indices = order[at * task.batch : (at + 1) * task.batch] if task.examples else order
            stream = Chance(key).of("fidelity", "next step").at(at)
            loss, _ = task.loss(parameters, batch_of(self._examples, indices), self._values, stream, problem)
            return at + 1, total + loss

        zero = tf.zeros([], self._program.precision)
        return tf.while_loop(lambda at, _: at < count, add, (tf.constant(0), zero), parallel_iterations=1)[1] / count


def release() -> None:
    """Lets go of all of them."""
    stepper.cache_clear()
