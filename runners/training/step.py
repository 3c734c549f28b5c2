"""One step of training: where it starts, which batch, which stream of chance, which gradient. Said here once.

What takes a single key is of one replica, without a replica axis; `block_gradients` and `starter` are of a whole block.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from estimators.expectation import Expectation
from runners.training.asking import asked_gradient
from runners.training.gradient import gradient
from runners.training.hard_sites import Hard
from runners.training.state import Replicas
from steeplechase import schedules
from steeplechase.random import Chance
from tasks.base import TRAIN, Task


def problem(task: Task, key: tf.Tensor, draw: tf.Tensor) -> dict[str, tf.Tensor]:
    """What a replica has of its own of the task: its draw of the problem, made once when it begins.

    Args:
        task: which may leave a part of itself to chance (Task.problem).
        key: uint32 [2], of the draw: replicas of one draw have one problem, whatever else they differ in.
        draw: its number, an int32 scalar.

    Returns:
        By name; empty where the task is the same for all.
    """
    return dict(task.problem(Chance(key).of("problem"), draw)) if task.problem else {}


def start(task: Task, latent: bool, key: tf.Tensor, problem: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """The parameters of a replica before its first step.

    Args:
        task: which starts them.
        latent: whether hard weights are those of latent ones; without, they start at the signs of what the task starts
            them with.
        key: uint32 [2].
        problem: the replica's own.

    Returns:
        By name, in the task's own shapes.
    """
    parameters = task.start(Chance(key).of("start"), problem)
    if not latent:
        signs = {name: tf.where(parameters[name] >= 0, 1.0, -1.0) for name in task.weights}
        parameters |= {name: tf.cast(sign, parameters[name].dtype) for name, sign in signs.items()}
    return parameters


def steps_per_epoch(task: Task) -> int:
    """How many batches the examples make that a replica trains on; 1 where there are none."""
    return task.training_examples // task.batch if task.examples else 1


def epoch_order(task: Task, key: tf.Tensor, epoch: tf.Tensor, problem: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """The order in which a replica takes the examples in this epoch.

    Args:
        task: whose examples they are.
        key: uint32 [2].
        epoch: an int32 scalar, from 0.
        problem: the replica's own; which of the examples it trains on, where that is its own.

    Returns:
        int32 [training examples]: places in the task's examples; [0] where there are none.
    """
    if not task.examples:
        return tf.zeros([0], tf.int32)
    order = Chance(key).of("batches").at(epoch).permutation(task.training_examples)
    return tf.gather(problem[TRAIN], order) if TRAIN in problem else order


def batch_indices(task: Task, key: tf.Tensor, step: tf.Tensor, problem: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """The examples that a replica takes in this step.

    Args:
        task: whose examples they are.
        key: uint32 [2].
        step: an int32 scalar, from 0.
        problem: the replica's own.

    Returns:
        int32 [batch]: places in the task's examples; [0] where there are none.
    """
    if not task.examples:
        return tf.zeros([0], tf.int32)
    epoch, position = step // steps_per_epoch(task), step % steps_per_epoch(task)
    return tf.gather(epoch_order(task, key, epoch, problem), position * task.batch + tf.range(task.batch))


def examples_of(task: Task, precision: str) -> tuple[tf.Tensor, ...]:
    """The task's examples as tensors, on the device in force.

    Args:
        task: whose they are.
        precision: of those that are floating.

    Returns:
        In the task's order.
    """
    kinds = [precision if np.issubdtype(array.dtype, np.floating) else None for array in task.examples]
    return tuple(tf.constant(array, kind) for array, kind in zip(task.examples, kinds, strict=True))


def batch_of(examples: Sequence[tf.Tensor], indices: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """The examples at these indices, of each array.

    Args:
        examples: [n, ...] each.
        indices: int32 [batch].

    Returns:
        [batch, ...] each.
    """
    return tuple(tf.gather(array, indices) for array in examples)


def loss_stream(key: tf.Tensor, step: tf.Tensor) -> Chance:
    """What a replica's loss and its random slopes draw from in this step.

    Args:
        key: uint32 [2].
        step: an int32 scalar, from 0.

    Returns:
        A stream for this step alone.
    """
    return Chance(key).at(step).of("loss")


def numbers_now(replicas: Replicas, step: tf.Tensor, precision: str | tf.DType) -> dict[str, Any]:
    """The replicas' numbers at this step.

    Args:
        replicas: of a block.
        step: updates that are done, an int32 scalar.
        precision: in which the progress of training is calculated.

    Returns:
        [block] each, as `Replicas.numbers` has them.
    """
    progress = tf.cast(step, precision) / tf.cast(replicas.steps, precision)
    return tf.nest.map_structure(
        lambda number: number if number.shape.rank == 1 else schedules.value(number, progress), replicas.numbers
    )


def map_replicas(task: Task, function: Callable, elements):
    """The function over the first axis of every tensor in `elements`, as one operation on all of them.

    It fails while tracing, rather than run slowly, where an operation does not vectorise. A task that is not mapped
    (Task.mapped) has one replica to a block, and its function is called as it is.

    Args:
        task: whose operations they are.
        function: of one replica, without a replica axis.
        elements: nested tensors [block, ...].

    Returns:
        What the function returns, with a first axis [block].
    """

    def in_the_graph(tensor):
        """What is the same for all replicas may be a value already, of which the map takes no copies."""
        return tf.identity(tensor) if hasattr(tensor, "numpy") else tensor

    if task.mapped:
        return tf.vectorized_map(
            lambda replica: tf.nest.map_structure(in_the_graph, function(replica)),
            elements,
            fallback_to_while_loop=False,
        )
    result = function(tf.nest.map_structure(lambda tensor: tensor[0], elements))
    return tf.nest.map_structure(lambda tensor: tf.expand_dims(tensor, 0), result)


def shaped(task: Task, flat: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Flat parameters in the task's own shapes.

    Args:
        task: which says the shapes.
        flat: [size] each, by name.

    Returns:
        The same numbers, by name.
    """
    return {name: tf.reshape(flat[name], shape) for name, shape in task.sizes.items()}


# Programs that do not depend on the optimizer are shared between programs.


@functools.cache
def problems(task: Task, block: int) -> tf.types.experimental.PolymorphicFunction:
    """The problems of a block's replicas, compiled.

    Args:
        task: which has a part of its own for each replica.
        block: how many replicas there are.

    Returns:
        (keys of the draws [block, 2], their numbers [block]) -> {name: [block, ...]}.
    """
    return tf.function(
        lambda keys, draws: map_replicas(task, lambda drawn: problem(task, *drawn), (keys, draws)),
        jit_compile=task.xla,
        autograph=False,
    )


@functools.cache
def starter(task: Task, latent: bool, block: int) -> Callable:
    """The start of a block, compiled.

    Args:
        task: as in `start`.
        latent: as in `start`.
        block: how many replicas there are.

    Returns:
        (keys [block, 2], the replicas' problems {name: [block, ...]}) -> the parameters at the start, {name: [block,
        size]}.
    """

    def one(replica):
        return {name: tf.reshape(p, [-1]) for name, p in start(task, latent, *replica).items()}

    return tf.function(
        lambda keys, problems: map_replicas(task, one, (keys, problems)), jit_compile=task.xla, autograph=False
    )


@functools.cache
def fitter(task: Task, hard: Hard, block: int) -> Callable | None:
    """What fits the steps of a block's quantizers to what first arrives there, compiled.

    Args:
        task: which learns steps, or none.
        hard: what stands at its sites.
        block: how many replicas there are.

    Returns:
        (parameters at the start {name: [block, size]}, Replicas of `Replicas.without_optimizer`, the examples) -> the
        same with steps of their own; None where none is learned.
    """
    if not task.step_sizes:
        return None

    def fit(parameters, replicas, examples):
        first = tf.constant(0)
        numbers = numbers_now(replicas, first, next(iter(parameters.values())).dtype)

        def one(replica):
            flat, key, own_problem, own_numbers = replica
            batch = batch_of(examples, batch_indices(task, key, first, own_problem))
            stream = loss_stream(key, first)
            own = hard.fitted(task, shaped(task, flat), batch, own_numbers, stream, own_problem)
            return {name: tf.reshape(number, [-1]) for name, number in own.items()}

        return map_replicas(task, one, (parameters, replicas.keys, replicas.problem, numbers))

    return tf.function(fit, jit_compile=task.xla, autograph=False)


@functools.cache
def block_gradients(task: Task, hard: Hard, block: int) -> Callable:
    """The block's gradients at a batch: what training and probing have in common, traced once for both.

    Args:
        task: whose loss they are of.
        hard: what stands at its sites.
        block: how many replicas there are.

    Returns:
        ({name: [block, size]}, indices of examples [block, batch], the replicas, step, the numbers now, the examples,
        what the estimator remembers {name: [block, ...]}) -> (gradients {name: [block, size]}, losses [block], further
        measures {name: [block]}, what it remembers then). What a program does not use of it, XLA leaves out.
    """

    def gradients(parameters, indices, replicas, step, numbers, examples, memory):
        def one(replica):
            flat, own_indices, key, own_problem, own_numbers, own_memory = replica
            zeros, stream = [], loss_stream(key, step)

            def watch(site, x, slope):
                zeros.append((tf.reduce_sum(tf.cast(slope == 0, tf.float32)), slope.shape.num_elements()))

            batch, then = batch_of(examples, own_indices), own_memory
            if isinstance(hard.activations, Expectation):
                given = shaped(task, flat), batch, own_numbers, stream, own_problem
                by_name, loss, measures, then = asked_gradient(task, hard, *given, own_memory)
            else:
                operation = hard.operation(own_numbers, stream, watch)
                by_name, loss, measures = gradient(task, shaped(task, flat), batch, operation, stream, own_problem)
            square = sum(tf.reduce_sum(tf.square(g)) for g in by_name.values())
            out = {**measures, "gradient_norm": tf.sqrt(square)}
            if "gradient" in task.measures:  # declared where there is a single parameter
                out["gradient"] = tf.reshape(*by_name.values(), [])
            if zeros:
                out["saturation"] = tf.add_n([count for count, _ in zeros]) / sum(size for _, size in zeros)
            return {name: tf.reshape(g, [-1]) for name, g in by_name.items()}, loss, out, then

        return map_replicas(task, one, (parameters, indices, replicas.keys, replicas.problem, numbers, memory))

    return tf.function(gradients, autograph=False)
