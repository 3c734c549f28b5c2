"""Settings that a frozen table has chosen: a run of another sweep is trained at its own alone."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

import pandas as pd

from results.analysis import lookup, selection
from results.analysis.draws import draws_of
from results.records import frozen, schema
from runners.configuration import choices
from steeplechase.errors import UserError

RATE = "optimizer.learning_rate"
SLOPES = (schema.WIDTH, "estimator.", "estimator_weights.")  # what the numbers of a slope begin with
PAIR = ("task", "estimator", "optimizer", "normalize")  # what an unsupported pair is known by


def at_chosen(cfg: Mapping[str, Any], overrides: Sequence[str]) -> list[str]:
    """The overrides of a job whose run is trained at the setting that the table under its key `settings` has chosen.

    With `untuned`, at the one that this is held against: its optimizer's default rate and, where widths were swept, 1.

    Args:
        cfg: of the job, composed and resolved, as plain data.
        overrides: of the job.

    Returns:
        Those of keys that are no part of a setting, and one for each number of the setting; of a run that the table
        could not have, as they are.

    Raises:
        UserError: where no table is named or it has no such run, or several, and for a seed or a draw that the table
            has met: what is chosen on a draw is not confirmed by it.
        RecordError: for a file that is no frozen table.
    """
    path = str(cfg["settings"])
    if not path:
        raise UserError("untuned is about the runs of a frozen table: name it by settings=TABLE.parquet.")
    names = _names(cfg)
    table = _chosen(path)
    found = table.settings.get(tuple(names.values()), [])
    if not found and tuple(names[key] for key in PAIR) in table.unsupported:
        return list(overrides)  # it cannot be trained, as it could not for the table, and is declined again
    if len(found) != 1:
        has = "several runs" if found else "no run"
        raise UserError(f"settings: {path} has {has} of {', '.join(f'{k}={v}' for k, v in names.items() if v)}.")
    own = cfg["seed"] if isinstance(cfg["seed"], list) else [cfg["seed"]]
    met = sorted({int(seed) for seed in own} & table.seeds)
    if met:
        raise UserError(
            f"seed {met[0]} is one that the table {path} was chosen on: draw others than {_range(table.seeds)}."
        )
    per_draw = cfg["seeds_per_draw"]
    again = sorted({int(seed) // per_draw for seed in own} & table.draws)
    if again:
        first = (max(table.draws) + 1) * per_draw
        raise UserError(f"draw {again[0]} is one that the table {path} was chosen on: take seeds from {first} on.")
    [(chosen, fixed)] = found
    kept = [override for override in overrides if override.split("=")[0].lstrip("+") not in {**fixed, **chosen}]
    setting = fixed | (_untuned(chosen, names["optimizer"]) if cfg["untuned"] else chosen)
    return [*kept, *(f"{key}={value}" for key, value in setting.items())]


def _untuned(chosen: Mapping[str, str], optimizer: str) -> dict[str, str]:
    """The untuned setting beside a chosen one; what has no width has none here, and the configuration has all else."""
    setting = {RATE: str(choices.defaults_of("optimizer", optimizer)["learning_rate"])}
    if schema.WIDTH in chosen:
        setting[schema.WIDTH] = "null" if chosen[schema.WIDTH] == "null" else "1.0"
    return setting


def seeds_of(path: str) -> frozenset[int]:
    """The seeds that a frozen table has.

    Args:
        path: of the table.

    Returns:
        All of them.

    Raises:
        RecordError: for a file that is no frozen table.
    """
    return _chosen(path).seeds


def _names(cfg: Mapping[str, Any]) -> dict[str, str]:
    """What says which run of a table is meant: its words, by key, in the order of `_names_in`."""
    named = {part: cfg[part]["name"] for part in ("task", "estimator", "optimizer", "function")}
    data = (cfg["task"] or {}).get("data")
    named |= {"normalize": cfg["normalize"], "task.data": Path(data).name if data else ""}
    for part in ("estimator", "function"):  # of weights that have none of their own, the same
        named[f"{part}_weights"] = (cfg[f"{part}_weights"] or cfg[part])["name"]
    return {key: str(value) for key, value in named.items()}


def _names_in(row: Mapping[str, Any]) -> dict[str, str]:
    """The same of a row of a table."""
    named = {part: row[part] for part in ("task", "estimator", "optimizer")}
    named |= {"function": row["forward"], "normalize": row["normalize"], "task.data": row["data"]}
    at_weights = {"estimator": row["estimator_weights"], "function": row.get("function_weights.name")}
    for part, value in at_weights.items():
        named[f"{part}_weights"] = named[part] if pd.isna(value) else value
    return {key: "" if pd.isna(value) else str(value) for key, value in named.items()}


def _range(seeds: frozenset[int]) -> str:
    return f"{min(seeds)} to {max(seeds)}"


@dataclass(frozen=True)
class _Chosen:
    """Of a table: the settings of its runs, by their names, each by key: what was chosen of several, and what there was
    one of; its seeds and draws; and what cannot be."""

    settings: dict[tuple[str, ...], list[tuple[dict[str, str], dict[str, str]]]]
    seeds: frozenset[int]
    draws: frozenset[int]
    unsupported: frozenset[tuple[str, ...]]


@functools.cache
def _chosen(path: str) -> _Chosen:
    results, _ = frozen.read(path)
    last, settings = results.final_rows(), selection.chosen_settings(results)
    replicas = settings.set_index("run")["replicas"]
    found: dict[tuple[str, ...], list[tuple[dict[str, str], dict[str, str]]]] = {}
    of_slopes = [name for name in map(str, last) if name.startswith(SLOPES)]
    swept = dict(zip(sorted(last["run"].unique()), selection.tested_settings(last), strict=True))
    for run, (columns, _) in swept.items():
        row = last[last["replica"] == replicas[run][0]].iloc[0]
        values = {RATE: row["learning_rate"], **{column: row[column] for column in columns}}
        alone = {name: number for name in of_slopes if name not in columns and (number := _number(row[name]))}
        found.setdefault(tuple(_names_in(row).values()), []).append(
            ({name: _text(value) for name, value in values.items()}, alone)
        )
    seeds, met = (frozenset(map(int, column.unique())) for column in (last["seed"], draws_of(last)))
    return _Chosen(found, seeds, met, frozenset(attrgetter(*PAIR)(pair) for pair in results.plan.unsupported))


def _number(value: Any) -> str:
    """A number of a slope as the command line has it; "" of a schedule, and of what the slope does not have."""
    value = lookup.number_of(value)
    return "" if isinstance(value, str) or math.isnan(value) else repr(value)


def _text(value: Any) -> str:
    """A number as the command line has it. Raises UserError for a schedule."""
    if isinstance(value, str):
        raise UserError(f"settings: the table has chosen the schedule {value}, and only numbers can be taken from it.")
    return "null" if math.isnan(value) else repr(float(value))
