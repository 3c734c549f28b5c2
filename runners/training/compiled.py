"""The compiled program that all trainers of one program share."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from runners.training import optimizers
from runners.training.asking import asked_sites
from runners.training.probes import batch_probe, judgement, site_probe, update_probe
from runners.training.programs import Program
from runners.training.state import Replicas, TrainState
from runners.training.step import (
    block_gradients,
    epoch_order,
    examples_of,
    fitter,
    map_replicas,
    numbers_now,
    problems,
    starter,
    steps_per_epoch,
)

COMPILE_LOCK = threading.Lock()  # a cache computes twice what two threads ask for at once


@functools.cache
def compiled_program(program: Program) -> Compiled:
    """What all trainers of this program share, made once in a process."""
    return Compiled(program)


class Compiled:
    """What all trainers of a program share: the examples on the device, and its functions, each compiled once.

    A trainer calls with variables of its own, which take the place of the ones here in the trace: so one program trains
    several blocks at a time.

    Attributes:
        program: what was compiled.
        place: the device as TensorFlow names it.
        examples: the task's, as tensors there.
        parameters: Keras variables [block, size] by name, which tracing needs.
        optimizer: the Keras optimizer, whose variables tracing needs.
        fresh: what the optimizer's variables are before the first step.
        remembered: what the estimator remembers, its shape by SITE/NAME.
        followed: the measures that the task takes at every update, by name; () where it takes none.
        train: (state, replicas, last step) -> when who diverged, int32 [block].
        start: as `starter` makes it.
        judge: as `judgement` makes it.
        fit: as `fitter` makes it.
        probe: as `batch_probe` makes it.
        sites: as `site_probe` makes it.
        warm: the functions that are compiled already.
        lock: held while one of them is.
    """

    def __init__(self, program: Program):
        self.program, task, block = program, program.task, program.block
        self.place = f"/{program.device}:0"
        with tf.device(self.place):
            self.examples = examples_of(task, program.precision)
            self.parameters = {
                name: keras.Variable(np.zeros([block, int(np.prod(shape))]), dtype=program.precision, name=plain(name))
                for name, shape in task.sizes.items()
            }
            self.optimizer = optimizers.build(
                program.optimizer,
                dict(program.arguments),
                lambda: self._rate,
                list(self.parameters.values()),
                weights=[plain(name) for name in task.weights],
                per_replica={name: tf.zeros([block, 1], program.precision) for name in program.per_replica},
            )
            self.fresh = [tf.constant(v.numpy()) for v in self.optimizer.variables]  # not the variables' own memory
        self.train = tf.function(self._chunk, jit_compile=task.xla, autograph=False)
        self.problem = problems(task, block)
        self.start = starter(task, program.hard.weights is not None, block)
        self.fit = fitter(task, program.hard, block)
        self.judge = judgement(task, program.hard.values(task), block, program.tf32)
        self.probe = batch_probe(task, program.hard, block, program.tf32)
        self.sites = site_probe(task, program.hard, block, program.tf32)
        self._gradients = block_gradients(task, program.hard, block)
        self._each_update = update_probe(task, program.hard.values(task))
        self.remembered = {name: shape for site in asked_sites(task, program.hard) for name, shape in site.remembered}
        self._bounds = program.hard.bounds(task)
        self.followed = self._names_of_updates()
        self.warm: set[Callable] = set()
        self.lock = threading.Lock()

    def _names_of_updates(self) -> tuple[str, ...]:
        """What is measured at every update; found by tracing it, without running it."""
        if self._each_update is None:
            return ()
        flat = {name: tf.TensorSpec(v.shape, v.dtype) for name, v in self.parameters.items()}
        problem = {}
        if self.program.task.problem:
            block = self.program.block
            keys, draws = tf.TensorSpec([block, 2], tf.uint32), tf.TensorSpec([block], tf.int32)
            problem = self.problem.get_concrete_function(keys, draws).structured_outputs
            problem = {name: tf.TensorSpec(own.shape, own.dtype) for name, own in problem.items()}
        traced = tf.function(self._each_update, autograph=False).get_concrete_function(flat, flat, problem)
        return tuple(traced.structured_outputs)

    def _chunk(self, state: TrainState, replicas: Replicas, last: tf.Tensor) -> tf.Tensor:
        """The steps from `state.step` to `last`, on the variables that are handed in.

        Returns:
            int32 [block], the step at which each replica diverged, −1 for none.
        """
        task, block, per_epoch = self.program.task, self.program.block, steps_per_epoch(self.program.task)
        size, diverged = task.training_examples, state.measures["diverged"]
        plain = replicas.without_optimizer()  # so that gradients are traced once for all optimizers and probes

        def order(epoch):
            own = replicas.keys, replicas.problem
            return map_replicas(task, lambda replica: epoch_order(task, replica[0], epoch, replica[1]), own)

        def body(step, indices):
            numbers: dict[str, Any] = numbers_now(replicas, step, self.program.precision)
            self._rate = numbers.pop("learning_rate")[:, None]
            position = step % per_epoch
            fresh = tf.logical_or(position == 0, step == state.step)
            if size:
                indices = tf.cond(fresh, lambda: order(step // per_epoch), lambda: indices)
            batch = tf.slice(indices, [0, position * task.batch], [block, task.batch if size else 0])
            flat = {name: tf.convert_to_tensor(v.value) for name, v in self.parameters.items()}
            memory = {name: tf.convert_to_tensor(v) for name, v in state.estimator.items()}
            gradients, loss, _, then = self._gradients(flat, batch, plain, step, numbers, self.examples, memory)
            for name, variable in state.estimator.items():
                variable.assign(then[name])
            self.optimizer.apply([gradients[name] for name in self.parameters], list(self.parameters.values()))
            for name, (low, high) in self._bounds.items():
                self.parameters[name].assign(tf.clip_by_value(self.parameters[name].value, low, high))
            if self._each_update:
                updated = {name: tf.convert_to_tensor(v.value) for name, v in self.parameters.items()}
                for name, number in self._each_update(flat, updated, replicas.problem).items():
                    state.measures[f"sum/{name}"].assign_add(tf.cast(number, self.program.precision))
                state.measures["updates"].assign_add(1)
            after = tf.where(_finite(self.parameters.values()), -1, step + 1)
            now = tf.where(tf.math.is_finite(loss), after, step)
            diverged.assign(tf.where(diverged < 0, now, diverged))
            return step + 1, indices

        for name, numbers in replicas.optimizer.items():
            setattr(self.optimizer, name, numbers)
        own = [*self.parameters.values(), *self.optimizer.variables]
        with _substituted(own, [*state.parameters.values(), *state.optimizer]):
            begin = state.step, tf.zeros([block, size], tf.int32)
            tf.while_loop(lambda step, _: step < last, body, begin, parallel_iterations=1)
        return tf.identity(diverged)


@contextlib.contextmanager
def _substituted(variables, others):
    """Keras' variables act on other TensorFlow variables than their own, as they do on a replica's of tf.distribute.

    Keras has no public way to these: stateless_apply is refused on TensorFlow.
    """
    own = [variable._value for variable in variables]
    try:
        for variable, value, other in zip(variables, own, others, strict=True):
            other._distributed_container = lambda value=value: value  # by which the optimizer knows a variable
            variable._value = other
        yield
    finally:
        for variable, value in zip(variables, own, strict=True):
            variable._value = value


def _finite(parameters):
    """Whether every parameter of a replica is finite, [block]."""
    each = [tf.reduce_all(tf.math.is_finite(v.value), axis=1) for v in parameters]
    return functools.reduce(tf.logical_and, each)


def plain(name: str) -> str:
    """The name of a parameter's variable."""
    return name.replace("/", ".")  # Keras allows no slash in a variable's name
