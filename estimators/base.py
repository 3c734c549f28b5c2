"""What an estimator is, the book they are entered in, and the operation that a slope becomes."""

from __future__ import annotations

import inspect
import math
import numbers
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import tensorflow as tf

from estimators.excluded import EXCLUDED
from steeplechase import renamed
from steeplechase.errors import Unsupported, UserError
from steeplechase.registry import Registry

FORWARDS = ("sign", "step")
NORMALIZATIONS = ("none", "peak", "area")
_NORMALIZATION = f"one of: {', '.join(NORMALIZATIONS)}"
_JUMP = {"sign": 2.0, "step": 1.0}  # what the hard function rises by: the area of its derivative


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


book = Registry("estimator", aliases=lambda page: page.aliases, excluded=EXCLUDED)
__getattr__ = renamed.answering(
    __name__,
    EstimatorError=("steeplechase.UserError", UserError),
    Declined=("steeplechase.Unsupported", Unsupported),
    LEFT_OUT=("estimators.excluded.EXCLUDED", EXCLUDED),
)


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
        """Refuses what the page does not know or does not allow: names, what is not one number, and numbers outside
        `needs`. A tensor whose value is not known yet, as in a graph, is one number if its shape says so.

        Raises UserError with one sentence.
        """
        together = dict(self.parameters)
        for name, value in parameters.items():
            if name not in self.parameters:
                known = ", ".join(self.parameters) or "none"
                raise UserError(f"{self.name} has no parameter '{name}'; its parameters are: {known}.")
            allowed = self.needs.get(name, Range())
            together[name] = number = _one_number(f"{self.name}.{name}", value)
            if number is not None and number not in allowed:
                shown = value if isinstance(value, (int, float)) else number
                raise UserError(f"{self.name}.{name} is {shown}, but must be {allowed}.")
        if self.agree and None not in together.values() and not self.agree[0](**together):
            given = ", ".join(f"{name} = {value:g}" for name, value in together.items())
            raise UserError(f"{self.name} has {given}, but needs {self.agree[1]}.")

    def trait(self, name: str, **parameters):
        """A trait's value (`area`, `peak`, `support`, `corners`) at these parameters (numbers or tensors)."""
        value = getattr(self, name)
        return value(**{**self.parameters, **parameters}) if callable(value) else value

    def decline(self, normalize: str) -> str | None:
        """Why this slope cannot be normalised so, or None. The answer depends on the page alone."""
        if normalize not in NORMALIZATIONS:
            raise UserError(f"normalize is {_short(normalize)}, but must be {_NORMALIZATION}.")
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
        name raises Unsupported and the index gives 1. `peak` scales to a largest value of 1, `area` to the area of the
        hard function's derivative: 2 for `sign`, 1 for `step`. Raises UserError for what is neither.
        """
        _one_of("forward", forward, FORWARDS)
        if isinstance(normalize, str):
            reason = self.decline(normalize)
            if reason:
                raise Unsupported(reason)
            return 1.0 if normalize == "none" else self._gain(normalize, forward, parameters)
        known = _one_number("normalize", normalize, _NORMALIZATION)
        if known is not None and known not in range(len(NORMALIZATIONS)):
            raise UserError(f"normalize is {known:g}, but must be {_NORMALIZATION}.")
        normalize = normalize if tf.is_tensor(normalize) else tf.constant(known, tf.float64)
        gain = tf.ones([], normalize.dtype)
        for index, kind in enumerate(NORMALIZATIONS[1:], 1):
            if not self.decline(kind):
                own = _number(self._gain(kind, forward, parameters), normalize.dtype)
                gain = tf.where(tf.equal(normalize, tf.cast(index, normalize.dtype)), own, gain)
        return gain

    def slope(self, x, *, forward: str = "sign", normalize="none", chance=None, **parameters):
        """The multiplier m(x): what the gradient from above is multiplied by.

        x: numbers that become a tensor, any shape, any floating dtype (integers count as float32); returns the
        same shape and dtype. NaN stays NaN. Parameters are one finite number each: Python's, NumPy's or a tensor's;
        those not given have the page's defaults. normalize: as in `gain`. chance: where a page that is random draws
        from: anything with `uniform(shape)` in [0, 1), such as a tf.random.Generator. Raises UserError for an x
        that holds no numbers, for a parameter that is unknown or refused, for a lack of chance and for a page that
        returns something else than a tensor of x's shape; Unsupported for a pair that cannot be.
        """
        x = floating(x)
        _one_of("forward", forward, FORWARDS)
        self.check(**parameters)
        values = {k: _number(v, x.dtype) for k, v in {**self.parameters, **parameters}.items()}
        if self.random:
            if not hasattr(chance, "uniform"):
                raise UserError(f"{self.name} is random in its backward pass: give it chance, to draw from.")
            values["chance"] = chance
        m = self.rule(x, **values)
        self.check_slope(m, x)
        if not isinstance(normalize, str) or normalize != "none":
            numbers = {name: values[name] for name in self.parameters}
            m = m * _number(self.gain(normalize, forward=forward, **numbers), x.dtype)
        return tf.where(tf.math.is_nan(x), x, m)

    def hard(self, x, *, forward: str = "sign", at_zero: int = 1, normalize="none", chance=None, **parameters):
        """The operation: hard in the forward pass, the upstream gradient times the slope in the backward pass.

        x, normalize and chance as in `slope`; returns `value(x)`. Works eagerly, in tf.function, under XLA and in
        tf.vectorized_map, for tapes and, tangent times slope, for accumulators (tf.autodiff.ForwardAccumulator). The
        parameters get no gradient. Raises what `slope` and `value` raise; what only the slope needs (chance, a
        normalisation that can be), when the slope is asked for.
        """
        x = floating(x)
        self.check(**parameters)
        return replaced(
            lambda x: value(x, forward=forward, at_zero=at_zero),
            lambda x: (self.slope(x, forward=forward, normalize=normalize, chance=chance, **parameters),),
        )(x)

    def check_slope(self, m, x: tf.Tensor) -> None:
        """Refuses what is no slope at x: no tensor, or one of another dtype or shape. Raises UserError."""
        if not tf.is_tensor(m):
            if isinstance(m, (np.ndarray, np.generic)):
                raise UserError(f"{self.name} returned a NumPy array; build the slope from tensor operations.")
            kind = "None" if m is None else f"a {type(m).__name__}"
            raise UserError(f"{self.name} returned {kind} for a {x.dtype.name} x, but must return a tensor.")
        if m.dtype != x.dtype:
            raise UserError(f"{self.name} returned {m.dtype.name} for a {x.dtype.name} x.")
        if not m.shape.is_compatible_with(x.shape):
            raise UserError(f"{self.name} returned the shape {m.shape} for an x of shape {x.shape}.")

    def _gain(self, kind, forward, parameters):
        return (1.0 if kind == "peak" else _JUMP[forward]) / self.trait(kind, **parameters)


def value(x, *, forward: str = "sign", at_zero: int = 1):
    """The hard function: `sign` gives −1 or +1, `step` gives 0 or 1; NaN stays NaN, so that divergence shows.

    x: any shape, any floating dtype; returns the same. At zero, and at −0, `sign` gives `at_zero` (+1, 0 or −1) and
    `step` its counterpart (1, ½ or 0).
    """
    _one_of("forward", forward, FORWARDS)
    _one_of("at_zero", at_zero, (1, 0, -1))
    x = floating(x)
    high, low, zero = (tf.ones_like(x), -tf.ones_like(x), at_zero * tf.ones_like(x))
    if forward == "step":
        low, zero = tf.zeros_like(x), (zero + 1) / 2
    return tf.where(tf.math.is_nan(x), x, tf.where(x > 0, high, tf.where(x < 0, low, zero)))


def surrogate(**traits) -> Callable:
    """Enters a page in the book under the function's name. Traits: the fields of `Surrogate`."""

    def enter(rule):
        book.register(rule.__name__, Surrogate(name=rule.__name__, rule=rule, **traits))
        return rule

    return enter


def floating(x) -> tf.Tensor:
    """x as a tensor of a floating dtype; whole numbers count as float32.

    Raises UserError with one sentence for what holds no real numbers: None, words, truth values, complex numbers,
    lists whose rows differ in length.
    """
    try:
        tensor = tf.convert_to_tensor(x)
    except (TypeError, ValueError):
        tensor = None
    if tensor is None or not (tensor.dtype.is_floating or tensor.dtype.is_integer):
        held = tensor is not None and (tf.is_tensor(x) or isinstance(x, np.ndarray))
        shown = f"holds {tensor.dtype.name}" if held else f"is {_short(x)}"
        raise UserError(f"x {shown}, but must be real numbers: one, or an array of them.")
    return tensor if tensor.dtype.is_floating else tf.cast(tensor, tf.float32)


def replaced(forward: Callable, slopes: Callable) -> Callable:
    """The operation of tensors forward(*inputs) whose derivatives are replaced: by slopes(*inputs), one for each input.

    All have one shape. Going backward the upstream gradient is multiplied by the slopes, going forward the tangents
    are. A tape or an accumulator belongs inside the function that tf.vectorized_map is given: the map keeps no custom
    gradient, of whatever operation, and from outside of it TensorFlow finds zero or None.
    """

    @tf.custom_gradient
    def operation(*inputs):
        def backward(upstream):
            return [upstream * m for m in slopes(*inputs)]

        # An accumulator keeps the first tangent that it finds for the output: there must be none but the slope's.
        return forward(*map(tf.stop_gradient, inputs)), backward

    def call(*inputs):
        # In a graph tf.custom_gradient is one operation with all its inputs and outputs, and an accumulator inside that
        # graph takes it for the identity. It does transpose the gradient of a function, and so finds the slope.
        inside = not tf.executing_eagerly() and any(map(_accumulated, inputs))
        return tf.function(operation, autograph=False)(*inputs) if inside else operation(*inputs)

    return call


def _accumulated(x):
    """Whether an accumulator follows x in this graph: it alone asks an operation for its derivative at once, and this
    operation refuses to tell."""
    try:
        tf.raw_ops.PreventGradient(input=x, message="asked for by an accumulator")
    except LookupError:
        return True
    return False


def _one_of(name, value, allowed):
    if not isinstance(value, (str, numbers.Real)) or isinstance(value, bool) or value not in allowed:
        *others, last = map(str, allowed)
        words = f"one of: {', '.join([*others, last])}" if last in allowed else f"{', '.join(others)} or {last}"
        raise UserError(f"{name} is {_short(value)}, but must be {words}.")


def _one_number(name, value, words="one number"):
    """The number that stands here, or None where it is a tensor's that is not known yet. Raises UserError."""
    held = value
    if isinstance(value, tf.Variable) or tf.is_tensor(value):
        real, rank = value.dtype.is_floating or value.dtype.is_integer, value.shape.rank
        if real and rank in (0, None) and (tf.executing_eagerly() or not isinstance(value, tf.Variable)):
            held = value.numpy() if hasattr(value, "numpy") else None
    elif isinstance(value, (np.ndarray, np.generic)):
        real, rank = value.dtype.kind in "iuf" or value.dtype == tf.bfloat16.as_numpy_dtype, value.ndim
    else:
        real, rank = isinstance(value, numbers.Real) and not isinstance(value, bool), 0
    if not real or rank not in (0, None):
        shown = f"a tensor of {value.dtype.name} {value.shape}" if tf.is_tensor(value) else _short(value)
        raise UserError(f"{name} is {shown}, but must be {words}.")
    if held is None or tf.is_tensor(held):
        return None
    try:
        number = float(held)
    except OverflowError:  # a whole number beyond what a float holds
        number = math.inf
    if not math.isfinite(number):
        wanted = "a finite number" if words == "one number" else words
        raise UserError(f"{name} is {number}, but must be {wanted}.")
    return number


def _short(value):
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def _number(number, dtype):
    return tf.cast(number, dtype) if tf.is_tensor(number) else tf.constant(float(number), dtype)  # not by float32
