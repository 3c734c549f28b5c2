"""How the step of a quantizer is learned: where it starts, how long it is, and which gradient it gets."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from estimators.parameters import as_constant
from steeplechase.errors import UserError

if TYPE_CHECKING:
    from estimators.function import HardFunction

SHORTEST = 1e-5  # a step of no length has no levels, and a negative one turns them around


def by_mean(x: tf.Tensor, axes: list[int], function: HardFunction, **_) -> tf.Tensor:
    """Twice the mean |x| over the root of the largest level: where LSQ starts a step.

    Args:
        x: what arrives.
        axes: over which the mean is.
        function: the hard function.

    Returns:
        The shape of x without these axes.
    """
    return 2 * tf.reduce_mean(tf.abs(x), axes) / math.sqrt(function.top)


def of_the_quotient(v: tf.Tensor, q: tf.Tensor, m: tf.Tensor, function: HardFunction) -> tf.Tensor:
    """Q(v) − v·m: the derivative of s·Q(x/s) by s where the slope m stands for Q′. With m = 1 inside of the range and 0
    outside that is LSQ's.

    Args:
        v: x/s.
        q: Q(v).
        m: the slope at v.
        function: the hard function.

    Returns:
        The shape of v.
    """
    return q - v * m


@dataclass(frozen=True)
class StepSize:
    """A rule for the step s of a quantizer s·Q(x/s), Q being a hard function in units of a step. What is trained, θ,
    may be another number than the step that follows from it.

    Attributes:
        start: start(x, axes, function): θ for the x that first arrives, reduced over these axes. Like `factor` and
            `decay` it takes the page's parameters by keyword, too. By default where LSQ starts.
        slope: slope(v, q, m, function): the derivative of s·Q(x/s) by s that is used, at v = x/s, with q = Q(v) and the
            surrogate's slope m there. By default the quotient's.
        size: size(θ, function): the step, differentiable by θ.
        factor: factor(count, function): what the gradient by θ is multiplied by, where so many elements
            share a step.
        decay: decay(): so many times θ is added to its gradient, as L2 regularization does.
        bounds: the interval that θ is kept in after each update.
        of_input: of_input(x, axes, function): the step where it is not trained but follows from what arrives, anew each
            time, reduced over these axes; no gradient passes it, and θ stays as it is. None: it follows from θ.
    """

    start: Callable = by_mean
    slope: Callable = of_the_quotient
    size: Callable = lambda trained, function: trained
    factor: Callable = lambda count, function, **_: 1.0
    decay: Callable = lambda **_: 0.0
    bounds: tuple[float, float] = (SHORTEST, math.inf)
    of_input: Callable | None = None

    def __repr__(self) -> str:
        return "StepSize(...)"  # a default in signatures, where functions would say nothing

    def begin(self, x: tf.Tensor, shape: tuple[int, ...], function: HardFunction, **parameters) -> tf.Tensor:
        """θ before training, for what first arrives.

        Args:
            x: any shape, whose last axes are `shape`.
            shape: of θ: () for one step, (n,) for one at each of the last axis' n places.
            function: the hard function.
            **parameters: the page's.

        Returns:
            A tensor of this shape and of the dtype of x, within `bounds`.
        """
        axes = list(range(x.shape.rank - len(shape)))
        if self.of_input is None:
            begun = self.start(x, axes, function, **parameters)
        else:
            begun = self.of_input(x, axes, function)
        return tf.clip_by_value(begun, *self.bounds)

    def value(self, x: tf.Tensor, trained: tf.Tensor, function: HardFunction, apart: int = 0) -> tf.Tensor:
        """The step at x, as it is judged.

        Args:
            x: any shape.
            trained: θ.
            function: the hard function.
            apart: how many first axes of x and θ are of replicas, which share no step.

        Returns:
            In the dtype of x, of a shape that goes with it.
        """
        own = trained.shape[apart:]
        between = [1] * (x.shape.rank - apart - len(own))
        if self.of_input is None:
            step = self.size(trained, function)
        else:
            axes = list(range(apart, x.shape.rank - len(own)))
            step = tf.stop_gradient(tf.maximum(self.of_input(x, axes, function), SHORTEST))
        return tf.reshape(step, [*trained.shape[:apart], *between, *own])

    def step(self, x: tf.Tensor, trained: tf.Tensor, function: HardFunction, **parameters) -> tf.Tensor:
        """The step at x, to which a gradient passes with the rule's factor and decay.

        Args:
            x: what is rounded.
            trained: θ.
            function: the hard function.
            **parameters: the page's.

        Returns:
            In the dtype of x, of a shape that goes with it.

        Raises:
            UserError: for a θ that is known and out of bounds.
        """
        low, high = self.bounds
        known = np.asarray(trained.numpy() if hasattr(trained, "numpy") else low)
        if not ((low <= known) & (known <= high)).all():
            raise UserError(f"step_size is {known.min():g}, but must be at least {low:g}.")
        count = (x.shape.num_elements() or tf.size(x)) / (trained.shape.num_elements() or tf.size(trained))
        factor, decay = (
            as_constant(number, trained.dtype)
            for number in (self.factor(count, function, **parameters), self.decay(**parameters))
        )

        @tf.custom_gradient
        def passed_on(theta):
            return tf.identity(theta), lambda upstream: factor * upstream + decay * theta

        return self.value(x, passed_on(trained), function)


def of_the_ends(v: tf.Tensor, q: tf.Tensor, m: tf.Tensor, function: HardFunction) -> tf.Tensor:
    """Q(v) from the last levels on and 0 between them: only what is cut off moves the range, as in PACT.

    Args:
        v: x/s.
        q: Q(v).
        m: the slope at v.
        function: the hard function.

    Returns:
        The shape of v.
    """
    low, high = function.outputs[0], function.outputs[-1]
    return tf.where((v >= high) | (v <= low), q, tf.zeros_like(q))


# Esser et al. 2020, arXiv:1902.08153, as lsq-net and MQBench have it.
LSQ = StepSize(factor=lambda count, function, **_: 1 / (count * function.top) ** 0.5)
