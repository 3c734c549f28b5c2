"""What a task is, and how its page is loaded."""

from __future__ import annotations

import importlib
import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from steeplechase import renamed
from steeplechase.errors import UserError


@dataclass(frozen=True)
class Measure:
    """A quantity that a task reports. A replica that diverged counts as the bad end of its bounds.

    Attributes:
        label: how it is printed.
        unit: 1 for a pure number.
        better: "higher", "lower" or "" where neither is.
        bounds: the smallest and the largest value that it can have, in its unit: (0, 1) of a share.
    """

    label: str
    unit: str
    better: str
    bounds: tuple[float, float] = (-math.inf, math.inf)

    def described(self) -> dict[str, object]:
        """What an account of a record says of it.

        Returns:
            The fields, as JSON has them: an open end of the bounds is None.
        """
        return {**vars(self), "bounds": [end if math.isfinite(end) else None for end in self.bounds]}


@dataclass(frozen=True)
class Draw:
    """What a seed draws of the problem, beside the start and the batches: what a mean over seeds is a mean over.

    Attributes:
        of: "split", "subset" or "instance"; "" where the problem is the same for all.
        fixed: the split or the instance that all replicas share; None: each has that of its own draw.
        overlap: test examples for each training example, where replicas split the same examples again; 0 where their
            draws share nothing; None where the draws say nothing of new examples.
        shuffled: of subsets the number by which the examples were shuffled before they were parted; else None.
    """

    of: str = ""
    fixed: int | None = None
    overlap: float | None = None
    shuffled: int | None = None

    def described(self) -> dict[str, object]:
        """What an account of a record says of it: the fields."""
        return dict(vars(self))


TRAIN = "train"  # in a replica's problem: int32 [training], the places of the examples that it trains on


@dataclass(frozen=True, eq=False)
class Task:
    """What is descended, written for one replica: plain functions of tensors, no replica axis anywhere.

    A page takes its own arguments, with defaults, and `dtype`, the name of a floating type that its tensors have, which
    the runner gives by the key precision.

    Attributes:
        name: by which it is asked for: that of its page.
        label: how it is printed.
        start: start(chance, problem) -> parameters, a dict of tensors. `problem` is what `problem` made, else empty.
        loss: loss(parameters, batch, hard, chance, problem) -> (loss, measures): `batch` holds a slice of each array in
            `examples`; `hard(x, at=site)` is the hard operation. Sites are named `PLACE/weights` or
            `PLACE/activations`.
        judge: judge(parameters, hard, problem) -> measures over the held-out parts, with no gradient and no chance.
        measures: what `loss`, `judge` and `each_update` measure, by name, beside what every record knows
            (results/records/schema.py: validation_loss, validation_accuracy, test_loss, test_accuracy).
        selects: the measure by which settings are chosen: never the one that is reported, where there is a choice.
        reports: the measure that is reported.
        target: the measure and value that count as arrived.
        sizes: the shape of each parameter.
        flops: floating-point operations of one training step, forward and backward, counted as in the page.
        weights: the parameters that only enter through a hard function.
        examples: arrays with one leading axis, from which batches are drawn; () for a full objective.
        batch: how many examples a step takes.
        bounds: by parameter, the interval that its elements are kept in after each update.
        optimum: the smallest possible loss, where it is known.
        each_update: each_update(before, after, hard, problem) -> measures of one update, from the parameters before and
            after it, with no gradient and no chance. `hard.step(x, site, step_size)` is the step at a quantizer whose
            step is learned, None where there is none. A row has their means over all updates since the row before it;
            the first has none. None: nothing is measured at every update.
        mapped: whether its operations work on many replicas at once; else each block is one replica.
        xla: whether its programs are compiled by XLA; else they run as TensorFlow graphs, whose kernels for some
            operations are faster.
        by_device: by the name of a device, the fields that are others there: `mapped`, `xla`, or functions that give
            the same numbers by operations that are faster there.
        through_time: whether its hard activations act on themselves at later steps (tasks.spiking). Then they are 1
            from zero on, and what comes down has to be a multiple of what comes from above.
        forwards: the hard functions that it is written for, and the real ones that may take their place.
        checksum: of the data that it was made from, as tasks.data has it; "" where it has none.
        remarks: what may not be meant so in its data or arguments, a sentence each.
        problem: problem(chance, draw) -> a dict of tensors: the replica's own draw of the problem, made once before
            its start. `draw` is its number, an int32 scalar, and `chance` follows from that alone. Under TRAIN it may
            say which of the examples the replica trains on. None: the problem is the same for all.
        training: how many examples a replica trains on; None: all.
        draw: what of the problem a seed draws.
        can_fail: whether a training may miss the target for good, by its start or its draw. Then outcomes are a mixture
            of two kinds, and that two methods are equivalent is said only where failures are surely rare.
        losses: losses(parameters, batch, hard, chance, problem) -> (losses, measures): those of single examples, or of
            single draws where there are no examples, of which `loss` is the mean (tasks.drawn.mean_of). Estimators that
            ask the objective need them. None: the loss is of all examples together.
        population: population(parameters, problem) -> the mean loss over all inputs in closed form, with its gradient.
            None: it has none.
        for_levels: for_levels(levels) -> Task: the same task for hard weights of these values, where it needs to know
            which there are; it is asked for those of the hard function at weights. None: it does not.
        step_sizes: by site of a quantizer whose step is learned, the parameter that is trained for it, which `hard` is
            given: hard(x, at=site, step_size=parameters[...]). `start` may give it any value: the trainer fits it to
            what first arrives.
        spreads: by site, the standard deviation of what arrives at its hard function at the start, or how far what
            arrives rests from the jump, to which the key `width` is relative; without them that key is refused.
    """

    name: str
    label: str
    start: Callable
    loss: Callable
    judge: Callable
    measures: Mapping[str, Measure]
    selects: str
    reports: str
    target: tuple[str, float]
    sizes: Mapping[str, tuple[int, ...]]
    flops: float
    weights: tuple[str, ...] = ()
    examples: tuple = ()
    batch: int = 1
    bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    optimum: float | None = None
    each_update: Callable | None = None
    mapped: bool = True
    xla: bool = True
    by_device: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    through_time: bool = False
    forwards: tuple[str, ...] = ("sign", "step")
    checksum: str = ""
    remarks: tuple[str, ...] = ()
    problem: Callable | None = None
    training: int | None = None
    draw: Draw = Draw()
    can_fail: bool = True
    losses: Callable | None = None
    population: Callable | None = None
    for_levels: Callable[[tuple[float, ...]], Task] | None = None
    step_sizes: Mapping[str, str] = field(default_factory=dict)
    spreads: Mapping[str, float] = field(default_factory=dict)

    @property
    def training_examples(self) -> int:
        """How many examples a replica trains on; 0 where there are none."""
        return (self.training or len(self.examples[0])) if self.examples else 0


def load(name: str) -> Callable[..., Task]:
    """The page of a task: the function `tasks.NAME.NAME(**arguments) -> Task`."""
    return getattr(importlib.import_module(f"tasks.{name}"), name)


def check(name: str, **arguments: object) -> int | None:
    """Refuses arguments that make no such task, without loading its page and what that needs.

    Args:
        name: of a task. One that tasks.arguments has no function for is not looked at.
        **arguments: of its page, by name.

    Returns:
        How many draws of the problem there are, numbered from 0: 1 where all replicas have the same one, and None where
        there are as many as one likes, or nothing is known of it.

    Raises:
        UserError: with the first argument that cannot be.
    """
    module = importlib.import_module("tasks.arguments")
    refuse = vars(module).get(name)
    if refuse is None or getattr(refuse, "__module__", "") != module.__name__:  # nothing that it only imports
        return None
    return refuse(**arguments)


def parameters(task: Callable[..., Task]) -> dict[str, object]:
    """The arguments of a page with their defaults."""
    return {name: parameter.default for name, parameter in inspect.signature(task).parameters.items()}


__getattr__ = renamed.answering(__name__, TaskError=("steeplechase.UserError", UserError))
