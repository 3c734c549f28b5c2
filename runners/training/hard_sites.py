"""Hard sites: which hard function stands where, and which estimator goes with it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from estimators.expectation import Expectation
from estimators.function import HardFunction, functions
from estimators.parameters import as_constant
from estimators.sampled import Sampled
from estimators.step_size import LSQ, StepSize
from estimators.surrogate import Surrogate
from steeplechase import schedules
from steeplechase.errors import UserError
from steeplechase.random import Chance
from tasks.base import Task

Estimator = Surrogate | Sampled | Expectation


@dataclass(frozen=True)
class HardValues:
    """The hard values at all sites, without slopes: what is judged.

    Attributes:
        function: the hard function of all sites but weights.
        function_weights: that of hard weights.
        steps: how the steps of quantizers are learned at all sites but weights, and at hard weights; None: none is.
    """

    function: HardFunction
    function_weights: HardFunction
    steps: tuple[StepSize, StepSize] | None = None

    def __call__(self, x: tf.Tensor, *, at: str, step_size: tf.Tensor | None = None) -> tf.Tensor:
        """`hard(x, at=site)`, which lets no gradient pass.

        Args:
            x: any shape.
            at: the site.
            step_size: what is trained of its step, where that is learned.

        Returns:
            The shape and dtype of x.
        """
        function = function_at(at, self.function, self.function_weights)
        step = self.step(x, at, step_size)
        return function.value(x) if step is None else step * function.value(x / step)

    def step(self, x: tf.Tensor, at: str, step_size: tf.Tensor | None, apart: int = 0) -> tf.Tensor | None:
        """The step at a site; None where it is 1: none is learned there, or the function is real.

        Args:
            x: what is rounded.
            at: the site.
            step_size: what is trained of its step.
            apart: how many first axes of both are of replicas.

        Returns:
            A shape that goes with that of x.
        """
        function = function_at(at, self.function, self.function_weights)
        if step_size is None or self.steps is None or function.exact:
            return None
        return self.steps[at.endswith("/weights")].value(x, step_size, function, apart)


@dataclass(frozen=True)
class Hard:
    """Which hard function stands at a site, and which estimator goes with it: the forward and the backward choice.

    Attributes:
        activations: the estimator of all sites but weights; an expectation estimator acts through
            runners.training.asking.
        weights: that of hard weights, a surrogate or a sampled one. None: no latent weights (Bop), the gradient passes
            to the hard weight itself.
        function: the hard function of all sites but weights, with its parameters fixed.
        function_weights: that of hard weights. None: the same.
    """

    activations: Estimator
    weights: Estimator | None
    function: HardFunction = functions["sign"]
    function_weights: HardFunction | None = None

    def at(self, site: str) -> Estimator | None:
        """The estimator of a site, by the word after its last slash."""
        return self.weights if site.endswith("/weights") else self.activations

    def function_at(self, site: str) -> HardFunction:
        """The hard function of a site, by the word after its last slash."""
        return function_at(site, *self.functions)

    def rule_at(self, site: str) -> StepSize:
        """How the step of a quantizer is learned at a site, where it is."""
        page = self.at(site)
        return page.step_size if isinstance(page, Surrogate) else LSQ

    @property
    def functions(self) -> tuple[HardFunction, HardFunction]:
        """The hard function of all sites but weights, and that of hard weights."""
        return self.function, self.function_weights or self.function

    def values(self, task: Task) -> HardValues:
        """The hard values, which are the same for all surrogates where no step is learned.

        Args:
            task: which may learn steps (Task.step_sizes).

        Returns:
            Equal ones for what has equal values.
        """
        rules = self.rule_at("/activations"), self.rule_at("/weights")
        return HardValues(*self.functions, rules if task.step_sizes else None)

    def bounds(self, task: Task) -> dict[str, tuple[float, float]]:
        """What parameters are kept in after each update: the task's intervals, and those of steps that are learned.

        Args:
            task: whose parameters they are.

        Returns:
            The two ends, by parameter.
        """
        own = {name: self.rule_at(site).bounds for site, name in task.step_sizes.items()}
        return {**task.bounds, **own}

    def fitted(self, task: Task, parameters: Mapping, batch: tuple, numbers: Mapping, stream: Chance, problem: Mapping):
        """The parameters of one replica with steps that fit what arrives at their sites, one site after another.

        Args:
            task: whose loss it is, and which learns steps.
            parameters: at the start, in the task's own shapes, by name.
            batch: a slice of each array in the task's examples.
            numbers: as in `operation`.
            stream: what the loss draws from.
            problem: the replica's own.

        Returns:
            By name, as `parameters`.
        """
        start, values = dict(parameters), self.values(task)

        def fitting(x, *, at, step_size=None):
            function, page = self.function_at(at), self.at(at)
            if step_size is not None and isinstance(page, Surrogate) and not function.exact:
                own = {**page.parameters, **numbers["weights" if at.endswith("/weights") else "activations"]}
                own = {name: as_constant(number, x.dtype) for name, number in own.items()}
                step_size = page.step_size.begin(x, tuple(step_size.shape), function, **own)
                start[task.step_sizes[at]] = step_size
            return values(x, at=at, step_size=step_size)

        task.loss(start, batch, fitting, stream, problem)
        return start

    def bound(self, sites: Collection[str]) -> str:
        """Of what training through slopes can reach, this may be a bound.

        Args:
            sites: those of the task (Task.spreads); none: it has activations and weights.

        Returns:
            "upper" where a real function stands in the place of a hard one; "lower" where no gradient passes the
            activations, so that hidden layers stay as they start, or of a task with hard weights alone where they stay;
            else "".
        """
        if self.function.exact or self.function_at("/weights").exact:
            return "upper"
        decides = self.activations if not sites or _activations(sites) else self.weights
        return "lower" if is_control(decides) else ""

    def label(self, sites: Collection[str]) -> str:
        """How it is printed: as the surrogate of activations, or as the bound that it is.

        Args:
            sites: as in `bound`.

        Returns:
            A few words.
        """
        real = [bool(self.function_at(site).exact) for site in ("/weights", "/activations")]
        if all(real):
            return "Real weights and activations"
        if any(real):
            slope, what = (self.activations, "weights") if real[0] else (self.weights, "activations")
            return f"Real {what}" + (f" ({slope.label})" if slope else "")
        trains = self.weights is not None and not is_control(self.weights)
        if self.bound(sites) == "lower" and trains:
            return "Hidden layers as they start"
        return self.activations.label

    def stretches(
        self,
        width: float | Mapping[str, Any] | None,
        spreads: Mapping[str, float],
        activations: Mapping[str, float | Mapping],
        weights: Mapping[str, float | Mapping],
    ) -> dict[str, float | dict[str, Any]]:
        """How many times as wide the slope of each site is made, so that its half-width is `width` times the spread of
        what arrives there.

        Args:
            width: a number or a schedule above 0; None: each slope stays as it is.
            spreads: of Task.spreads.
            activations: the parameters of the surrogate of activations. Of one that is scheduled counts what it is when
                half of the training is done, so that the slope keeps its schedule, but for one factor.
            weights: those of the surrogate of hard weights.

        Returns:
            By site, numbers or schedules. A slope without a half-width (Surrogate.has_width) stays as it is, and so
            does one that is the derivative of a real function.

        Raises:
            UserError: for parameters at which the slope has no half-width, and without spreads.
        """
        if width is None:
            return {}
        if not spreads:
            raise UserError(
                f"width is {width}, but this task does not say how far what arrives at its hard sites spreads "
                "(Task.spreads): leave width out."
            )
        stretch = {}
        for site, spread in spreads.items():
            surrogate, parameters = self.at(site), weights if site.endswith("/weights") else activations
            if isinstance(surrogate, Surrogate) and surrogate.has_width and not self.function_at(site).exact:
                reach = surrogate.half_width(**{name: schedules.halfway(each) for name, each in parameters.items()})
                stretch[site] = schedules.scaled(width, spread / reach)
        return stretch

    def operation(self, numbers: Mapping, stream: Chance, watch: Callable | None = None) -> Callable:
        """`hard(x, at=site)` with these numbers; with `step_size` that of a quantizer whose step is learned.

        Args:
            numbers: {"activations": {...}, "weights": {...}} the parameters of the estimators; "normalize" how their
                slopes are scaled, a name or its index as a tensor (Surrogate.gain); and "stretch", by site how many
                times as wide they are made, where they are.
            stream: what values that are drawn and slopes that are random draw from, at each site apart.
            watch: `watch(site, x, slope)` is called at each site where a slope stands, while the forward pass is
                traced; None: nothing is.

        Returns:
            The operation. It has the shape and dtype of x, and raises UserError at a site that is left out of those
            that are stretched.
        """
        stretch = numbers.get("stretch") or {}
        if any(function.law for function in self.functions):
            stream = stream.in_loops()

        def hard(x, *, at: str, step_size=None):
            page = self.at(at)
            if page is None:
                return x  # ±1 already: the weight itself is what is used
            own = dict(numbers["weights" if at.endswith("/weights") else "activations"])
            own["forward"] = function = self.function_at(at)
            if function.law:
                own["noise"] = function.law.noise(stream.of("noise", at), x.shape, x.dtype)
            if isinstance(page, Sampled):
                return page.hard(x, chance=stream.of("estimate", at), **own)
            assert isinstance(page, Surrogate), "an expectation estimator is no operation"
            if not function.exact and not function.mixes:  # whose derivatives are what they are
                own["normalize"] = numbers["normalize"]
            if stretch and page.has_width and not function.exact:
                if at not in stretch:
                    raise UserError(
                        f"width is given, but this task does not say how far what arrives at {at} spreads "
                        "(Task.spreads)."
                    )
                own["stretch"] = stretch[at]
            if page.random:
                own["chance"] = stream.of("slope", at)
            if step_size is not None and not function.exact:
                own["step_size"] = step_size
            if watch and not function.mixes:  # which has no slope
                watch(at, x, page.slope(x, **{name: number for name, number in own.items() if name != "noise"}))
            return page.hard(x, **own)

        return hard


def is_control(estimator: Estimator | None) -> bool:
    """Whether nothing comes down an estimator, at its default parameters."""
    return isinstance(estimator, Surrogate) and estimator.trait("peak") == 0


def function_at(site: str, function: HardFunction, function_weights: HardFunction) -> HardFunction:
    """The hard function of a site, by the word after its last slash.

    Args:
        site: its name.
        function: of all sites but weights.
        function_weights: of hard weights.

    Returns:
        One of the two.
    """
    return function_weights if site.endswith("/weights") else function


def _activations(sites: Collection[str]) -> bool:
    """Whether there are hard activations among these."""
    return any(site.endswith("/activations") for site in sites)
