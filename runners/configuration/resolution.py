"""From a composed configuration to a run: which program, which replicas.

Knows neither Hydra nor TensorFlow. `Sweep` is the typed schema of conf/config.yaml; a page's own keys are typed by the
defaults in its YAML.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runners import command
from runners.configuration.choices import GRID_KEYS, defaults_of, unquoted
from runners.configuration.estimator_files import (
    SAMPLES,
    allowed_values,
    exact_estimator,
    function_parameters,
    has_width,
    parameter_names,
)
from runners.configuration.keys import check_choice_key
from runners.configuration.run import ReplicaValues, Run
from runners.configuration.schema import (
    AT_WEIGHTS,
    AVERAGES,
    DECAYS,
    INT32_MAX,
    NOISE,
    PARTS,
    SMOOTHED,
    refuse_too_many,
)
from runners.configuration.task_files import argument_names
from runners.optimizer_traits import check_class, traits
from steeplechase import schedules
from steeplechase.errors import UserError, did_you_mean
from tasks import base as tasks
from tasks.data import events


def resolve(cfg: Mapping[str, Any], device: str) -> Run:
    """The run that a configuration describes.

    Args:
        cfg: composed and resolved, as plain data.
        device: `cpu` or `gpu`, decided by the caller.

    Returns:
        The run, with all its replicas.

    Raises:
        UserError: for the first value that cannot be, with its key and what is allowed.
    """
    for part, group in PARTS.items():
        if cfg[part] or part not in AT_WEIGHTS:
            _typed(group, cfg[part], part)
            if group == "function":
                _allowed(part, cfg[part])
    check_class(cfg["optimizer"]["keras"])
    draws = tasks.check(**cfg["task"])
    weights = cfg["estimator_weights"]
    _one_of("normalize", cfg["normalize"], "none", "peak", "area", "period")
    _one_of("decay", cfg["decay"], *DECAYS)
    _one_of("plan", cfg["plan"], True, False, "json")
    _one_of("precision", cfg["precision"], "float32", "float64", "tf32")
    if cfg["precision"] == "tf32" and device != "gpu":
        raise UserError("precision is tf32, which only a GPU has: use device=gpu, or precision=float32.")
    for name in ("steps", "record_points", "block", "parallel_blocks", "seeds_per_draw"):
        if cfg[name] is not None and not 1 <= cfg[name] <= INT32_MAX:
            raise UserError(f"{name} is {cfg[name]}, but must be a whole number from 1 to {INT32_MAX}.")
    if cfg["reference"]:
        defaults_of("estimator", cfg["reference"])
    for name, margin in cfg["margins"].items():
        defaults_of("task", name)
        if not 0 < margin < math.inf:
            raise UserError(f"margins.{name} is {margin:g}, but must be above 0, in the unit of what the task reports.")
    if not 0 <= cfg["checkpoint"] < math.inf:
        raise UserError(f"checkpoint is {cfg['checkpoint']}, but must be a number of seconds, at least 0.")

    task = {k: v for k, v in cfg["task"].items() if k != "steps"}
    optimizer = {k: v for k, v in cfg["optimizer"].items() if k not in ("learning_rate", *GRID_KEYS)}
    for option in ("subsets", "test_data"):  # one that is off makes no other program than before there was one
        if task.get(option, 0) is None:
            del task[option]
    seeds, rates = _seeds(cfg["seed"]), _rates(cfg["optimizer"]["learning_rate"])
    _check_draws(seeds, cfg["seeds_per_draw"], draws)
    parameters = {
        group: {
            name: _numbers(f"{group}.{name}", value) for name, value in chosen.items() if name not in ("name", SAMPLES)
        }
        for group, chosen in (("estimator", cfg["estimator"]), ("estimator_weights", weights))
    }
    parameters["optimizer"] = {
        name: _numbers(f"optimizer.{name}", optimizer.pop(name), may_change=False)
        for name in traits(optimizer["keras"]).per_replica
        if optimizer.get(name) is not None
    }
    program = {
        "task": task,
        "per_replica": list(parameters["optimizer"]),
        "estimator": _of_program(cfg["estimator"]),
        "estimator_weights": _of_program(weights) if weights else None,
        "function_weights": cfg["function_weights"] or None,
        "optimizer": optimizer,
        **{
            name: cfg[name]
            for name in ("function", "normalize", "decay", "steps", "gradient_flow", "precision", "block")
        },
        "record_points": min(cfg["record_points"], cfg["steps"]),
        "device": device,
    }
    if cfg["seeds_per_draw"] > 1:
        program["seeds_per_draw"] = cfg["seeds_per_draw"]
    if cfg["fidelity"]["calls"]:
        program["fidelity"] = _fidelity(cfg)
    names = ("data", "labels", "test_data") if events.counting(task) else ("data", "labels")
    files = {k: task[k] for k in names if task.get(k)}
    for name, path in files.items():
        if name != "labels":  # they may be a column; whoever reads them as a file looks at it
            command.regular(path, f"task.{name}")
    widths = _widths(cfg["width"])
    sites = [(cfg["estimator"], cfg["function"])]
    sites.append((weights or cfg["estimator"], cfg["function_weights"] or cfg["function"]))
    if not any(has_width(slope["name"]) for slope, function in sites if not exact_estimator(function["name"])):
        widths = [None]  # it would be the same slope at every width
    replicas = _replicas(seeds, rates, parameters, widths)
    store = str(Path(cfg["store"]).absolute())  # the process that trains may have another folder
    return Run(program, replicas, files, store, cfg["checkpoint"], cfg["progress"], cfg["parallel_blocks"])


def _fidelity(cfg: Mapping[str, Any]) -> dict[str, Any]:
    """What of a measurement of fidelity makes its program."""
    own = cfg["fidelity"]
    for name, least in (("calls", 40), ("truth_calls", 40), ("warm_up", 0)):
        if not least <= own[name] <= INT32_MAX:
            raise UserError(f"fidelity.{name} is {own[name]}, but must be a whole number from {least} to {INT32_MAX}.")
    for name in ("smoothing", "delta"):
        if not 0 < own[name] < math.inf:
            raise UserError(f"fidelity.{name} is {own[name]}, but must be a finite number above 0.")
    if not own["at"] or not all(0 <= share <= 1 for share in own["at"]):
        raise UserError(f"fidelity.at is {own['at']}, but must list shares of the training, from 0 to 1.")
    _one_of("fidelity.role", own["role"], "estimate", "truth", "training")
    for name in ("along", "truth"):
        if name == "along" or own[name] not in AVERAGES:
            defaults_of("estimator", own[name])
    if cfg["gradient_flow"] or cfg["width"] is not None:
        raise UserError("fidelity.calls measures estimators as they are: leave gradient_flow and width out.")
    found = {name: own[name] for name in ("calls", "along", "truth", "truth_calls", "warm_up", "delta")}
    found |= {"role": "estimate", "at": sorted({round(share * cfg["steps"]) for share in own["at"]})}
    return found | ({"smoothing": own["smoothing"]} if own["truth"] in (SMOOTHED, NOISE) else {})


def _of_program(estimator: Mapping[str, Any]) -> dict[str, Any]:
    """What makes the program of an estimator's page: all but the numbers of replicas."""
    return {name: value for name, value in estimator.items() if name in ("name", SAMPLES)}


def _replicas(
    seeds: list[int], rates: list, parameters: Mapping[str, Mapping[str, list]], widths: list
) -> tuple[ReplicaValues, ...]:
    """The product of all values. parameters: by group, in the order of ReplicaValues, the values of each parameter."""
    axes = {"seed": seeds, "learning_rate": rates}
    axes |= {f"{group}.{name}": values for group, own in parameters.items() for name, values in own.items()}
    axes["width"] = widths
    words = " × ".join(f"{len(values)} of {key}" for key, values in axes.items() if values[1:])
    refuse_too_many(f"{words} make", math.prod(map(len, axes.values())), "replicas of one run")
    groups = [
        [dict(zip(own, values, strict=True)) for values in itertools.product(*own.values())]
        for own in parameters.values()
    ]
    return tuple(ReplicaValues(*values) for values in itertools.product(seeds, rates, *groups, widths))


def _typed(group: str, given: Mapping[str, Any], part: str) -> None:
    """Holds a page's values against the defaults in its YAML: the same keys, and the same kind of value."""
    if group in ("estimator", "task") and "file" in given:
        raise UserError(f"{part}.file is read from the command line only: no configuration makes code run.")
    name = given.get("name") if isinstance(given, Mapping) else None
    if not isinstance(name, str):
        raise UserError(f"{part}.name is {name!r}, but must be the name of one; choose it by {group}=NAME.")
    defaults = defaults_of(group, name)
    _check_keys(group, name, defaults)
    for name, value in given.items():
        key = f"{part}.{name}"
        check_choice_key(defaults, given["name"], name, key)
        if value is None and defaults[name] is not None:
            raise UserError(f"{key} is null, but needs a value; its default is {defaults[name]}.")
        own = traits(given.get("keras")).per_replica
        axis = (group == "estimator" and name != SAMPLES) or (group == "optimizer" and name in (*own, "learning_rate"))
        if name not in GRID_KEYS and (not axis or name == "name"):
            _kind(key, value, defaults[name])


_TAKES = {"estimator": parameter_names, "function": function_parameters, "task": argument_names}


def _check_keys(group: str, name: str, defaults: Mapping[str, Any]) -> None:
    """Holds the keys in conf of a page against what its code takes, which would be found out only where it trains."""
    if group not in _TAKES:
        return
    keys = {*defaults} - {"name", *(["steps"] if group == "task" else [])}
    if keys != {*_TAKES[group](name)}:
        has, takes = (", ".join(names) or "none" for names in (sorted(keys), _TAKES[group](name)))
        raise UserError(f"conf/{group}/{name}.yaml has the keys: {has}; but {name} takes: {takes}. Make them the same.")


def _allowed(part: str, given: Mapping[str, Any]) -> None:
    """Holds a hard function's parameters against the values that they may have."""
    for name, values in allowed_values(given["name"]).items():
        if name in given:  # of what it does not have it is told where it is registered
            _one_of(f"{part}.{name}", given[name], *values)


def _kind(key: str, value: Any, default: Any) -> None:
    if default is None and key == "task.test_data":
        fine, kind = value is None or isinstance(value, str), "a path or null"
    elif default is None and key == "task.labels":
        fine = value is None or isinstance(value, str)
        kind = """a path, the name of a column (a number in quotes: task.labels='"784"') or null"""
    elif default is None:
        fine = value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))
        kind = "a number or null"
    elif isinstance(default, bool):
        fine, kind = isinstance(value, bool), "true or false"
    elif isinstance(default, int):
        fine = isinstance(value, int) and not isinstance(value, bool) and abs(value) <= INT32_MAX
        kind = f"a whole number up to {INT32_MAX}"
    elif isinstance(default, float):
        fine, kind = isinstance(value, (int, float)) and not isinstance(value, bool), "a number"
    elif isinstance(default, list):
        fine = isinstance(value, list) and all(_like(v, default[0]) for v in value)
        kind = f"a list like {default}"
    elif isinstance(default, str) and not default.startswith("${"):
        fine, kind = isinstance(value, str), "a word"
    else:
        return
    if isinstance(value, float) and not math.isfinite(value):
        raise UserError(f"{key} is {value}, but must be finite: {kind}.")
    if not fine:
        raise UserError(f"{key} is {value!r}, but must be {kind}.")


def _like(value: Any, default: Any) -> bool:
    """Whether a list's value is of the kind of its default."""
    if isinstance(value, bool) or isinstance(default, (bool, str)):
        return type(value) is type(default)
    whole = isinstance(value, int) and abs(value) <= INT32_MAX
    return whole or (isinstance(default, float) and isinstance(value, float) and math.isfinite(value))


def _one_of(key: str, value: Any, *allowed: Any) -> None:
    if value not in allowed:
        near = did_you_mean(str(value), map(str, allowed))
        raise UserError(f"{key} is {value!r}, but must be one of: {', '.join(map(str, allowed))}{near}")


def _listed(key: str, value: Any) -> list:
    values = value if isinstance(value, list) else [value]
    if not values:
        raise UserError(f"{key} is an empty list: there is nothing to train.")
    refuse_too_many(f"{key} lists", len(values), "values")
    seen = set()
    for v in values:
        if (mark := v if isinstance(v, (int, float, str)) else repr(v)) in seen:
            raise UserError(f"{key} lists {v} twice.")
        seen.add(mark)
    return values


def _numbers(key: str, value: Any, may_change: bool = True) -> list:
    value = unquoted(value)
    for v in _listed(key, value):
        if isinstance(v, Mapping) and may_change:
            schedules.encode(key, v)
        elif isinstance(v, bool) or not isinstance(v, (int, float)) or not math.isfinite(v):
            raise UserError(f"{key} is {v!r}, but must be a finite number" + (" or a schedule." if may_change else "."))
    return [v if isinstance(v, Mapping) else float(v) for v in _listed(key, value)]


def _rates(value: Any) -> list:
    key = "optimizer.learning_rate"
    rates = _numbers(key, value)
    for rate in rates:
        for number in schedules.values(rate):
            if number < 0 or (number == 0 and not isinstance(rate, Mapping)):
                raise UserError(f"{key} is {number}, but must be greater than 0.")
    return rates


def _widths(value: Any) -> list:
    """Numbers and schedules; null is each estimator's own width."""
    widths: list = []
    for width in _listed("width", unquoted(value)):
        widths += [None] if width is None else _numbers("width", width)
        for number in [] if width is None else schedules.values(widths[-1]):
            if number <= 0:
                raise UserError(f"width is {number}, but must be greater than 0, or null.")
    return widths


def _seeds(value: Any) -> list[int]:
    for seed in _listed("seed", value):
        if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= INT32_MAX:
            raise UserError(f"seed is {seed!r}, but must be a whole number from 0 to {INT32_MAX}.")
    return _listed("seed", value)


def _check_draws(seeds: list[int], per_draw: int, draws: int | None) -> None:
    """Refuses seeds that are no design of draws. draws: how many there are (tasks.base.check)."""
    if per_draw > 1 and draws == 1:
        raise UserError(
            f"seeds_per_draw is {per_draw}, but here all seeds meet one problem anyway: leave it at 1, or leave the "
            "seed of the split or of the instance at null."
        )
    met = [seed // per_draw for seed in seeds]
    if draws is not None and draws > 1 and max(met) >= draws:
        raise UserError(
            f"seed {max(seeds)} meets draw {max(met)}, but the task has only {draws} draws, for the seeds 0 to "
            f"{draws * per_draw - 1}: take fewer seeds, or part the examples into more subsets."
        )
    counts = Counter(met)
    draw, count = min(counts.items(), key=lambda item: (item[1], item[0]))
    if count < per_draw:
        first = draw * per_draw
        raise UserError(
            f"seeds_per_draw is {per_draw}, but draw {draw} has {count} of its seeds, {first} to "
            f"{first + per_draw - 1}: draws with unequal numbers of seeds are not compared, so take all of them, as in "
            f"seed=range({min(met) * per_draw},{(max(met) + 1) * per_draw})."
        )
