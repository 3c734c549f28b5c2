"""Axes of a sweep: which keys make replicas of one run, which make runs, and the runs that their product makes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

from runners.configuration.choices import defaults_of
from runners.configuration.keys import check_choice_keys
from runners.configuration.schema import refuse_too_many
from runners.optimizer_traits import traits


def makes_replicas(key: str, optimizer: Mapping[str, Any]) -> bool:
    """Whether several values of a key are replicas of one run, or else are runs.

    Args:
        key: as in an override: `optimizer.learning_rate`.
        optimizer: the page of the optimizer that is chosen.

    Returns:
        True for what the trainer takes as a number of each replica.
    """
    group, _, name = key.partition(".")
    if group == "optimizer":
        return name == "learning_rate" or name in traits(optimizer.get("keras")).per_replica
    return key in ("seed", "width") or (group in ("estimator", "estimator_weights") and bool(name))


def split(
    axes: Mapping[str, Sequence[str]], choices: Mapping[str, str | None], named: Sequence[str]
) -> list[list[str]]:
    """The overrides of each job: the product of the axes that make runs, with every axis of replicas as a list.

    Args:
        axes: by key, what it is set to, as text.
        choices: what is chosen in each group where no axis says it.
        named: the estimators in files that the user named, which are swept beside those of the experiment or of the
            command.

    Returns:
        A list of overrides for each job; runs that differ in the optimizer alone are neighbours.

    Raises:
        UserError: for a key that a choice does not have, and for more runs than a sweep may have.
    """
    axes = dict(axes)
    if named:
        axes["estimator"] = list(dict.fromkeys([*axes.get("estimator", []), *named]))
    # Which of an optimizer's numbers make replicas depends on the optimizer, so that is chosen first.
    optimizers = axes.pop("optimizer", [choices.get("optimizer")])
    jobs = [_jobs(axes, {**choices, "optimizer": optimizer}, len(optimizers)) for optimizer in optimizers]
    # Optimizers in turn: runs that differ in nothing else share most of what is compiled, and are best neighbours.
    return [job for turn in itertools.zip_longest(*jobs) for job in turn if job]


def _jobs(axes: Mapping[str, Sequence[str]], choices: Mapping[str, str | None], optimizers: int) -> list[list[str]]:
    """The jobs with the optimizer that is chosen, which is one of so many."""
    optimizer = choices["optimizer"]
    defaults = defaults_of("optimizer", optimizer)
    replicas = [key for key, values in axes.items() if values[1:] and makes_replicas(key, defaults)]
    lists = [f"{key}=[{','.join(axes[key])}]" for key in replicas]
    runs = {key: values for key, values in axes.items() if key not in replicas}
    refuse_too_many("the sweep has", math.prod(map(len, runs.values())) * optimizers, "runs", 10_000)
    jobs = []
    for values in itertools.product(*runs.values()):
        chosen = dict(zip(runs, values, strict=True))
        check_choice_keys({**choices, **chosen}, axes)
        jobs.append([f"optimizer={optimizer}", *(f"{key}={value}" for key, value in chosen.items()), *lists])
    return jobs
