"""Axes of a sweep: which keys make replicas of one run, which make runs, and the runs that their product makes."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from runners import command
from runners.configuration.choices import defaults_of
from runners.configuration.estimator_files import SAMPLES
from runners.configuration.keys import check_choice_keys, choice_key, qualified, refuse_not_chosen
from runners.configuration.schema import refuse_too_many
from runners.optimizer_traits import traits

OF_SITES = ("estimator", "estimator_weights", "function", "function_weights")  # what may stand at hard sites


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
    return key in ("seed", "width") or (group in ("estimator", "estimator_weights") and name not in ("", SAMPLES))


def split(
    axes: Mapping[str, Sequence[str]],
    choices: Mapping[str, str | None],
    named: Mapping[str, Sequence[str]],
    typed: Collection[str] | None = None,
) -> list[list[str]]:
    """The overrides of each job: the product of the axes that make runs, with every axis of replicas as a list.

    Args:
        axes: by key, what it is set to, as text.
        choices: what is chosen in each group where no axis says it.
        named: by group what is in files that the user named: estimators, which are swept beside those of the experiment
            or of the command, and tasks, which take the place of the experiment's where the command chooses none.
        typed: the keys that the command sets, of which one of a page that no run chooses is a mistake; None: all of
            `axes`. Such a key of an experiment is of no run, where the command chooses others.

    Returns:
        A list of overrides for each job; runs that differ in the optimizer alone are neighbours.

    Raises:
        UserError: for a key that a choice does not have, for one of a page that no run chooses, and for more runs than
            a sweep may have.
    """
    axes = dict(axes)
    if named.get("estimator"):
        axes["estimator"] = list(dict.fromkeys([*axes.get("estimator", []), *named["estimator"]]))
    if named.get("task") and "task" not in (axes if typed is None else typed):
        axes["task"] = list(named["task"])
    for key in axes:
        of_page = qualified(key)
        if of_page and (typed is None or key in typed):
            choice = choice_key(key.split(".")[0])
            refuse_not_chosen(key, axes.get(choice, [choices.get(choice)]))
            if of_page[1] in axes:
                command.say(f"{key} counts for {of_page[0]}, and {of_page[1]} for the others.")
    return _product(axes, choices)


def _product(axes: Mapping[str, Sequence[str]], choices: Mapping[str, str | None]) -> list[list[str]]:
    """The jobs of `split`, all axes being given."""
    axes = dict(axes)
    # Which of an optimizer's numbers make replicas depends on the optimizer, so that is chosen first.
    optimizers = axes.pop("optimizer", [choices.get("optimizer")])
    jobs = [_jobs(axes, {**choices, "optimizer": optimizer}, len(optimizers)) for optimizer in optimizers]
    # Optimizers in turn: runs that differ in nothing else share most of what is compiled, and are best neighbours.
    return [job for turn in itertools.zip_longest(*jobs) for job in turn if job]


def bounds(
    lines: Sequence[Mapping[str, Sequence[str]]],
    axes: Mapping[str, Sequence[str]],
    choices: Mapping[str, str | None],
    typed: Collection[str],
) -> list[list[str]]:
    """The overrides of the jobs beside those of `split`: of each line the product of the axes, those that it names set
    to what it says.

    A line that names a task or an optimizer is run for those of them that the sweep has. What else the command sets, it
    sets for an experiment's bounds as well; where it chooses estimators or functions itself, or settings of a table,
    there are none. Lines of the command itself are run whatever else it sets.

    Args:
        lines: by key, what each sets it to, as text.
        axes: as in `split`.
        choices: as in `split`.
        typed: the keys that the command sets.

    Returns:
        As `split`.

    Raises:
        UserError: as `split` does.
    """
    asked = "bounds" in typed
    if not asked and any(re.split("[@.]", key)[0] in (*OF_SITES, "settings") for key in typed if not qualified(key)):
        return []
    jobs = []
    for line in lines:
        own = {key: values for key, values in line.items() if asked or key not in typed or key in ("task", "optimizer")}
        for key in ("task", "optimizer"):
            if key in own:
                own[key] = [value for value in own[key] if value in axes.get(key, [choices.get(key)])]
        set_by_line = {*map(_part, line)} if asked else OF_SITES
        shared = {k: values for k, values in axes.items() if _part(k) not in OF_SITES or _part(k) not in set_by_line}
        if all(own.values()):
            jobs += _product(shared | own, choices)
        elif asked:
            [key, *_] = [key for key in own if not own[key]]
            command.say(f"bounds: {key}={','.join(line[key])} is none of this sweep, so that its line is not run.")
    return jobs


def _part(key: str) -> str:
    """What a key sets of the configuration: `estimator` of `estimator.scale`, PART of `GROUP@PART`."""
    return key.partition("@")[2] or key.split(".")[0]


def _jobs(axes: Mapping[str, Sequence[str]], choices: Mapping[str, str | None], optimizers: int) -> list[list[str]]:
    """The jobs with the optimizer that is chosen, which is one of so many."""
    optimizer = choices["optimizer"]
    defaults = defaults_of("optimizer", optimizer)
    of_pages = {key: qualified(key) for key in axes}
    replicas, runs = _parted({key: values for key, values in axes.items() if not of_pages[key]}, defaults)
    pages = [(*of_page, axes[key]) for key, of_page in of_pages.items() if of_page]
    number = math.prod(map(len, runs.values())) * optimizers
    refuse_too_many("the sweep has", number, "runs", 10_000)
    jobs: list[list[str]] = []
    for values in itertools.product(*runs.values()):
        chosen = dict(zip(runs, values, strict=True))
        every = {**choices, **chosen}
        check_choice_keys(every, axes)
        own = {key: own for page, key, own in pages if every.get(choice_key(key.split(".")[0])) == page}
        own_replicas, own_runs = _parted(own, defaults)
        refuse_too_many("the sweep has", math.prod(map(len, own_runs.values())) * number, "runs", 10_000)
        shared = [f"{key}={value}" for key, value in chosen.items() if key not in own]
        lists = {**{key: values for key, values in replicas.items() if key not in own}, **own_replicas}
        for values_of_page in itertools.product(*own_runs.values()):
            alone = [f"{key}={value}" for key, value in zip(own_runs, values_of_page, strict=True)]
            listed = [f"{key}=[{','.join(values)}]" for key, values in lists.items()]
            job = [f"optimizer={optimizer}", *shared, *alone, *listed]
            if not own or job not in jobs:  # what a page has of its own may be all that would have told two apart
                jobs.append(job)
    return jobs


def _parted(
    axes: Mapping[str, Sequence[str]], optimizer: Mapping[str, Any]
) -> tuple[dict[str, Sequence[str]], dict[str, Sequence[str]]]:
    """The axes that make replicas of a run, and the others."""
    replicas = {key: values for key, values in axes.items() if values[1:] and makes_replicas(key, optimizer)}
    return replicas, {key: values for key, values in axes.items() if key not in replicas}
