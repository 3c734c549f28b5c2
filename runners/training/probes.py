"""What is measured between chunks: the task's judgement, the gradient's norm, and what flows back at each site."""

from __future__ import annotations

import functools
from collections.abc import Callable

import tensorflow as tf

from estimators.function import HardFunction
from runners.training import backward_signals
from runners.training.hard_sites import Hard
from runners.training.step import block_gradients, map_replicas, next_batch, numbers_now, shaped
from steeplechase.random import Chance
from tasks.base import Task


@functools.cache
def judgement(task: Task, function: HardFunction, block: int, tf32: bool) -> Callable:
    """{name: [block, size]} -> the task's judgement, {measure: [block]}. No slope is used, so none is asked for."""

    def one(flat):
        return task.judge(shaped(task, flat), lambda x, *, at: function.value(x))

    return tf.function(lambda parameters: map_replicas(one, parameters), jit_compile=True, autograph=False)


@functools.cache
def batch_probe(task: Task, hard: Hard, block: int, scheduled: bool, tf32: bool) -> Callable:
    """The loss, the gradient's norm and the saturation at the batch that comes next, {measure: [block]}."""
    gradients = block_gradients(task, hard, block)

    def probe(parameters, keys, numbers, step, steps, examples):
        now = numbers_now(numbers, step, steps, next(iter(parameters.values())).dtype, scheduled)
        del now["learning_rate"]
        picks = next_batch(task, block, keys, step)
        _, loss, measures = gradients(parameters, picks, keys, step, now, examples)
        return {**measures, "train_loss": loss}

    return tf.function(probe, jit_compile=True, autograph=False)


@functools.cache
def site_probe(task: Task, hard: Hard, block: int, scheduled: bool, tf32: bool) -> Callable:
    """What flows back through each hard site at the batch that comes next, {measure: [block]} (sites.measured)."""

    def probe(parameters, keys, numbers, step, steps, examples):
        now = numbers_now(numbers, step, steps, next(iter(parameters.values())).dtype, scheduled)
        del now["learning_rate"]

        def one(replica):
            flat, picked, k, own = replica
            batch, chance = tuple(tf.gather(a, picked) for a in examples), Chance(Chance(k).at(step).key).of("loss")
            return backward_signals.site_statistics(
                backward_signals.trace_sites(task, hard, shaped(task, flat), batch, own, chance)
            )

        return map_replicas(one, (parameters, next_batch(task, block, keys, step), keys, now))

    return tf.function(probe, jit_compile=True, autograph=False)
