"""The contract of tasks: what every task promises, and how it is held against the task.

A promise is a function of a Trial that raises ContractError with one sentence. No task is named here: the tests hold
those of the house to all of this, and a command those in files of their own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf

from steeplechase.contract import Check, ContractError, first_sentence
from steeplechase.errors import UserError, first_line
from steeplechase.random import Chance, key
from tasks.base import TRAIN, Task

SITES = ("/weights", "/activations")  # what the name of a site ends with
INSTEAD = "draw from `chance` alone, as chance.of('noise').normal([3])"
STANDARD = ("train_loss",)  # a measure that is there without being measured


@dataclass(frozen=True)
class Judged:
    """The hard values without slopes, as `judge` and `each_update` are given them.

    Attributes:
        value: as of Trial.
    """

    value: Callable[[tf.Tensor, str], tf.Tensor]

    def __call__(self, x: tf.Tensor, *, at: str, step_size: tf.Tensor | None = None) -> tf.Tensor:
        """The hard values at a site.

        Args:
            x: any tensor.
            at: the site.
            step_size: of a quantizer whose step is learned.

        Returns:
            The shape and dtype of x.
        """
        y = self.value(x, at) if step_size is None else step_size * self.value(x / step_size, at)
        return tf.stop_gradient(y)

    def step(self, _x: tf.Tensor, _at: str, step_size: tf.Tensor | None) -> tf.Tensor | None:
        """The step at a site: that which is learned."""
        return step_size


@dataclass(frozen=True)
class Trial:
    """A task with what its functions are given while it is held to the contract.

    Attributes:
        task: that is held to it.
        value: value(x, at) is the hard function of a site, which lets no gradient pass.
        bounds: of what may be measured without being declared, by name: the smallest and the largest value.
        dtype: of the task's tensors.
    """

    task: Task
    value: Callable[[tf.Tensor, str], tf.Tensor]
    bounds: Mapping[str, tuple[float, float]]
    dtype: str = "float32"

    def problem(self, draw: int = 0) -> dict[str, tf.Tensor]:
        """A replica's own draw of the problem."""
        task = self.task
        return dict(task.problem(Chance(key(draw)).of("problem"), tf.constant(draw))) if task.problem else {}

    def start(self, seed: int = 0) -> dict[str, tf.Tensor]:
        """The parameters of a replica before its first step, with the problem of its number."""
        return dict(self.task.start(Chance(key(seed)).of("start"), self.problem(seed)))

    def batch(self) -> tuple[tf.Tensor, ...]:
        """Examples that a replica trains on, of the type of the task's tensors."""
        places = self.problem().get(TRAIN, tf.range(self.task.batch))[: self.task.batch]
        arrays = [tf.gather(tf.constant(array), places) for array in self.task.examples]
        return tuple(tf.cast(array, self.dtype) if array.dtype.is_floating else array for array in arrays)

    def hard(self, x: tf.Tensor, *, at: str, step_size: tf.Tensor | None = None) -> tf.Tensor:
        """The hard operation that passes every gradient on as it is.

        Args:
            x: any tensor.
            at: the site.
            step_size: of a quantizer whose step is learned.

        Returns:
            The hard values.
        """
        judged, passed = self.judged(x, at=at, step_size=step_size), x
        if step_size is not None:
            passed += tf.stop_gradient(judged / step_size) * step_size
        return passed + tf.stop_gradient(judged - passed)

    @property
    def judged(self) -> Judged:
        """The hard operation that passes no gradient."""
        return Judged(self.value)

    def loss(self, parameters: Mapping[str, tf.Tensor], hard: Callable | None = None) -> tuple[tf.Tensor, dict]:
        """The loss at the first batch.

        Args:
            parameters: of a replica.
            hard: the hard operation; None: that of `hard`.

        Returns:
            (the loss, the measures beside it).
        """
        loss, measures = self.task.loss(
            parameters, self.batch(), hard or self.hard, Chance(key(0)).of("loss"), self.problem()
        )
        return loss, dict(measures)

    def judge(self) -> dict[str, tf.Tensor]:
        """What the start is judged to be."""
        return dict(self.task.judge(self.start(), self.judged, self.problem()))

    def each_update(self) -> dict[str, tf.Tensor]:
        """What is measured of an update from one start to another; empty where nothing is."""
        if self.task.each_update is None:
            return {}
        starts = self.start(0), self.start(1)
        return dict(self.task.each_update(*starts, self.judged, self.problem()))


def check_all(trial: Trial, checks: Sequence[Callable[[Trial], None]] = ()) -> Iterator[Check]:
    """Each promise in words, and how the task breaks it.

    Args:
        trial: of the task.
        checks: functions of a Trial that raise ContractError; none: CHECKS.

    Yields:
        Each promise, with its fault, "" where it is kept. A fault is told once.
    """
    told: set[str] = set()
    for promise in checks or CHECKS:
        fault = ""
        try:
            promise(trial)
        except (ContractError, UserError) as broken:
            fault = str(broken)
        except (Exception, SystemExit) as error:  # a file can fail in any way: that, too, is a promise that is not kept
            fault = f"{type(error).__name__}: {first_line(error)}"
            if "Random ops require a seed" in fault:  # what TensorFlow says where it shall be deterministic
                fault = f"{trial.task.name} draws from TensorFlow's own generator: {INSTEAD}."
        if not fault or fault not in told:
            yield Check(first_sentence(promise), fault, promise in FORM)
        told.add(fault)


def starts_as_declared(trial: Trial) -> None:
    """It starts with the parameters that it declares, in their shapes, finite and of the run's precision.

    Raises:
        ContractError: with the first parameter that is another.
    """
    task, start = trial.task, trial.start()
    if set(start) != set(task.sizes):
        raise ContractError(f"{task.name} starts with {_listed(start)}, but `sizes` has {_listed(task.sizes)}.")
    for name, tensor in start.items():
        if tuple(tensor.shape) != tuple(task.sizes[name]):
            raise ContractError(
                f"{task.name}: {name} starts in the shape {tuple(tensor.shape)}, but `sizes` has "
                f"{tuple(task.sizes[name])}."
            )
        if tensor.dtype.name != trial.dtype:
            raise ContractError(f"{task.name}: {name} is {tensor.dtype.name}, but dtype is {trial.dtype}.")
        _refuse_infinite(task, name, tensor)
    for field, named in (
        ("weights", task.weights),
        ("bounds", task.bounds),
        ("step_sizes", task.step_sizes.values()),
    ):
        unknown = [name for name in named if name not in task.sizes]
        if unknown:
            raise ContractError(f"{task.name}: `{field}` has {_listed(unknown)}, which is no parameter.")


def loss_is_a_number(trial: Trial) -> None:
    """Its loss is one finite number of the run's precision, and depends on every parameter.

    Raises:
        ContractError: where it is none, or a parameter does not matter.
    """
    task, start = trial.task, trial.start()
    with tf.GradientTape() as tape:
        tape.watch(start)
        loss, _ = trial.loss(start)
    _refuse_no_number(task, "loss", loss)
    if loss.dtype.name != trial.dtype:
        raise ContractError(f"{task.name}: the loss is {loss.dtype.name}, but dtype is {trial.dtype}.")
    for name, gradient in tape.gradient(loss, start).items():
        if gradient is None:
            raise ContractError(f"{task.name}: the loss does not depend on {name}, so that nothing can train it.")
        _refuse_infinite(task, f"the gradient by {name}", gradient)


def measures_are_declared(trial: Trial) -> None:
    """What it measures is declared, a finite number each, and within its bounds.

    Raises:
        ContractError: with the first measure that is not.
    """
    task = trial.task
    known = {**trial.bounds, **{name: measure.bounds for name, measure in task.measures.items()}}
    for name, number in {**trial.judge(), **trial.loss(trial.start())[1], **trial.each_update()}.items():
        if name not in known:
            raise ContractError(f"{task.name} measures {name}, which is not in `measures`: declare it as a Measure.")
        _refuse_no_number(task, name, number)
        low, high = known[name]
        if not low <= float(number) <= high:
            raise ContractError(
                f"{task.name}: {name} is {float(number):g} at the start, outside of {low:g} to {high:g}."
            )


def chooses_by_what_it_measures(trial: Trial) -> None:
    """What settings are chosen by, what is reported and what counts as arrived are measured.

    Raises:
        ContractError: with the first that is not.
    """
    task, judged, followed = trial.task, trial.judge(), trial.each_update()
    for field, name in (("selects", task.selects), ("reports", task.reports), ("target", task.target[0])):
        if name not in (*judged, *followed, *STANDARD):
            raise ContractError(
                f"{task.name}: `{field}` is {name}, which `judge` does not measure: it has {_listed(judged)}."
            )


def sites_are_named(trial: Trial) -> None:
    """Each hard site has a name of its own, which ends with /weights or /activations.

    Raises:
        ContractError: for a site without such a name, for two of one name, and for `spreads` of what is no site.
    """
    task, seen, stepped = trial.task, [], []

    def watch(x: tf.Tensor, *, at: str, step_size: tf.Tensor | None = None) -> tf.Tensor:
        seen.append(at)
        stepped.extend([at] if step_size is not None else [])
        return trial.judged(x, at=at, step_size=step_size)

    trial.loss(trial.start(), watch)
    if not seen:
        raise ContractError(f"{task.name} calls `hard` nowhere: there is nothing for an estimator to do.")
    for at in seen:
        if not at.endswith(SITES):
            raise ContractError(f"{task.name} has a site '{at}', but names end with {' or '.join(SITES)}.")
        if seen.count(at) > 1:
            raise ContractError(f"{task.name} calls `hard` twice at '{at}': give each site a name of its own.")
        if (at in stepped) != (at in task.step_sizes):
            lacks = "`step_sizes` does not have" if at in stepped else "`hard` is not given a step_size at"
            raise ContractError(f"{task.name}: {lacks} {at}: say both, or neither.")
    if unknown := [at for at in task.step_sizes if at not in seen]:
        raise ContractError(f"{task.name}: `step_sizes` has {unknown[0]}, which is no site: there are {_listed(seen)}.")
    for at, spread in task.spreads.items():
        if at not in seen:
            raise ContractError(f"{task.name}: `spreads` has {at}, which is no site: there are {_listed(seen)}.")
        if at in task.step_sizes:
            raise ContractError(f"{task.name}: `spreads` has {at}, whose step is learned: it is in units of that.")
        if not 0 < spread < math.inf:
            raise ContractError(f"{task.name}: `spreads` says {spread} of {at}, but must be a finite number above 0.")


def weights_are_hard(trial: Trial) -> None:
    """A latent weight reaches the loss through the hard function alone.

    Raises:
        ContractError: with a weight that has another way.
    """
    task, start = trial.task, trial.start()
    with tf.GradientTape() as tape:
        tape.watch(start)
        loss, _ = trial.loss(start, trial.judged)
    gradients = tape.gradient(loss, start)
    for name in task.weights:
        if gradients[name] is not None and np.any(gradients[name]):
            raise ContractError(
                f"{task.name}: {name} is in `weights`, but reaches the loss beside its hard function as well."
            )


def chance_is_an_argument(trial: Trial) -> None:
    """The same chance gives the same numbers: nothing is drawn but from what it is given.

    Raises:
        ContractError: with what differs the second time.
    """
    task = trial.task
    twice: dict[str, Callable[[], Any]] = {
        "problem": trial.problem,
        "start": trial.start,
        "loss": lambda: trial.loss(trial.start()),
        "judge": trial.judge,
        "each_update": trial.each_update,
    }
    for name, function in twice.items():
        one, other = (tf.nest.flatten(function()) for _ in range(2))
        if len(one) != len(other) or not all(
            np.array_equal(a, b, equal_nan=True) for a, b in zip(one, other, strict=True)
        ):
            raise ContractError(f"{task.name}: `{name}` gives other numbers the second time: {INSTEAD}.")


def same_by_device(trial: Trial) -> None:
    """In its form for each device its loss, the gradients of that and its judgement are the same numbers.

    Raises:
        ContractError: with the first that is another.
    """
    task = trial.task

    def numbers(form: Task) -> dict[str, np.ndarray]:
        own, start = replace(trial, task=form), trial.start()
        with tf.GradientTape() as tape:
            tape.watch(start)
            loss, measures = own.loss(start)
        gradients = tape.gradient(loss, start, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        found = {f"the gradient by {name}": gradient for name, gradient in gradients.items()}
        return {name: tensor.numpy() for name, tensor in {**found, "loss": loss, **measures, **own.judge()}.items()}

    known = numbers(task) if task.by_device else {}
    for device, fields in task.by_device.items():
        for name, number in numbers(replace(task, **fields)).items():
            if not np.allclose(number, known[name], rtol=1e-3, atol=1e-5, equal_nan=True):
                raise ContractError(f"{task.name}: {name} is another number in the form for device={device}.")


def examples_fit(trial: Trial) -> None:
    """Its examples have one number, of which a batch is a part, and its costs are known.

    Raises:
        ContractError: with what does not fit.
    """
    task, counts = trial.task, [len(array) for array in trial.task.examples]
    if len({*counts}) > 1:
        raise ContractError(
            f"{task.name}: the arrays of `examples` have {_listed(counts)} rows: they must have as many."
        )
    if task.examples and not 1 <= task.batch <= task.training_examples:
        raise ContractError(f"{task.name}: a batch has {task.batch} of {task.training_examples} training examples.")
    training = trial.problem().get(TRAIN) if task.examples else None
    if training is not None and task.training != len(training):
        raise ContractError(
            f"{task.name}: a replica trains on {len(training)} examples, but `training` is {task.training}."
        )
    if not 0 < task.flops < math.inf:
        raise ContractError(
            f"{task.name}: `flops` is {task.flops}: count the operations of one step, forward and back."
        )


def can_be_read(trial: Trial) -> None:
    """Its label can be printed, and what settings are chosen by is not what is reported.

    Raises:
        ContractError: with what is lacking.
    """
    task = trial.task
    if not task.label.strip() or "$" in task.label or not task.label.isprintable():
        raise ContractError(f"{task.name}'s label {task.label!r} cannot be printed as it is in figures.")
    if task.selects == task.reports:
        raise ContractError(
            f"{task.name} reports {task.reports}, by which settings are chosen: hold something out, if you can."
        )


def _refuse_no_number(task: Task, name: str, number: Any) -> None:
    if not tf.is_tensor(number) or number.shape != ():
        shape = tuple(number.shape) if tf.is_tensor(number) else type(number).__name__
        raise ContractError(f"{task.name}: {name} is no scalar tensor, but {shape}.")
    _refuse_infinite(task, name, number)


def _refuse_infinite(task: Task, name: str, tensor: tf.Tensor) -> None:
    if not np.isfinite(tf.cast(tf.convert_to_tensor(tensor), tf.float64)).all():
        raise ContractError(f"{task.name}: {name} is not finite at the start.")


def _listed(names: Any) -> str:
    return ", ".join(map(str, names)) or "nothing"


CHECKS: tuple[Callable[[Trial], None], ...] = (
    starts_as_declared,
    loss_is_a_number,
    measures_are_declared,
    chooses_by_what_it_measures,
    sites_are_named,
    weights_are_hard,
    chance_is_an_argument,
    same_by_device,
    examples_fit,
    can_be_read,
)
FORM = (can_be_read,)
