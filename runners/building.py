"""From a program as plain data to the trainer's program: the task, the slopes at each site, the optimizer, the block.

All that is decided here moves numbers, so this page is part of every fingerprint.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import estimators
import tasks
from runners import optimizer
from runners.gradient import Hard
from runners.trainer import Program, block_size
from steeplechase.errors import Unsupported
from tasks.base import Task


@functools.cache
def build(text: str, replicas: int) -> tuple[Task, Program]:
    """The task and the program that this JSON describes, for a run of so many replicas.

    The same objects for the same description, so that nothing compiles twice.

    Raises what the wings and the optimizers raise for a mistake, each with one sentence; Unsupported for a pair that
    cannot be.
    """
    described = json.loads(text)
    device, chosen = described["device"], described["optimizer"]
    precision = "float32" if described["precision"] == "tf32" else described["precision"]
    task = _task(json.dumps(described["task"], sort_keys=True), precision)
    page, own = estimators.book[described["estimator"]["name"]], described["estimator_weights"]
    weights = estimators.book[own["name"]] if own else page
    if described["forward"] not in task.forwards:
        raise Unsupported(f"{task.name} is written for {' or '.join(task.forwards)}, not for {described['forward']}.")
    if chosen["keras"] == "Bop":
        if own or described["forward"] != "sign":
            raise Unsupported("bop has no latent weights: it goes with forward=sign, and without estimator_weights.")
        weights = None
    for surrogate in {page, weights} - {None}:
        reason = surrogate.decline(described["normalize"])
        if reason:
            raise Unsupported(reason)
    fixed = {k: v for k, v in chosen.items() if k not in ("name", "keras") and v is not None}
    optimizer.check(chosen["keras"], fixed)
    hard = Hard(page, weights, described["forward"], described["at_zero"])
    size, rows = described["block"] or block_size(task, device, replicas), tuple(described["per_replica"])
    program = Program(task, hard, chosen["keras"], tuple(sorted(fixed.items())), rows, size, precision, device)
    return task, replace(program, tf32=described["precision"] == "tf32", sites=described["layers"])


def numbers_of_weights(program: Program, described: Mapping[str, Any]) -> str:
    """Whose numbers go with hard weights: `estimator_weights`, `estimator`, or "" where there are no latent weights."""
    if program.hard.weights is None:
        return ""
    return "estimator_weights" if described["estimator_weights"] else "estimator"


@functools.cache
def _task(text: str, precision: str) -> Task:
    arguments = json.loads(text)
    return tasks.book[arguments.pop("name")](**arguments, dtype=precision)


def release() -> None:
    """Lets go of all tasks and programs, so that the next run is built anew."""
    build.cache_clear()
    _task.cache_clear()
