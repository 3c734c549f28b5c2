"""Programs and replicas: what the trainer compiles, and how it follows from a run's plain data."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

import estimators
import tasks
from estimators.expectation import Expectation
from estimators.function import HardFunction, as_hard_function
from estimators.sampled import Sampled
from estimators.step_size import LSQ
from estimators.surrogate import SITES, Surrogate
from runners import forwards
from runners.optimizer_traits import traits
from runners.training import optimizers
from runners.training.asking import asked_sites
from runners.training.hard_sites import Estimator, Hard
from steeplechase.errors import Unsupported, UserError
from tasks import base as tasks_base
from tasks.base import Task

# A block is the largest power of two, at most LIMIT, whose parameters together are at most BUDGET numbers: on a CPU
# they then stay in a core's cache, on a GPU they fill it. The rule knows the program's shape and the device class,
# never the clock or the machine at hand, because numbers depend on the block.
# They do not where a replica is a single number, and so every operation goes element by element (a test holds it to
# the bit). There a CPU's block follows from how many replicas a run has: half of them, so that two cores have work; no
# more than LIMIT, until there are SHARES such blocks; then a share, for starting a block costs as much as training it
# for thousands of steps; and no more than SCALARS, since larger ones are slower again.
LIMIT = {"cpu": 64, "gpu": 4096}
BUDGET = {"cpu": 2**18, "gpu": 2**25}
SHARES, SCALARS = 16, 1024


def block_size(task: Task, device: str, replicas: int) -> int:
    """How many replicas one compiled call trains.

    Args:
        task: whose parameters count.
        device: `cpu` or `gpu`.
        replicas: how many the run has.

    Returns:
        A power of two; 1 for a task that is not mapped.
    """
    if not task.mapped:
        return 1
    numbers = sum(int(np.prod(shape)) for shape in task.sizes.values())
    if numbers == 1 and device == "cpu":
        wanted = max(-(-replicas // SHARES), min(LIMIT[device], -(-replicas // 2)))
        return min(SCALARS, 2 ** (wanted - 1).bit_length())
    fitting = max(1, BUDGET[device] // numbers)
    return min(LIMIT[device], 2 ** (fitting.bit_length() - 1))


PARTS = ("activations", "weights", "stretch")  # of a replica's numbers


@dataclass(frozen=True)
class Replica:
    """The numbers of one training.

    Attributes:
        seed: of all its chance but the draw of the problem.
        learning_rate: a number or a schedule.
        activations: parameters of the slopes of activations, numbers or schedules.
        weights: those of the slopes of hard weights.
        optimizer: the optimizer's arguments that each replica has its own value of.
        normalize: how the slopes are scaled. It is a number of the replica's, so that it costs no program of its own.
        stretch: by site, how many times as wide slopes are made (Hard.stretches), numbers or schedules; empty: all are
            as they are.
        draw: the draw of the problem that it meets, by number; None: the one that has its seed's number.
    """

    seed: int
    learning_rate: float | Mapping
    activations: Mapping[str, float | Mapping] = field(default_factory=dict)
    weights: Mapping[str, float | Mapping] = field(default_factory=dict)
    optimizer: Mapping[str, float] = field(default_factory=dict)
    normalize: str = "none"
    stretch: Mapping[str, float | Mapping] = field(default_factory=dict)
    draw: int | None = None

    @property
    def scheduled(self) -> tuple[str, ...]:
        """Which of the numbers are schedules: `learning_rate`, or `PART.NAME` of those in a part."""
        numbers = {"learning_rate": self.learning_rate}
        for part in PARTS:
            numbers |= {f"{part}.{name}": number for name, number in getattr(self, part).items()}
        return tuple(name for name, number in numbers.items() if isinstance(number, Mapping))

    @property
    def stretched(self) -> tuple[str, ...]:
        """The sites whose slopes are made wider or narrower."""
        return tuple(self.stretch)


@dataclass(frozen=True)
class Program:
    """What makes a program: everything but the numbers of its replicas.

    Attributes:
        task: what is trained.
        hard: what stands at its hard sites.
        optimizer: the Keras class name.
        arguments: those of the optimizer that are the same for all, as sorted pairs.
        per_replica: the names of those that each replica has its own value of.
        block: how many replicas one compiled call trains.
        precision: `float32` or `float64`.
        device: `cpu` or `gpu`.
        scheduled: which numbers of replicas may be schedules, as Replica.scheduled names them. A replica is trained by
            the program of its own, so that its numbers do not depend on its neighbours'.
        stretched: the sites whose slopes are made wider or narrower, as Replica.stretched names them.
        tf32: whether a GPU may shorten the factors of float32 products.
        sites: whether what flows back through each hard site is measured, too.
    """

    task: Task
    hard: Hard
    optimizer: str
    arguments: tuple[tuple[str, object], ...]
    per_replica: tuple[str, ...]
    block: int
    precision: str
    device: str
    scheduled: tuple[str, ...] = ()
    stretched: tuple[str, ...] = ()
    tf32: bool = False
    sites: bool = False


class NotListed(Unsupported):
    """A hard function that is not in a task's `forwards`, which is part of no identity: no record may say so."""


@functools.cache
def build(text: str, replicas: int) -> tuple[Task, Program]:
    """The task and the program of a run.

    Args:
        text: the run's program as JSON.
        replicas: how many the run has.

    Returns:
        The same objects for the same description, so that nothing compiles twice.

    Raises:
        Unsupported: for a pair that cannot be; NotListed: for a hard function that the task does not list.
        UserError: what the wings and the optimizers raise for what a user got wrong.
    """
    described = json.loads(text)
    device, chosen = described["device"], described["optimizer"]
    precision = "float32" if described["precision"] == "tf32" else described["precision"]
    task = task_of(json.dumps(described["task"], sort_keys=True), precision)
    own = described["estimator_weights"]
    page = _estimator(**described["estimator"])
    weights: Estimator | None = _estimator(**own) if own else page
    function, at_weights = _function(task, described["function"]), described["function_weights"]
    function_weights = _function(task, at_weights) if at_weights else None
    task = on_device(task, device)
    if task.for_levels and (levels := (function_weights or function).outputs):
        task = _with_levels(task, levels)
    if not traits(chosen["keras"]).latent_weights:
        if own or at_weights or function.outputs != (-1.0, 1.0):
            needs = "it goes with function=sign, and without estimator_weights or function_weights"
            raise Unsupported(f"{chosen['name']} has no latent weights: {needs}.")
        if task.step_sizes:
            raise Unsupported(f"{chosen['name']} has no latent weights, so {task.name} has no steps to learn for them.")
        weights = None
    hard = Hard(page, weights, function, function_weights)
    for site in SITES:
        surrogate, own_function = hard.at(f"/{site}"), hard.function_at(f"/{site}")
        if surrogate is None:
            continue
        if not isinstance(surrogate, Surrogate):
            _refuse_drawn(task, surrogate, own_function, site, described)
            continue
        if own_function.exact and surrogate.name != own_function.exact:
            raise Unsupported(
                f"{own_function.name} has a derivative of its own, and is no place for {surrogate.name}: at {site} it "
                f"goes with {own_function.exact}."
            )
        if surrogate.step_size is not LSQ and not task.step_sizes:
            raise Unsupported(f"{surrogate.name} is a rule for steps that are learned, and {task.name} learns none.")
        if task.through_time and site == "activations":
            _refuse_through_time(task, surrogate, own_function)
        if own_function.mixes and site == "weights" and task.weights:
            raise Unsupported(f"{own_function.name} chooses among activations, and is no function of weights.")
        reason = None if own_function.exact else surrogate.unsupported_reason(described["normalize"], own_function)
        if reason:
            raise Unsupported(reason)
    asked_sites(task, hard)  # refuses what cannot be asked
    if not task.mapped and (described["block"] or 1) > 1:
        raise Unsupported(f"{task.name} is trained one replica at a time: leave block out, or give block=1.")
    fixed = {k: v for k, v in chosen.items() if k not in ("name", "keras") and v is not None}
    optimizers.check(chosen["keras"], fixed)
    size, several = described["block"] or block_size(task, device, replicas), tuple(described["per_replica"])
    program = Program(task, hard, chosen["keras"], tuple(sorted(fixed.items())), several, size, precision, device)
    return task, replace(program, tf32=described["precision"] == "tf32", sites=described["gradient_flow"])


@functools.cache
def on_device(task: Task, device: str) -> Task:
    """The task as it is trained on a device (Task.by_device).

    Args:
        task: as its page returned it.
        device: `cpu` or `gpu`.

    Returns:
        The same object for the same task, so that all surrogates share what is compiled of it.
    """
    own = task.by_device.get(device)
    return replace(task, **own) if own else task


@functools.cache
def _estimator(name: str, samples: int | None = None) -> Estimator:
    """The same object for the same name and number of samples."""
    page = estimators.find(name)
    return page if isinstance(page, Surrogate) else page.with_samples(samples)


def _refuse_drawn(
    task: Task, estimator: Sampled | Expectation, function: HardFunction, site: str, described: Mapping
) -> None:
    """Refuses an estimator for drawn values where it cannot stand."""
    if site == "weights" and not task.weights:
        return  # there is no such place
    if reason := estimator.unsupported_reason(function):
        raise Unsupported(reason)
    if site == "weights" and isinstance(estimator, Expectation):
        raise Unsupported(
            f"{estimator.name} asks for the loss of each draw, and all examples share the weights of {task.name}: "
            "choose another one for weights by estimator@estimator_weights=."
        )
    if described["normalize"] != "none":
        raise Unsupported(f"{estimator.name} has no slope that could be normalised.")
    if described["gradient_flow"] and isinstance(estimator, Expectation):
        raise Unsupported(f"{estimator.name} has no gradient that flows through a site: leave gradient_flow out.")
    if task.through_time:
        raise Unsupported(f"the neurons of {task.name} spike by what they did before, and not by a draw.")


def _refuse_through_time(task: Task, surrogate: Surrogate, function: HardFunction) -> None:
    """Refuses what has no meaning where spikes act on later ones (Task.through_time)."""
    if surrogate.signed:
        raise Unsupported(
            f"{task.name} goes back through time, where {surrogate.name} has no meaning: what it hands down depends on "
            "the sign of what comes from above."
        )
    if function.parameters.get("at_zero", 1) != 1:
        raise Unsupported(f"the neurons of {task.name} spike at their threshold: leave function.at_zero at 1.")


@functools.cache
def _with_levels(task: Task, levels: tuple[float, ...]) -> Task:
    """The same object for the same levels: all surrogates share what is compiled of it."""
    assert task.for_levels is not None
    return task.for_levels(levels)


def _function(task: Task, described: Mapping) -> HardFunction:
    """The hard function of this name, its parameters fixed. Raises NotListed where the task is not written for it."""
    function = as_hard_function(described)
    if function.name not in task.forwards:
        raise NotListed(forwards.refusal(task.name, task.forwards, function.name))
    return function


@functools.cache
def task_of(text: str, precision: str) -> Task:
    """The task of a run.

    Args:
        text: its name and its arguments, as JSON.
        precision: `float32` or `float64`.

    Returns:
        The same object for the same description.

    Raises:
        UserError: for what is no task, and for arguments that make none.
    """
    arguments = json.loads(text)
    name = arguments.pop("name")
    page = tasks.registry[name]
    if "dtype" not in tasks_base.parameters(page):
        raise UserError(f"tasks/{name}.py must take dtype, the precision of its tensors, beside its other arguments.")
    task = page(**arguments, dtype=precision)
    if not isinstance(task, Task):
        raise UserError(f"{name} returns a {type(task).__name__}, but must return a Task.")
    if task.examples and task.batch > task.training_examples:
        raise UserError(
            f"the batch of {name} is {task.batch}, but there are {task.training_examples} training examples."
        )
    return task


def release() -> None:
    """Lets go of all tasks and programs, so that the next run is built anew."""
    build.cache_clear()
    _estimator.cache_clear()
    _with_levels.cache_clear()
    on_device.cache_clear()
    task_of.cache_clear()
