"""The rows of a record, made of what a block's replicas measured."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from results.records import schema
from runners.configuration.run import ReplicaValues, Run
from runners.planning import identity
from runners.planning.identity import PlannedRun
from steeplechase import schedules
from tasks.base import Task


def table(
    run: Run,
    replicas: Sequence[ReplicaValues],
    ids: Sequence[str],
    measures: Mapping[str, np.ndarray],
    identity: Mapping[str, Any],
    task: Task,
    marks: Sequence[int],
    block: int,
    evaluations: int,
) -> pd.DataFrame:
    """The record's rows, replica by replica.

    Args:
        run: that they belong to.
        replicas: their values.
        ids: of the replicas, in the same order.
        measures: by name, [rows, replicas].
        identity: the columns that are the same in every row (constant_columns).
        task: which says how many examples a step takes.
        marks: the steps at which rows were taken.
        block: how many replicas one compiled call trained.
        evaluations: how often a step evaluates the objective of an example.

    Returns:
        A row for each replica and mark. `diverged` is missing before the step at which the replica diverged.
    """
    frames = []
    for i, (values, name) in enumerate(zip(replicas, ids, strict=True)):
        rate = values.learning_rate
        columns = {
            **identity,
            **{k: _plain(v) for k, v in values.columns().items() if k != "learning_rate"},
            "replica": name,
            "learning_rate": schedules.values(rate)[0],
            "step": marks,
            "examples": [step * task.batch for step in marks],
            "evaluations": [step * evaluations for step in marks],
            "block": block,
        }
        if run.seeds_per_draw > 1:
            columns |= {"draw": run.draw(values), "seeds_per_draw": run.seeds_per_draw}
        if isinstance(rate, Mapping):
            columns["optimizer.learning_rate"] = _plain(rate)
        frames.append(pd.DataFrame({**columns, **{name: array[:, i] for name, array in measures.items()}}))
    whole = pd.concat(frames, ignore_index=True)
    # A loss becomes not finite between two rows; a row says so only from that step on.
    whole["diverged"] = whole["diverged"].where(whole["diverged"] <= whole["step"])
    return whole


def _plain(value):
    """A value as a column has it: what is null is missing."""
    if value is None:
        return math.nan
    return json.dumps(value, sort_keys=True) if isinstance(value, (Mapping, list)) else value


def constant_columns(planned: PlannedRun, latent: bool) -> dict[str, Any]:
    """The columns that are the same in every row of a run.

    Args:
        planned: the run.
        latent: whether hard weights have latent ones.

    Returns:
        Values by column.
    """
    program = identity.configuration(planned.run)
    weights = program["estimator_weights"] or program["estimator"]
    columns = {
        "run": planned.name,
        "task": program["task"]["name"],
        "estimator": program["estimator"]["name"],
        "estimator_weights": weights["name"] if latent else None,
        "optimizer": program["optimizer"]["name"],
        "data": program["task"].get("data"),
        "forward": program["function"]["name"],
        "at_zero": program["function"].get("at_zero"),
        **{name: program[name] for name in ("normalize", "decay", "precision", "device")},
    }
    weights = program["function_weights"]
    if weights:
        columns["function_weights.name"] = weights["name"]
    elsewhere = ("name", "task.data", "function.at_zero")  # in columns of their own
    for group in schema.PARTS:
        for name, value in (program.get(group) or {}).items():
            if not {name, f"{group}.{name}"} & {*elsewhere} and value is not None:
                columns[f"{group}.{name}"] = json.dumps(value) if isinstance(value, list) else value
    return columns
