"""What stands for the gradient of a network that has none: that of its loss averaged over noise, or over all inputs.

Its loss is constant in all that feeds a hard function, but where it jumps. Its mean over noise has a gradient, and so
has its mean over inputs, where that is known in closed form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from estimators.laws import BERNOULLI
from runners.configuration.schema import NOISE, POPULATION, SMOOTHED
from runners.training.hard_sites import Hard
from steeplechase.errors import Unsupported
from steeplechase.random import Chance
from tasks.base import Task


@dataclass(frozen=True)
class Average:
    """Over what a loss is averaged.

    Attributes:
        over: `smoothed`: normal noise around the parameters; `noise`: logistic noise at every hard site, by which a
            network of two values is one of Bernoulli units; `population`: all inputs.
        spread: of the noise: its standard deviation in root mean squares of each parameter, or its scale in spreads of
            what arrives at the site (Task.spreads).
    """

    over: str
    spread: float = 0.0

    @property
    def exact(self) -> bool:
        """Whether one call knows it."""
        return self.over == POPULATION

    def require(self, task: Task, hard: Hard) -> None:
        """Refuses networks whose loss it does not average.

        Args:
            task: whose loss it is.
            hard: what stands at its sites.

        Raises:
            Unsupported: with the reason.
        """
        if drawn := [function.name for function in hard.functions if function.law]:
            raise Unsupported(
                f"fidelity.truth is {self.over}, but {drawn[0]} is drawn and has a gradient of its own: take "
                "fidelity.truth=enumeration or leave_one_out."
            )
        if self.over == POPULATION and task.population is None:
            raise Unsupported(f"the loss of {task.name} over all inputs is not known in closed form (Task.population).")
        if self.over != NOISE:
            return
        for function in hard.functions:
            if not function.exact and len(function.outputs) != 2:
                raise Unsupported(
                    f"noise makes Bernoulli units of hard values that are two, and {function.name} has "
                    f"{len(function.outputs)}: take fidelity.truth=smoothed."
                )
        if task.through_time or task.step_sizes or not task.spreads:
            raise Unsupported(
                f"noise at the hard sites of {task.name} has no measure (Task.spreads): take fidelity.truth=smoothed."
            )

    def gradient(
        self, task: Task, hard: Hard, parameters: Mapping, batch: tuple, stream: Chance, problem: Mapping
    ) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        """An estimate of the gradient whose mean it is.

        Args:
            task: whose loss it is.
            hard: what stands at its sites.
            parameters: in the task's own shapes, by name.
            batch: a slice of each array in the task's examples.
            stream: what the loss and the noise draw from.
            problem: the replica's own.

        Returns:
            (gradient by name, the loss, averaged as far as the estimate has).
        """
        return _ESTIMATES[self.over](task, hard, parameters, batch, stream, problem, self.spread)


def _population(task, hard, parameters, batch, stream, problem, spread):
    assert task.population is not None  # require has seen it
    with tf.GradientTape() as tape:
        tape.watch(parameters)
        loss = task.population(parameters, problem)
    return tape.gradient(loss, parameters, unconnected_gradients=tf.UnconnectedGradients.ZERO), loss


def _smoothed(task, hard, parameters, batch, stream, problem, spread):
    """Half the difference of the loss between two mirrored points around the parameters, along the line between."""
    values = hard.values(task)
    sizes = {name: tf.sqrt(tf.reduce_mean(tf.square(p))) for name, p in parameters.items()}
    sizes = {name: tf.where(size > 0, size, tf.ones_like(size)) for name, size in sizes.items()}
    noise = {n: tf.cast(stream.of("smoothing", n).normal(p.shape), p.dtype) for n, p in parameters.items()}
    losses = []
    for side in (1.0, -1.0):
        moved = {n: p + side * spread * sizes[n] * noise[n] for n, p in parameters.items()}
        losses.append(task.loss(moved, batch, values, stream, problem)[0])
    slope = (losses[0] - losses[1]) / (2 * spread)
    return {name: slope * noise[name] / sizes[name] for name in parameters}, (losses[0] + losses[1]) / 2


def _noise(task, hard, parameters, batch, stream, problem, spread):
    """REINFORCE by two draws of all hard values, each with the loss of the other one as its baseline.

    What does not pass a hard value is differentiated as it stands. Where losses are those of examples, so is the
    baseline.

    Returns:
        As Average.gradient.
    """
    own = stream.in_loops()

    def drawn(number):
        """(losses, the logarithms of how likely the hard values were: of each loss its own, and of all together)."""
        of_each: list[tf.Tensor] = []
        of_all: list[tf.Tensor] = []

        def bits(x, *, at, **_):
            function = hard.function_at(at)
            if function.exact:
                return function.value(x)
            logits = function.from_jump(x) / (spread * task.spreads[at])
            noise = BERNOULLI.noise(own.of("noise", at).at(number), x.shape, x.dtype)
            bit = tf.stop_gradient(BERNOULLI.decide(logits + noise))
            log = tf.math.log_sigmoid((2 * bit - 1) * logits)
            (of_all if at.endswith("/weights") else of_each).append(log)
            lower, upper = function.outputs
            return lower + (upper - lower) * bit

        if task.losses is None:
            losses = task.loss(parameters, batch, bits, stream, problem)[0][None]
            of_all, of_each = [*of_all, *of_each], []
        else:
            losses = task.losses(parameters, batch, bits, stream, problem)[0]
        each: Any = sum(tf.reduce_sum(log, [*range(losses.shape.rank, log.shape.rank)]) for log in of_each)
        return losses, each, sum(tf.reduce_sum(log) for log in of_all)

    with tf.GradientTape() as tape:
        tape.watch(parameters)
        both = [drawn(number) for number in range(2)]
        total: Any = 0.0
        for (losses, each, together), (others, *_) in zip(both, reversed(both), strict=True):
            above = tf.stop_gradient(losses - others)
            total += tf.reduce_mean(losses + above * each) / 2 + tf.reduce_mean(above) * together / 2
    by_name = tape.gradient(total, parameters, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return by_name, sum(tf.reduce_mean(losses) for losses, *_ in both) / 2


_ESTIMATES: Mapping[str, Callable] = {SMOOTHED: _smoothed, NOISE: _noise, POPULATION: _population}
