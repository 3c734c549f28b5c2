"""One step of training: which batch, which stream of chance, which gradient. Said here once."""

from __future__ import annotations

import functools
from collections.abc import Callable

import tensorflow as tf

from runners.training.gradient import gradient
from runners.training.hard_sites import Hard
from steeplechase import schedules
from steeplechase.random import Chance
from tasks.base import Task

# Programs that do not depend on the optimizer are shared between programs (tf32 only keeps them apart).


@functools.cache
def starter(task: Task, block: int) -> Callable:
    """keys [block, 2] -> the parameters at the start, {name: [block, size]}."""

    def one(k):
        return {name: tf.reshape(p, [-1]) for name, p in task.start(Chance(k).of("start")).items()}

    return tf.function(lambda keys: map_replicas(one, keys), jit_compile=True, autograph=False)


@functools.cache
def block_gradients(task: Task, hard: Hard, block: int) -> Callable:
    """The block's gradients at a batch: what training and probing have in common, traced once for both.

    ({name: [block, size]}, indices of examples [block, batch], keys [block, 2], step, the numbers now, the examples) ->
    (gradients {name: [block, size]}, losses [block], further measures {name: [block]}). What a program does not use of
    it, XLA leaves out.
    """

    def gradients(parameters, picks, keys, step, now, examples):
        def one(replica):
            flat, picked, k, own = replica
            batch, zeros = tuple(tf.gather(a, picked) for a in examples), []
            chance = Chance(Chance(k).at(step).key).of("loss")

            def watch(site, x, slope):
                zeros.append((tf.reduce_sum(tf.cast(slope == 0, tf.float32)), slope.shape.num_elements()))

            found, loss, measures = gradient(
                task, shaped(task, flat), batch, hard.operation(own, chance, watch), chance
            )
            square = sum(tf.reduce_sum(tf.square(g)) for g in found.values())
            out = {**measures, "gradient_norm": tf.sqrt(square)}
            if "gradient" in task.measures:  # declared where there is a single parameter
                out["gradient"] = tf.reshape(*found.values(), [])
            if zeros:
                out["saturation"] = tf.add_n([count for count, _ in zeros]) / sum(size for _, size in zeros)
            return {name: tf.reshape(g, [-1]) for name, g in found.items()}, loss, out

        return map_replicas(one, (parameters, picks, keys, now))

    return tf.function(gradients, autograph=False)


def next_batch(task: Task, block: int, keys: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
    """The examples that the next update takes, as indices [block, batch]; [block, 0] where there are none."""
    if not task.examples:
        return tf.zeros([block, 0], tf.int32)
    size = len(task.examples[0])
    epoch, position = step // (size // task.batch), step % (size // task.batch)

    def one(k):
        order = Chance(k).of("batches").at(epoch).permutation(size)
        return tf.gather(order, position * task.batch + tf.range(task.batch))

    return map_replicas(one, keys)


def map_replicas(function, elements):
    """vectorized_map that fails while tracing, rather than run slowly, where an operation does not vectorise."""
    return tf.vectorized_map(function, elements, fallback_to_while_loop=False)


def numbers_now(numbers, step, steps, precision, scheduled):
    """The numbers at this step, [block] each."""
    if not scheduled:
        return dict(numbers)
    progress = tf.cast(step, precision) / tf.cast(steps, precision)
    return tf.nest.map_structure(lambda coded: schedules.value(coded, progress), numbers)


def shaped(task, flat):
    """Flat parameters [size] in the task's own shapes."""
    return {name: tf.reshape(flat[name], shape) for name, shape in task.sizes.items()}
