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
    """The numbers that a parameter may have: between two open ends, or from `least` on. It says so when printed."""

    above: float = -math.inf
    below: float = math.inf
    least: float = -math.inf
    whole: bool = False

    def __contains__(self, value: float) -> bool:
        inside = self.above < value < self.below and value >= self.least
        return inside and not (self.whole and value != round(value))

    def __str__(self) -> str:
        limits = [f"{sign} {end:g}" for sign, end in ((">", self.above), ("≥", self.least), ("<", self.below))]
        limits = " and ".join(limit for limit in limits if "inf" not in limit)
        return f"{'a whole number' if self.whole else ''} {limits}".strip() or "any number"


positive = Range(above=0)
not_negative = Range(least=0)


class Book(dict):
    """Estimators by name. Another name for one of them is answered with its name here, what was left out on purpose
    with the reason, and any other name with the nearest one."""

    def __missing__(self, name):
        raise EstimatorError(unknown(str(name), {n: page.aliases for n, page in self.items()}))


def unknown(name: str, aliases: Mapping[str, tuple[str, ...]]) -> str:
    """What is said of an estimator's name that is none, in one sentence. aliases: those of every name that is one."""
    plain = _plain(name)
    called = {_plain(other): own for own, others in aliases.items() for other in (own, *others)}
    if plain in called:
        return f"there is no estimator '{name}': it is called '{called[plain]}' here."
    left = {_plain(other): (other, reason) for other, reason in LEFT_OUT.items()}
    if plain in left:
        return f"there is no estimator '{name}': it was left out, because {left[plain][1]}."
    near = difflib.get_close_matches(plain, called, 1)
    hint = f"; did you mean '{called[near[0]]}'?" if near else "."
    return f"there is no estimator '{name}'{hint} Known are: {', '.join(sorted(aliases))}."


def _plain(name):
    return "".join(letter for letter in name.lower() if letter.isalnum())


book = Book()

# What the field has and the book has not, and why: whoever asks for one of these is told.
LEFT_OUT = {
    "rsign": "its threshold is learned with the network; the slope around it is approx_sign",
    "dorefa": "it rounds to k bits, and is no rule for sign or step",
    "fda": "its base frequency is not stated and its residual is a network that is trained beside; the series itself "
    "is fourier",
    "adaste": "its weights are not hard until late in training, and its factor depends on the gradient that arrives",
    "lns": "it trains a second network that predicts the signs, and is no rule for one function",
    "bayesbinn": "it samples relaxed weights and changes the optimizer's update, and is no rule for one function",
    "learnable": "training a slope's parameter was found to be the same as training the threshold; schedule it instead",
}


@dataclass(frozen=True, eq=False)
class Surrogate:
    """A rule that keeps a function hard and replaces its derivative by a slope m(x).

    The traits say what can be checked of the page, and choose its tests. Those that may depend on the page's parameters
    are numbers, or functions of these.

    source        where the formula is from
    aliases       other names that the field has for it
    ships         by library, the name and the defaults under which it ships the same slope
    even          m(−x) = m(x)
    positive      m(x) ≥ 0 everywhere
    area          the integral of m over all x; infinite, or None where there is none that a number says
    peak          the largest value of m, or what it comes arbitrarily close to; None as above
    support       half the width outside which m is exactly zero
    corners       the x at which m jumps or bends
    counterpart   the smooth function whose derivative m is, as a function of x and the parameters
    elementwise   m at x depends on no other element
    known         pairs of x and m(x) at the default parameters, from the source
    equals        other pages that are the same: (own parameters, the other's name, the other's parameters)
    needs         the range of each parameter
    agree         what parameters must be to each other: a function of all of them that is true where they may stand
                  together, and the same in words
    roles         what each parameter does: `height` multiplies m and nothing else, `width` changes how far it reaches
                  at half its peak, `tail` changes m elsewhere
    """

    name: str
    label: str
    rule: Callable
    source: str
    aliases: tuple[str, ...] = ()
    ships: Mapping[str, str] = field(default_factory=dict)
    even: bool = True
    positive: bool = True
    area: float | Callable | None = None
    peak: float | Callable | None = None
    support: float | Callable = math.inf
    corners: tuple[float, ...] | Callable = ()
    counterpart: Callable | None = None
    elementwise: bool = True
    known: tuple[tuple[float, float], ...] = ()
    equals: tuple[tuple[Mapping[str, float], str, Mapping[str, float]], ...] = ()
    needs: Mapping[str, Range] = field(default_factory=dict)
    agree: tuple[Callable, str] | None = None
    roles: Mapping[str, str] = field(default_factory=dict)

    @property
    def parameters(self) -> dict[str, float]:
        """The page's keyword-only parameters with their defaults."""
        keywords = inspect.signature(self.rule).parameters.values()
        return {p.name: p.default for p in keywords if p.kind is p.KEYWORD_ONLY and p.name != "chance"}

    @property
    def random(self) -> bool:
        """Whether the slope is drawn anew each time: the page takes `chance`."""
        return "chance" in inspect.signature(self.rule).parameters

    def settings(self) -> list[dict[str, float]]:
        """The defaults, as {}, each parameter alone at a smaller and at a larger value, where its range allows, and all
        of them at their larger values."""
        found: list[dict[str, float]] = [{}]
        for name, default in self.parameters.items():
            tried = (default / 2, default * 2, default * 3) if default else (0.25, 0.5, -0.25)
            found += [{name: value} for value in tried if value in self.needs.get(name, Range())][:2]
        largest = {name: value for chosen in found for name, value in chosen.items()}
        return found + ([largest] if len(largest) > 1 else [])

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
        together = {**self.parameters, **parameters}
        if self.agree and not any(map(tf.is_tensor, together.values())) and not self.agree[0](**together):
            given = ", ".join(f"{name} = {value:g}" for name, value in together.items())
            raise EstimatorError(f"{self.name} has {given}, but needs {self.agree[1]}.")

    def trait(self, name: str, **parameters):
        """A trait's value (`area`, `peak`, `support`, `corners`) at these parameters (numbers or tensors)."""
        value = getattr(self, name)
        return value(**{**self.parameters, **parameters}) if callable(value) else value

    def decline(self, normalize: str) -> str | None:
        """Why this slope cannot be normalised so, or None. The answer depends on the page alone."""
        if normalize not in NORMALIZATIONS:
            raise EstimatorError(f"normalize is '{normalize}', but must be one of: {', '.join(NORMALIZATIONS)}.")
        if normalize == "none":
            return None
        value = self.trait(normalize)
        if value is not None and 0 < value < math.inf:
            return None
        told = "not a single number" if value is None else f"{value:g}"
        return f"{self.name} cannot be normalised by {normalize}: its {normalize} is {told}."

    def gain(self, normalize, *, forward: str = "sign", **parameters):
        """What the slope is multiplied by to be normalised.

        normalize: one of NORMALIZATIONS, or its index as a scalar tensor; where the slope cannot be normalised so, the
        name raises Declined and the index gives 1. `peak` scales to a largest value of 1, `area` to the area of the
        hard function's derivative: 2 for `sign`, 1 for `step`.
        """
        if isinstance(normalize, str):
            reason = self.decline(normalize)
            if reason:
                raise Declined(reason)
            return 1.0 if normalize == "none" else self._gain(normalize, forward, parameters)
        gain = tf.ones([], normalize.dtype)
        for index, kind in enumerate(NORMALIZATIONS[1:], 1):
            if not self.decline(kind):
                own = _number(self._gain(kind, forward, parameters), normalize.dtype)
                gain = tf.where(tf.equal(normalize, tf.cast(index, normalize.dtype)), own, gain)
        return gain

    def slope(self, x, *, forward: str = "sign", normalize="none", chance=None, **parameters):
        """The multiplier m(x): what the gradient from above is multiplied by.

        x: anything that becomes a tensor, any shape, any floating dtype (integers count as float32); returns the
        same shape and dtype. NaN stays NaN. Parameters are numbers or scalar tensors; those not given have the
        page's defaults. normalize: as in `gain`. chance: where a page that is random draws from: anything with
        `uniform(shape)` in [0, 1), such as a tf.random.Generator. Raises EstimatorError for an unknown parameter and
        for a lack of chance, Declined for a pair that cannot be.
        """
        x = _floating(x)
        self.check(**parameters)
        values = {k: _number(v, x.dtype) for k, v in {**self.parameters, **parameters}.items()}
        if self.random:
            if chance is None:
                raise EstimatorError(f"{self.name} is random in its backward pass: give it chance, to draw from.")
            values["chance"] = chance
        m = self.rule(x, **values)
        if not isinstance(normalize, str) or normalize != "none":
            numbers = {name: values[name] for name in self.parameters}
            m = m * _number(self.gain(normalize, forward=forward, **numbers), x.dtype)
        return tf.where(tf.math.is_nan(x), x, m)

    def hard(self, x, *, forward: str = "sign", at_zero: int = 1, normalize="none", chance=None, **parameters):
        """The operation: hard in the forward pass, the upstream gradient times the slope in the backward pass.

        x, normalize and chance as in `slope`; returns `value(x)`. Works eagerly, in tf.function, under XLA and in
        tf.vectorized_map. The parameters get no gradient.
        """
        x = _floating(x)

        @tf.custom_gradient
        def operation(x):
            def backward(upstream):
                m = self.slope(x, forward=forward, normalize=normalize, chance=chance, **parameters)
                return upstream * m

            return value(x, forward=forward, at_zero=at_zero), backward

        return operation(x)

    def _gain(self, kind, forward, parameters):
        return (1.0 if kind == "peak" else _JUMP[forward]) / self.trait(kind, **parameters)


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
