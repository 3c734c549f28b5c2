"""What an estimator is, the book they are entered in, and the operation that a slope becomes."""

from __future__ import annotations

import difflib
import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import tensorflow as tf

FORWARDS = ("sign", "step")
NORMALIZATIONS = ("none", "peak", "area")
_JUMP = {"sign": 2.0, "step": 1.0}  # what the hard function rises by: the area of its derivative


class EstimatorError(ValueError):
    """A mistake in using an estimator, told in one sentence."""


class Declined(EstimatorError):
    """A pair that cannot be, with the reason: for example, a slope without finite area normalised by area."""


@dataclass(frozen=True)
class Range:
    """The open interval that a parameter must lie in. It says so when printed."""

    above: float = -math.inf
    below: float = math.inf

    def __contains__(self, value: float) -> bool:
        return self.above < value < self.below

    def __str__(self) -> str:
        limits = [f"> {self.above:g}"] * (self.above > -math.inf) + [f"< {self.below:g}"] * (self.below < math.inf)
        return " and ".join(limits) or "any number"


positive = Range(above=0)


class Book(dict):
    """Estimators by name. A name that is not in it is answered with the nearest one that is."""

    def __missing__(self, name):
        near = difflib.get_close_matches(str(name), self, 1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise EstimatorError(f"there is no estimator '{name}'{hint} Known are: {', '.join(sorted(self))}.")


book = Book()


@dataclass(frozen=True, eq=False)
class Surrogate:
    """A rule that keeps a function hard and replaces its derivative by a slope m(x).

    The traits say what can be checked of the page, and choose its tests. `area` (the integral of the slope), `peak`
    (its largest value) and `support` (half the width outside which it is exactly zero) are numbers, or functions of
    the page's parameters; `counterpart` is the smooth function whose derivative the slope is; `known` holds pairs of
    x and slope at the default parameters, from the source; `needs` holds the range of each parameter.
    """

    name: str
    label: str
    rule: Callable
    source: str
    even: bool
    positive: bool
    area: float | Callable
    peak: float | Callable
    support: float | Callable = math.inf
    counterpart: Callable | None = None
    known: tuple[tuple[float, float], ...] = ()
    needs: Mapping[str, Range] = field(default_factory=dict)

    @property
    def parameters(self) -> dict[str, float]:
        """The page's keyword-only parameters with their defaults."""
        return {k: p.default for k, p in inspect.signature(self.rule).parameters.items() if p.kind is p.KEYWORD_ONLY}

    def check(self, **parameters) -> None:
        """Refuses what the page does not know or does not allow: names, and numbers outside `needs`.

        Raises EstimatorError with one sentence.
        """
        for name, value in parameters.items():
            if name not in self.parameters:
                known = ", ".join(self.parameters) or "none"
                raise EstimatorError(f"{self.name} has no parameter '{name}'; its parameters are: {known}.")
            allowed = self.needs.get(name, Range())
            if isinstance(value, (int, float)) and value not in allowed:
                raise EstimatorError(f"{self.name}.{name} is {value}, but must be {allowed}.")

    def trait(self, name: str, **parameters):
        """A trait's value (`area`, `peak`, `support`) at these parameters (numbers or tensors)."""
        value = getattr(self, name)
        return value(**{**self.parameters, **parameters}) if callable(value) else value

    def decline(self, normalize: str) -> str | None:
        """Why this slope cannot be normalised so, or None. The answer depends on the page alone."""
        if normalize == "none":
            return None
        value = self.trait(normalize)
        if 0 < value < math.inf:
            return None
        return f"{self.name} cannot be normalised by {normalize}: its {normalize} is {value:g}."

    def slope(self, x, *, forward: str = "sign", normalize: str = "none", **parameters):
        """The multiplier m(x): what the gradient from above is multiplied by.

        x: anything that becomes a tensor, any shape, any floating dtype (integers count as float32); returns the
        same shape and dtype. NaN stays NaN. Parameters are numbers or scalar tensors; those not given have the
        page's defaults. `normalize` scales the slope to peak 1, or to the area of the hard function's derivative
        (2 for `sign`, 1 for `step`). Raises EstimatorError for an unknown parameter, Declined for a pair that
        cannot be.
        """
        x = _floating(x)
        self.check(**parameters)
        values = {k: _number(v, x.dtype) for k, v in {**self.parameters, **parameters}.items()}
        m = self.rule(x, **values)
        if normalize != "none":
            m = m * _number(self._scale(forward, normalize, parameters), x.dtype)
        return tf.where(tf.math.is_nan(x), x, m)

    def hard(self, x, *, forward: str = "sign", at_zero: int = 1, normalize: str = "none", **parameters):
        """The operation: hard in the forward pass, the upstream gradient times the slope in the backward pass.

        x as in `slope`; returns `value(x)`. Works eagerly, in tf.function, under XLA and in tf.vectorized_map. The
        parameters get no gradient.
        """
        x = _floating(x)

        @tf.custom_gradient
        def operation(x):
            def backward(upstream):
                return upstream * self.slope(x, forward=forward, normalize=normalize, **parameters)

            return value(x, forward=forward, at_zero=at_zero), backward

        return operation(x)

    def _scale(self, forward, normalize, parameters):
        if normalize not in NORMALIZATIONS:
            raise EstimatorError(f"normalize is '{normalize}', but must be one of: {', '.join(NORMALIZATIONS)}.")
        reason = self.decline(normalize)
        if reason:
            raise Declined(reason)
        return (1.0 if normalize == "peak" else _JUMP[forward]) / self.trait(normalize, **parameters)


def value(x, *, forward: str = "sign", at_zero: int = 1):
    """The hard function: `sign` gives −1 or +1, `step` gives 0 or 1; NaN stays NaN, so that divergence shows.

    x: any shape, any floating dtype; returns the same. At zero, and at −0, `sign` gives `at_zero` (+1, 0 or −1) and
    `step` its counterpart (1, ½ or 0).
    """
    if forward not in FORWARDS:
        raise EstimatorError(f"forward is '{forward}', but must be one of: {', '.join(FORWARDS)}.")
    if at_zero not in (1, 0, -1):
        raise EstimatorError(f"at_zero is {at_zero}, but must be 1, 0 or -1.")
    x = _floating(x)
    high, low, zero = (tf.ones_like(x), -tf.ones_like(x), at_zero * tf.ones_like(x))
    if forward == "step":
        low, zero = tf.zeros_like(x), (zero + 1) / 2
    return tf.where(tf.math.is_nan(x), x, tf.where(x > 0, high, tf.where(x < 0, low, zero)))


def surrogate(**traits) -> Callable:
    """Enters a page in the book under the function's name. Traits: the fields of `Surrogate`."""

    def enter(rule):
        if rule.__name__ in book:
            raise EstimatorError(f"there are two estimators named '{rule.__name__}'.")
        book[rule.__name__] = Surrogate(name=rule.__name__, rule=rule, **traits)
        return rule

    return enter


def _number(number, dtype):
    return tf.cast(number, dtype) if tf.is_tensor(number) else tf.constant(number, dtype)  # no detour by float32


def _floating(x):
    x = tf.convert_to_tensor(x)
    return x if x.dtype.is_floating else tf.cast(x, tf.float32)
