"""How gradients flow back through the hard sites of a task in a replica's first step."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from runners.tracing.chain import run_plainly
from runners.training.backward_signals import FLOW, QUANTILES, trace_sites
from steeplechase import schedules

if TYPE_CHECKING:
    from runners.training.hard_sites import Hard
    from tasks.base import Task

STATISTICS = {
    "norm": np.linalg.norm,
    **{word: lambda values, share=share: np.quantile(values, share) for word, share in QUANTILES.items()},
}


def first_step(
    task: Task,
    hard: Hard,
    *,
    seed: int = 0,
    draw: int | None = None,
    activations: Mapping[str, float | Mapping] | None = None,
    weights: Mapping[str, float | Mapping] | None = None,
    normalize: str = "none",
    stretch: Mapping[str, float | Mapping] | None = None,
    compiled: bool = False,
) -> pd.DataFrame:
    """What flows through the hard sites of a task in a replica's first step; a row a site, last first.

    The parameters are at their start and the batch is the first one, as the trainer draws both from `seed`.

    Args:
        task: whose sites they are.
        hard: what stands there.
        seed: of the replica, at least 0.
        draw: of the problem, by number; None: the one that has the seed's.
        activations: the parameters of the surrogate of activations, numbers or schedules (of which the first value
            counts).
        weights: those of the surrogate of hard weights; None: those of the activations.
        normalize: as in Surrogate.gain.
        stretch: by site, how many times as wide slopes are made (Hard.stretches), numbers or schedules.
        compiled: as one XLA program.

    Returns:
        The columns site and elements; `upstream_norm`, `_q05`, `_median`, `_q95` (2-norm and quantiles over the
        elements of dL/dy, y being the hard output), the same of `slope` and of `downstream`; and saturation, the share
        of slopes that are exactly zero. Missing where no slope stands, as at Bop's hard weights; and where the loss
        does not depend on a site.

    Raises:
        UserError: for numbers and words that cannot be.
    """
    import tensorflow as tf

    from runners.training import step
    from steeplechase.random import key

    def at_start(values):
        coded = {name: schedules.encode(name, value) for name, value in (values or {}).items()}
        return {name: schedules.value(tf.constant(own, tf.float64), 0.0) for name, own in coded.items()}

    def first(surrogate, values, site):
        found = at_start(values)
        if surrogate is not None:
            surrogate.check(**found)
            surrogate.gain(normalize, forward=hard.function_at(site), **{**surrogate.parameters, **found})
        return found

    numbers = {
        "activations": first(hard.activations, activations, "/activations"),
        "weights": first(hard.weights, activations if weights is None else weights, "/weights"),
        "stretch": at_start(stretch),
    }

    drawn = tf.constant(seed if draw is None else draw)
    own_key = tf.constant(key(int(drawn)))

    def run(key, numbers, examples):
        problem = step.problem(task, own_key, drawn)
        parameters = step.start(task, hard.weights is not None, key, problem)
        dtype = next(iter(parameters.values())).dtype
        batch = step.batch_of(examples, step.batch_indices(task, key, tf.constant(0), problem))
        batch = tuple(tf.cast(a, dtype) if a.dtype.is_floating else a for a in batch)
        stream = step.loss_stream(key, tf.constant(0))
        if task.step_sizes:
            parameters = hard.fitted(task, parameters, batch, numbers, stream, problem)
        return trace_sites(task, hard, parameters, batch, {**numbers, "normalize": normalize}, stream, problem)

    examples = tuple(tf.constant(a) for a in task.examples)
    rows = []
    for flows in run_plainly(run, compiled, tf.constant(key(seed)), numbers, examples):
        for site, flow in flows.items():
            slope = flow["slopes"][0] if flow["slopes"] else None
            row = {"site": site, "elements": np.size(flow["output"])}
            for name, values in zip(FLOW, (flow["upstream"], slope, flow["downstreams"][0]), strict=True):
                row |= {f"{name}_{k}": _statistic(function, values) for k, function in STATISTICS.items()}
            rows.append(row | {"saturation": _statistic(lambda values: np.mean(values == 0), slope)})
    columns = [f"{name}_{statistic}" for name in FLOW for statistic in STATISTICS]
    return pd.DataFrame(rows, columns=["site", "elements", *columns, "saturation"])


def _statistic(function, values):
    return math.nan if values is None else float(function(np.ravel(values).astype(np.float64)))
