"""From a composed configuration to a run: which program, which replicas, and every mistake told in one sentence.

Knows neither Hydra nor TensorFlow. `Sweep` is the typed schema of conf/config.yaml; a page's own keys are typed by the
defaults in its YAML.
"""

from __future__ import annotations

import functools
import itertools
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from results.place import DEFAULT
from runners import command, pages
from steeplechase import schedules
from steeplechase.errors import UserError, did_you_mean
from tasks import base as tasks

SWEEP = "STEEPLECHASE_SWEEP"  # in the environment: the process of the command, for those that must not outlive it
_ROOT = Path(__file__).resolve().parents[1]
_PACKED = _ROOT / "runners" / "conf"  # where a wheel has it (pyproject.toml)
CHECKOUT = None if _PACKED.is_dir() else _ROOT  # the repository's folder; None for an installed copy
CONF = _ROOT / "conf" if CHECKOUT else _PACKED
GROUPS = ("task", "estimator", "optimizer", "experiment")
FRESH = 2**31 - 1  # seeds and sizes are int32


@dataclass
class Sweep:
    """Every key of conf/config.yaml. A list where the type is Any makes replicas."""

    task: dict[str, Any] = field(default_factory=dict)  # name, steps, and the page's arguments
    estimator: dict[str, Any] = field(default_factory=dict)  # name, and the page's parameters: each makes replicas
    estimator_weights: dict[str, Any] = field(default_factory=dict)  # for hard weights; empty: the same estimator
    optimizer: dict[str, Any] = field(default_factory=dict)  # name, keras, learning_rate (makes replicas), arguments
    seed: Any = 0  # makes replicas
    forward: str = "sign"  # the hard function: sign or step
    at_zero: int = 1  # the sign that zero is given: 1, 0 or -1
    normalize: str = "none"  # scale the slope: none, peak or area
    steps: int = 1000  # updates
    rows: int = 10  # recorded steps after the start, evenly spread
    layers: bool = False  # record what flows back through each hard site, too
    precision: str = "float32"  # float32, float64, or tf32 (a GPU's short products)
    device: str = "auto"  # auto, cpu or gpu
    block: int | None = None  # replicas in one compiled call; null: by the trainer's rule
    lanes: int | None = None  # blocks trained at a time, with the same numbers; null: one a core, or one on a GPU
    store: str = DEFAULT  # where records, plans and figures go
    checkpoint: float = 10.0  # seconds of training after which a block's state is saved; 0: after every chunk
    reference: str = ""  # the estimator that the others are contrasted with, where a table does that
    margins: dict[str, float] = field(default_factory=dict)  # by task, a difference of its measure that does not matter
    strict: bool = False  # refuse tables that would compare against a rule, rather than say so in them
    plan: bool = False  # print what is done, missing or stale, and train nothing
    figures: list[str] = field(default_factory=list)  # drawn at the end
    tables: list[str] = field(default_factory=list)  # printed at the end
    progress: str = ""  # which run of how many: set by the sweeper


@dataclass(frozen=True)
class Run:
    """One program and its replicas, as plain data.

    program: everything that makes the program (identity covers it). replicas: for each its values by flat name: `seed`,
    `learning_rate`, `estimator.NAME`, `estimator_weights.NAME`, `optimizer.NAME`. files: where a task's files lie.
    """

    program: Mapping[str, Any]
    replicas: tuple[Mapping[str, Any], ...]
    files: Mapping[str, str]
    store: str
    checkpoint: float
    progress: str = ""
    lanes: int | None = None

    @property
    def words(self) -> tuple[str, str, str]:
        """The names of the task, the estimator and the optimizer."""
        return tuple(self.program[group]["name"] for group in ("task", "estimator", "optimizer"))


MOST = 100_000  # values of an axis, and replicas of a run


def few(what: str, number: int, of: str, most: int = MOST) -> None:
    """Refuses what would take all memory before anybody sees that it was a slip. Raises UserError."""
    if number > most:
        raise UserError(f"{what} {number:,} {of}, but {most:,} is the most.")


def resolve(cfg: Mapping[str, Any], device: str) -> Run:
    """The run that a composed and resolved configuration describes. device: `cpu` or `gpu`, decided by the caller.

    Raises UserError.
    """
    for name in ("task", "estimator", "optimizer"):
        _typed(name, cfg[name])
    tasks.check(**cfg["task"])
    weights = cfg["estimator_weights"]
    if weights:
        _typed("estimator", weights, "estimator_weights")
    _one_of("forward", cfg["forward"], "sign", "step")
    _one_of("at_zero", cfg["at_zero"], 1, 0, -1)
    _one_of("normalize", cfg["normalize"], "none", "peak", "area")
    _one_of("precision", cfg["precision"], "float32", "float64", "tf32")
    if cfg["precision"] == "tf32" and device != "gpu":
        raise UserError("precision is tf32, which only a GPU has: use device=gpu, or precision=float32.")
    for name in ("steps", "rows", "block", "lanes"):
        if cfg[name] is not None and not 1 <= cfg[name] <= FRESH:
            raise UserError(f"{name} is {cfg[name]}, but must be a whole number from 1 to {FRESH}.")
    if cfg["reference"]:
        page("estimator", cfg["reference"])
    for name, margin in cfg["margins"].items():
        page("task", name)
        if not 0 < margin < math.inf:
            raise UserError(f"margins.{name} is {margin:g}, but must be above 0, in the unit of what the task reports.")
    if not 0 <= cfg["checkpoint"] < math.inf:
        raise UserError(f"checkpoint is {cfg['checkpoint']}, but must be a number of seconds, at least 0.")

    task = {k: v for k, v in cfg["task"].items() if k != "steps"}
    optimizer = {k: v for k, v in cfg["optimizer"].items() if k not in ("learning_rate", *_GRIDS)}
    own = PER_REPLICA.get(optimizer["keras"], ())
    axes = {"seed": _seeds(cfg["seed"]), "learning_rate": _rates(cfg["optimizer"]["learning_rate"])}
    for group, chosen in (("estimator", cfg["estimator"]), ("estimator_weights", weights)):
        for name, value in chosen.items():
            if name != "name":
                axes[f"{group}.{name}"] = _numbers(f"{group}.{name}", value)
    for name in own:
        if optimizer.get(name) is not None:
            axes[f"optimizer.{name}"] = _numbers(f"optimizer.{name}", optimizer.pop(name), may_change=False)
    program = {
        "task": task,
        "per_replica": [name.removeprefix("optimizer.") for name in axes if name.startswith("optimizer.")],
        "estimator": {"name": cfg["estimator"]["name"]},
        "estimator_weights": {"name": weights["name"]} if weights else None,
        "optimizer": optimizer,
        **{name: cfg[name] for name in ("forward", "at_zero", "normalize", "steps", "layers", "precision", "block")},
        "rows": min(cfg["rows"], cfg["steps"]),
        "device": device,
    }
    files = {k: task[k] for k in ("data", "labels") if task.get(k)}
    for key, path in files.items():
        command.regular(path, f"task.{key}")
    words = " × ".join(f"{len(values)} of {key}" for key, values in axes.items() if values[1:])
    few(f"{words} make", math.prod(map(len, axes.values())), "replicas of one run")
    replicas = tuple(dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values()))
    store = str(Path(cfg["store"]).absolute())  # the process that trains may have another folder
    return Run(program, replicas, files, store, cfg["checkpoint"], cfg["progress"], cfg["lanes"])


_GRIDS = ("grid", "wide")  # of an optimizer's page: learning rates for experiments to choose from

# The arguments of Keras' optimizers that may have one value per replica: those that were tested to be tensors.
# It stands here, and not in runners/optimizer.py, because a plan needs it without Keras.
PER_REPLICA = {
    "Adam": ("beta_1", "beta_2", "epsilon"),
    "AdamW": ("beta_1", "beta_2", "epsilon", "weight_decay"),
    "Bop": ("adaptivity", "threshold"),
    "Lion": ("beta_1", "beta_2"),
    "RMSprop": ("rho", "epsilon"),
}


def makes_replicas(key: str, optimizer: Mapping[str, Any]) -> bool:
    """Whether several values of this key are replicas of one run (or else are runs), with this optimizer chosen."""
    group, _, name = key.partition(".")
    if group == "optimizer":
        return name == "learning_rate" or name in PER_REPLICA.get(optimizer.get("keras"), ())
    return key == "seed" or (group in ("estimator", "estimator_weights") and bool(name))


def check_key(key: str, values: list[str]) -> None:
    """Refuses an override whose key, or whose choice in a group, is unknown. Raises UserError."""
    group, _, rest = key.partition("@")[0].partition(".")
    if group in GROUPS and not rest:
        for value in values:
            if value == "null" and (group != "experiment" or values[1:]):
                needs = f"{group} needs a page" if group != "experiment" else "experiment: null stands alone"
                raise UserError(f"{needs}, and null is none.")
            if value != "null":
                page(group, value)
        return
    known = [f.name for f in fields(Sweep)]
    if group not in known:
        raise UserError(f"there is no key '{key}'{_meant(key, [*known, *GROUPS, *_page_keys()])}")
    pool = "estimator" if group == "estimator_weights" else group
    if pool == "estimator" and rest == "file":
        raise UserError("estimator.file is read from the command line only, as estimator.file=PATH.")
    if rest and pool in GROUPS:
        known = {name for option in options(pool) for name in page(pool, option)}
        if rest.split(".")[0] not in known:
            raise UserError(f"there is no key '{key}'{_meant(rest, known)}")


_ELSEWHERE = {  # what others call it
    "lr": "optimizer.learning_rate",
    "learning_rate": "optimizer.learning_rate",
    "wd": "optimizer.weight_decay",
    "batch_size": "task.batch",
    "epochs": "steps",
    "seeds": "seed",
    "dataset": "task.data",
}


def _meant(key: str, known: Iterable[str]) -> str:
    """What may have been meant by a key that there is not."""
    other = _ELSEWHERE.get(key.rpartition(".")[2])
    return f"; it is called {other} here." if other else did_you_mean(key, known)


def told(error: Exception) -> str:
    """What Hydra or OmegaConf says in several lines, in one sentence that names the key."""
    cause = error.__cause__ if getattr(error.__cause__, "full_key", None) else error
    key, first = getattr(cause, "full_key", None), " ".join(str(cause).split("\n")[0].split())
    kinds = {"Integer": "a whole number", "Float": "a number", "Boolean": "true or false"}
    wrong = re.match(r"Value '(.*)' of type '.*' could not be converted to (\w+)", first)
    if wrong and key:
        return f"{key} is '{wrong[1]}', but must be {kinds.get(wrong[2], wrong[2])}."
    if key and "is not in" in first:
        if "." in key:  # of a page, where another one may have it
            return f"{key}: there is no such key in the {key.split('.')[0]} that is chosen."
        return f"there is no key '{key}'{did_you_mean(key, [f.name for f in fields(Sweep)])}"
    return f"{key}: {first}" if key and key not in first else first


def check_page_keys(choices: Mapping[str, str | None], keys: Iterable[str]) -> None:
    """Refuses keys like `estimator.scale` that the page chosen in that group does not have. Raises UserError."""
    for key in keys:
        group, _, name = key.partition(".")
        if group not in ("task", "estimator", "estimator_weights", "optimizer") or not name:
            continue
        chosen = choices.get("estimator@estimator_weights" if group == "estimator_weights" else group)
        if not chosen:
            raise UserError(f"{key} has no meaning without {group}: choose one with estimator@estimator_weights=NAME.")
        _known(page("estimator" if group == "estimator_weights" else group, chosen), chosen, name.split(".")[0], key)


def _known(defaults: Mapping[str, Any], chosen: str, name: str, key: str) -> None:
    if name not in defaults:
        known = [k for k in defaults if k not in ("name", "keras", *_GRIDS)]
        has = f"its keys are: {', '.join(known)}" if known else "it has none"
        raise UserError(f"{chosen} has no key '{name}' ({key}); {has}.")


def _page_keys():
    return [f"{group}.{key}" for group in GROUPS[:3] for option in options(group) for key in page(group, option)]


def options(group: str) -> list[str]:
    """What may be chosen in a group: the pages in conf, and the estimators from elsewhere."""
    elsewhere = {*pages.files(), *pages.announced()} if group == "estimator" else set()
    return sorted({path.stem for path in (CONF / group).glob("*.yaml")} | elsewhere)


_NAME = re.compile(r"(?!.*\.\.)[\w./-]{1,100}")


def page(group: str, name: str) -> dict[str, Any]:
    """What conf/GROUP/NAME.yaml says, or an estimator's page from elsewhere. Raises UserError where there is none."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        known = ", ".join(options(group))
        raise UserError(f"{str(name)!r} is no name of a page ({group}); known are: {known}.")
    path = CONF / group / f"{name}.yaml"
    if path.exists():
        _check_entered(group, name)
        return _read(path)
    elsewhere = pages.find(name) if group == "estimator" else None
    if elsewhere:
        return elsewhere.defaults
    known = options(group)
    told = pages.answer(str(name)) if group == "estimator" else ""
    raise UserError(
        told or f"there is no {group} '{name}'{did_you_mean(str(name), known)} Known are: {', '.join(known)}."
    )


def _check_entered(group: str, name: str) -> None:
    """Refuses a page that has its YAML, but is not in the table of contents: no run could find it. Raises UserError."""
    if group == "estimator" and name not in pages.contents():
        line = f"from estimators.{name} import {name} as {name}"
        raise UserError(f"'{name}' is in conf/estimator, but not in the book: add `{line}` to estimators/__init__.py.")
    if group == "task":
        import tasks

        if name not in tuple(tasks.book):
            raise UserError(f"'{name}' is in conf/task, but not in the book: add its name to tasks/__init__.py.")


@functools.cache
def _read(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text(encoding="utf-8")) or {}


def _typed(group: str, given: Mapping[str, Any], shown: str | None = None) -> None:
    """Holds a page's values against the defaults in its YAML: the same keys, and the same kind of value."""
    if group == "estimator" and "file" in given:
        raise UserError(f"{shown or group}.file is read from the command line only: no configuration makes code run.")
    name = given.get("name") if isinstance(given, Mapping) else None
    if not isinstance(name, str):
        raise UserError(f"{shown or group}.name is {name!r}, but must be the name of one; choose it by {group}=NAME.")
    defaults = page(group, name)
    for name, value in given.items():
        key = f"{shown or group}.{name}"
        _known(defaults, given["name"], name, key)
        if value is None and defaults[name] is not None:
            raise UserError(f"{key} is null, but needs a value; its default is {defaults[name]}.")
        own = PER_REPLICA.get(str(given.get("keras")), ())
        axis = group == "estimator" or (group == "optimizer" and name in (*own, "learning_rate"))
        if name not in _GRIDS and (not axis or name == "name"):
            _kind(key, value, defaults[name])


def _kind(key: str, value: Any, default: Any) -> None:
    if default is None and key == "task.labels":
        fine, kind = value is None or isinstance(value, str), "a path or null"
    elif default is None:
        fine = value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))
        kind = "a number or null"
    elif isinstance(default, bool):
        fine, kind = isinstance(value, bool), "true or false"
    elif isinstance(default, int):
        fine = isinstance(value, int) and not isinstance(value, bool) and abs(value) <= FRESH
        kind = f"a whole number up to {FRESH}"
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
    whole = isinstance(value, int) and abs(value) <= FRESH
    return whole or (isinstance(default, float) and isinstance(value, float) and math.isfinite(value))


def _one_of(key: str, value: Any, *allowed: Any) -> None:
    if value not in allowed:
        near = did_you_mean(str(value), map(str, allowed))
        raise UserError(f"{key} is {value!r}, but must be one of: {', '.join(map(str, allowed))}{near}")


def _listed(key: str, value: Any) -> list:
    values = value if isinstance(value, list) else [value]
    if not values:
        raise UserError(f"{key} is an empty list: there is nothing to train.")
    few(f"{key} lists", len(values), "values")
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


def unquoted(value: Any) -> Any:
    """A schedule that a page's YAML has as one word, so that an override takes its place and is not merged into it."""
    return yaml.safe_load(value) if isinstance(value, str) and value.startswith("{") else value


def _rates(value: Any) -> list:
    key = "optimizer.learning_rate"
    rates = _numbers(key, value)
    for rate in rates:
        for number in schedules.values(rate):
            if number < 0 or (number == 0 and not isinstance(rate, Mapping)):
                raise UserError(f"{key} is {number}, but must be greater than 0.")
    return rates


def _seeds(value: Any) -> list[int]:
    for seed in _listed("seed", value):
        if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= FRESH:
            raise UserError(f"seed is {seed!r}, but must be a whole number from 0 to {FRESH}.")
    return _listed("seed", value)
