"""What is measured between chunks: the task's judgement, the gradient's norm, and what flows back at each site."""

from __future__ import annotations

import functools
from collections.abc import Callable

import tensorflow as tf

from runners.training import backward_signals
from runners.training.hard_sites import Hard, HardValues
from runners.training.step import (
    batch_indices,
    batch_of,
    block_gradients,
    loss_stream,
    map_replicas,
    numbers_now,
    shaped,
)
from tasks.base import Task


@functools.cache
def judgement(task: Task, values: HardValues, block: int, tf32: bool) -> Callable:
    """The task's judgement, compiled. It uses no slope, so all surrogates of these values share it.

    Args:
        task: which judges.
        values: the hard values at its sites.
        block: how many replicas are judged at once.
        tf32: as in Program; what is compiled with it is another function.

    Returns:
        ({parameter: [block, size]}, the problems {name: [block, ...]}) -> {measure: [block]}.
    """

    def one(replica):
        flat, problem = replica
        return task.judge(shaped(task, flat), values, problem)

    return tf.function(
        lambda parameters, problem: map_replicas(task, one, (parameters, problem)),
        jit_compile=task.xla,
        autograph=False,
    )


@functools.cache
def update_probe(task: Task, values: HardValues) -> Callable | None:
    """What a task measures at every update, for a block.

    Args:
        task: which measures it.
        values: the hard values at its sites.

    Returns:
        ({parameter: [block, size]} before, the same after, the problems) -> {measure: [block]}; None where it measures
        nothing then.
    """
    measure = task.each_update
    if measure is None:
        return None

    def one(replica):
        old, new, problem = replica
        return measure(shaped(task, old), shaped(task, new), values, problem)

    return lambda old, new, problem: map_replicas(task, one, (old, new, problem))


@functools.cache
def batch_probe(task: Task, hard: Hard, block: int, tf32: bool) -> Callable:
    """The loss, the gradient's norm and the saturation at the batch that comes next, compiled.

    Args:
        task: whose loss it is.
        hard: what stands at its sites.
        block: how many replicas are probed at once.
        tf32: as in Program; what is compiled with it is another function.

    Returns:
        (parameters {name: [block, size]}, Replicas of `Replicas.without_optimizer`, step, examples, what the estimator
        remembers {name: [block, ...]}) -> {measure: [block]}.
    """
    gradients = block_gradients(task, hard, block)

    def probe(parameters, replicas, step, examples, memory):
        numbers = numbers_now(replicas, step, next(iter(parameters.values())).dtype)
        own = replicas.keys, replicas.problem
        indices = map_replicas(task, lambda replica: batch_indices(task, replica[0], step, replica[1]), own)
        _, loss, measures, _ = gradients(parameters, indices, replicas, step, numbers, examples, memory)
        return {**measures, "train_loss": loss}

    return tf.function(probe, jit_compile=task.xla, autograph=False)


@functools.cache
def site_probe(task: Task, hard: Hard, block: int, tf32: bool) -> Callable:
    """What flows back through each hard site at the batch that comes next, compiled.

    Args:
        task: whose sites they are.
        hard: what stands there.
        block: how many replicas are probed at once.
        tf32: as in Program; what is compiled with it is another function.

    Returns:
        As `batch_probe`, the measures being those of backward_signals.site_statistics.
    """

    def probe(parameters, replicas, step, examples, memory):
        numbers = numbers_now(replicas, step, next(iter(parameters.values())).dtype)

        def one(replica):
            flat, key, problem, own_numbers = replica
            batch, stream = batch_of(examples, batch_indices(task, key, step, problem)), loss_stream(key, step)
            signals = backward_signals.trace_sites(task, hard, shaped(task, flat), batch, own_numbers, stream, problem)
            return backward_signals.site_statistics(signals)

        return map_replicas(task, one, (parameters, replicas.keys, replicas.problem, numbers))

    return tf.function(probe, jit_compile=task.xla, autograph=False)
