"""What a task is, and how its page is loaded."""

from __future__ import annotations

import importlib
import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from steeplechase import renamed
from steeplechase.errors import UserError, did_you_mean


@dataclass(frozen=True)
class Measure:
    """A quantity that a task reports: how it is printed, its unit (1 for a pure number), which way is better, and the
    smallest and the largest value that it can have, in its unit: (0, 1) of a share. A replica that diverged counts as
    the bad end of them."""

    label: str
    unit: str
    better: str  # "higher", "lower" or "" where neither is
    bounds: tuple[float, float] = (-math.inf, math.inf)

    def described(self) -> dict[str, object]:
        """What an account of a record says of it, as JSON has it: an open end of the bounds is None."""
        return {**vars(self), "bounds": [end if math.isfinite(end) else None for end in self.bounds]}


@dataclass(frozen=True, eq=False)
class Task:
    """What is descended, written for one replica: plain functions of tensors, no replica axis anywhere.

    start(chance) -> parameters, a dict of tensors.
    loss(parameters, batch, hard, chance) -> (loss, measures): `batch` holds a slice of each array in `examples`;
        `hard(x, at=site)` is the hard operation. Sites are named `PLACE/weights` or `PLACE/activations`.
    judge(parameters, hard) -> measures over the held-out parts, with no gradient and no chance.
    """

    name: str
    label: str
    start: Callable
    loss: Callable
    judge: Callable
    measures: Mapping[str, Measure]
    selects: str  # the measure by which settings are chosen: never the one that is reported, where there is a choice
    reports: str  # the measure that is reported
    target: tuple[str, float]  # the measure and value that count as arrived
    sizes: Mapping[str, tuple[int, ...]]  # the shape of each parameter
    flops: float  # floating-point operations of one training step, forward and backward, counted as in the page
    weights: tuple[str, ...] = ()  # the parameters that only enter through a hard function
    examples: tuple = ()  # arrays with one leading axis, from which batches are drawn; () for a full objective
    batch: int = 1
    bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict)  # kept after each update
    optimum: float | None = None  # the smallest possible loss, where it is known
    mapped: bool = True  # whether its operations work on many replicas at once; else each block is one replica
    forwards: tuple[str, ...] = ("sign", "step")  # the hard functions that it is written for
    checksum: str = ""  # of the data that it was made from, as tasks.data has it; "" where it has none
    remarks: tuple[str, ...] = ()  # what may not be meant so in its data or arguments, a sentence each


def load(name: str) -> Callable[..., Task]:
    """The page of a task: the function `tasks.NAME.NAME(**arguments) -> Task`."""
    return getattr(importlib.import_module(f"tasks.{name}"), name)


def check(name: str, **arguments: object) -> None:
    """Refuses arguments that make no such task (UserError), without loading its page and what that needs: as far as
    tasks.arguments has a function of its name."""
    refuse = getattr(importlib.import_module("tasks.arguments"), name, None)
    if refuse:
        refuse(**arguments)


def parameters(task: Callable[..., Task]) -> dict[str, object]:
    """The arguments of a page with their defaults."""
    return {name: parameter.default for name, parameter in inspect.signature(task).parameters.items()}


def at_least(least: int, **values: int) -> None:
    """Refuses whole numbers below `least`, by name, in one sentence (UserError)."""
    for name, value in values.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise UserError(f"task.{name} is {value!r}, but must be a whole number of at least {least}.")


def one_of(*allowed: str, **values: str) -> None:
    """Refuses words that are not allowed, by name, in one sentence (UserError)."""
    for name, value in values.items():
        if value not in allowed:
            hint = did_you_mean(str(value), allowed)
            raise UserError(f"task.{name} is {value!r}, but must be one of: {', '.join(allowed)}{hint}")


__getattr__ = renamed.answering(__name__, TaskError=("steeplechase.UserError", UserError))
