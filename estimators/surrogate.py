"""What a surrogate is: a function kept hard, whose derivative is replaced by a slope; and the registry of them all."""

from __future__ import annotations

import functools
import inspect
import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from estimators.excluded import EXCLUDED
from estimators.function import HardFunction, as_hard_function, floating
from estimators.parameters import Range, TakesParameters, as_constant, one_number, positive, short_repr
from estimators.step_size import LSQ, StepSize
from estimators.width import half_width
from steeplechase.errors import Unsupported, UserError, did_you_mean
from steeplechase.registry import Registry

_RENAMED_METHODS = {"settings": "example_parameters", "decline": "unsupported_reason"}
NORMALIZATIONS = ("none", "peak", "area", "period")
BESIDE = ("step", "sign")  # roles of parameters that leave the slope as it is
SITES = ("weights", "activations")  # where a hard function stands in a network
_NORMALIZATION = f"one of: {', '.join(NORMALIZATIONS)}"


registry = Registry("estimator", aliases=lambda page: page.aliases, excluded=EXCLUDED)


class Equality(NamedTuple):
    """A page that is another one, at these parameters of both.

    Attributes:
        parameters: the page's own; those not given have its defaults.
        other: the other page's name.
        theirs: the other page's parameters.
        factor: the page is so many times the other.
    """

    parameters: Mapping[str, float]
    other: str
    theirs: Mapping[str, float]
    factor: float = 1.0


@dataclass(frozen=True, eq=False)
class Surrogate(TakesParameters):
    """A rule that keeps a function hard and replaces its derivative by a slope m(x).

    The traits say what can be checked of the page, and choose its tests. Those that may depend on the page's parameters
    are numbers, or functions of these.

    Attributes:
        name: by which it is asked for: that of the rule.
        label: how it is printed, in figures as well.
        rule: m(x): a function of x, a tensor of a floating dtype, and of the parameters by keyword, with defaults; and
            of `chance` where the slope is random.
        source: where the formula is from.
        family: of what kind its curve is, which is only told: sigmoid (made of the logistic function or of tanh),
            gaussian, exponential, power (falls as a power of |x|), triangle, rectangle, identity (the gradient passes
            as it is, on both sides or on one), periodic, composite (pieces of several kinds), none (it is zero), or
            another word where none of these fits.
        aliases: other names that the field has for it.
        ships: by library, the name and the defaults under which it ships the same slope.
        sites: at which of SITES its source uses it, where that is not all of them. It is raced wherever it is asked
            for.
        outside_spread: why it takes no part in spreads and correlations of surrogates, as half a sentence; "" where it
            does.
        even: m(−x) = m(x).
        positive: m(x) ≥ 0 everywhere.
        area: the integral of m over all x; infinite, or None where there is none that a number says.
        peak: the largest value of m, or what it comes arbitrarily close to; None as above.
        support: half the width outside which m is exactly zero.
        corners: the x at which m jumps or bends.
        counterpart: the smooth function whose derivative m is, as a function of x and the parameters.
        elementwise: m at x depends on no other element.
        fades: from some |x| on m stays below half of its largest value, so that it has a half-width. In a page this and
            `elementwise` are written out as True or False: plans read them without running the page.
        known: pairs of x and m(x) at the default parameters, from the source.
        equals: other pages that are the same: (own parameters, the other's name, the other's parameters), and a factor
            where m is so many times the other's.
        needs: the range of each parameter.
        agree: what parameters must be to each other: a function of all of them that is true where they may stand
            together, and the same in words.
        roles: what each parameter does: `height` multiplies m and nothing else, `width` changes how far it reaches at
            half its peak, `tail` changes m elsewhere, `step` changes how the step of a quantizer is learned and
            `sign` what `signed` is, and both leave m as it is.
        step_size: how the step of a quantizer is learned, where one is.
        signed: n(x), where what comes down depends on the sign of the gradient G from above: it is m·G + n·|G|. A
            function of x and the parameters, as the rule; None: it is m·G.
        pull: pull(x, G, parameters): what comes down where the hard function mixes the elements of the last axis
            (HardFunction.mixes). Linear in G, of the shape of x. Where it adds up to zero over these elements it is, of
            two of them, the slope at their difference times the difference of G. None: the page says nothing of it.
    """

    name: str
    label: str
    rule: Callable
    source: str
    family: str = ""
    aliases: tuple[str, ...] = ()
    ships: Mapping[str, str] = field(default_factory=dict)
    sites: tuple[str, ...] = ()
    outside_spread: str = ""
    even: bool = True
    positive: bool = True
    area: float | Callable | None = None
    peak: float | Callable | None = None
    support: float | Callable = math.inf
    corners: tuple[float, ...] | Callable = ()
    counterpart: Callable | None = None
    elementwise: bool = True
    fades: bool = True
    known: tuple[tuple[float, float], ...] = ()
    equals: tuple[tuple[Mapping[str, float], str, Mapping[str, float], *tuple[float, ...]], ...] = ()
    needs: Mapping[str, Range] = field(default_factory=dict)
    agree: tuple[Callable, str] | None = None
    roles: Mapping[str, str] = field(default_factory=dict)
    step_size: StepSize = LSQ
    signed: Callable | None = None
    pull: Callable | None = None

    def __getattr__(self, name: str):
        """Methods by the names that they had before, which answer for one release.

        Args:
            name: of the attribute.

        Returns:
            The method that has taken its place, with a DeprecationWarning.

        Raises:
            AttributeError: for any other name.
        """
        if name not in _RENAMED_METHODS:
            raise AttributeError(f"a surrogate has no attribute '{name}'")
        now = _RENAMED_METHODS[name]
        warnings.warn(
            f"Surrogate.{name} is Surrogate.{now} now, and goes with the next release.", DeprecationWarning, 2
        )
        return getattr(self, now)

    @property
    def formula(self) -> str:
        """The multiplier m(x) as its docstring writes it, for those who build it in another framework."""
        return "\n".join(self.text.words.get("With", []))

    @property
    def equalities(self) -> tuple[Equality, ...]:
        """What `equals` says, each with its factor."""
        return tuple(Equality(*one) for one in self.equals)

    @property
    def random(self) -> bool:
        """Whether the slope is drawn anew each time: the page takes `chance`."""
        return "chance" in inspect.signature(self.rule).parameters

    @property
    def has_width(self) -> bool:
        """Whether it can be made as wide as asked: it fades, and is a function of x alone, without chance."""
        return self.fades and self.elementwise and not self.random

    def half_width(self, **parameters: float) -> float:
        """How far the slope reaches at half its height.

        Args:
            **parameters: numbers; those not given have the page's defaults.

        Returns:
            The largest |x| at which |m| is at least half of its largest value, to 12 digits or more.

        Raises:
            UserError: as `check`, and for a slope without one: it is zero, or does not fall below half for good.
        """
        self.check(**parameters)
        numbers = tuple((name, float(value)) for name, value in {**self.parameters, **parameters}.items())
        reach = _half_width(self, numbers) if self.has_width else math.nan
        if not 0 < reach < math.inf:
            given = f" with {', '.join(f'{name} = {value:g}' for name, value in numbers)}" * bool(numbers)
            raise UserError(
                f"{self.name}{given} has no half-width, so it cannot be made as wide as asked: leave width out."
            )
        return reach

    def trait(self, name: str, **parameters):
        """A trait's value at these parameters.

        Args:
            name: `area`, `peak`, `support` or `corners`.
            **parameters: numbers or tensors; those not given have the page's defaults.

        Returns:
            As the trait is declared: a number, a tensor where a parameter is one, a tuple of them for `corners`, or
            None.
        """
        value = getattr(self, name)
        return value(**{**self.parameters, **parameters}) if callable(value) else value

    def unsupported_reason(self, normalize: str, forward: str | HardFunction = "sign") -> str | None:
        """Why this slope cannot stand there, normalised so. The answer depends on the page and on the hard function,
        and on no parameter of the page.

        Args:
            normalize: one of NORMALIZATIONS.
            forward: the hard function, or its name; it counts for `period` alone.

        Returns:
            A sentence, or None where it can.

        Raises:
            UserError: for any other word.
        """
        if normalize not in NORMALIZATIONS:
            raise UserError(f"normalize is {short_repr(normalize)}, but must be {_NORMALIZATION}.")
        function = as_hard_function(forward)
        if function.mixes:
            if self.pull is None:
                able = ", ".join(sorted(name for name, page in registry.items() if page.pull))
                return f"{self.name} does not say what {function.name} hands down; those that do are: {able}."
            return None if normalize == "none" else f"what {function.name} hands down cannot be normalised."
        if normalize == "none":
            return None
        if normalize == "period":
            if not function.step_length:
                return f"{function.name} has one jump alone, and so no period to normalise {self.name} by."
            if self.counterpart is None:
                return f"{self.name} cannot be normalised by period: it declares no counterpart to take its mean from."
            with tf.init_scope(), tf.device("cpu:0"):  # a number, also where a graph is being built
                value = float(_over_period(self, function, None, self.parameters))
        else:
            value = self.trait(normalize)
        if value is not None and 0 < value < math.inf:
            return None
        told = "not a single number" if value is None else f"{value:g}"
        return f"{self.name} cannot be normalised by {normalize}: its {normalize} is {told}."

    def gain(self, normalize, *, forward: str | HardFunction = "sign", stretch=None, **parameters):
        """What the slope is multiplied by to be normalised.

        Args:
            normalize: one of NORMALIZATIONS, or its index as a number or a scalar tensor. `peak` scales to a largest
                value of 1, `area` to the area of the derivative of the hard function at a jump: 2 for `sign`, 1 for
                `step` and `round`. `period` scales what lies within one step of a staircase, half a step on either
                side of a jump, to that area: a mean slope of 1 for `round`, whatever the shape.
            forward: the hard function, or its name.
            stretch: as in `slope`: what is wider has a larger area.
            **parameters: as in `slope`.

        Returns:
            A number, or a scalar tensor where `normalize` or a parameter is one. An index by which the slope cannot be
            normalised gives 1.

        Raises:
            Unsupported: for a name by which the slope cannot be normalised.
            UserError: for what is none of these.
        """
        function = as_hard_function(forward)
        if isinstance(normalize, str):
            reason = self.unsupported_reason(normalize, function)
            if reason:
                raise Unsupported(reason)
            return 1.0 if normalize == "none" else self._gain(normalize, function, stretch, parameters)
        known = one_number("normalize", normalize, _NORMALIZATION)
        if known is not None and known not in range(len(NORMALIZATIONS)):
            raise UserError(f"normalize is {known:g}, but must be {_NORMALIZATION}.")
        normalize = normalize if tf.is_tensor(normalize) else tf.constant(known, tf.float64)
        gain = tf.ones([], normalize.dtype)
        for index, kind in enumerate(NORMALIZATIONS[1:], 1):
            if not self.unsupported_reason(kind, function):
                own = as_constant(self._gain(kind, function, stretch, parameters), normalize.dtype)
                gain = tf.where(tf.equal(normalize, tf.cast(index, normalize.dtype)), own, gain)
        return gain

    def slope(
        self,
        x,
        *,
        forward: str | HardFunction = "sign",
        normalize="none",
        stretch=None,
        chance=None,
        step_size=None,
        **parameters,
    ):
        """The multiplier m(x): what the gradient from above is multiplied by.

        Args:
            x: numbers that become a tensor, any shape, any floating dtype (whole numbers count as float32).
            forward: the hard function, or its name; the slope is centred where it jumps, at the nearest jump where
                there are several, and zero where the function lets no gradient pass.
            normalize: as in `gain`.
            stretch: how many times as wide it is made, at the same height: m(x / stretch), a positive number; None: as
                it is.
            chance: where a page that is random draws from: anything with `uniform(shape)` in [0, 1), such as a
                tf.random.Generator.
            step_size: as in `hard`: the slope is that at x over the step.
            **parameters: one finite number each: Python's, NumPy's or a tensor's. Those not given have the page's
                defaults.

        Returns:
            The shape and dtype of x. NaN stays NaN.

        Raises:
            UserError: for an x that holds no numbers, for a parameter that is unknown or refused, for a lack of chance
                and for a page that returns something else than a tensor of x's shape.
            Unsupported: for a normalisation that cannot be.
        """
        given = {"forward": forward, "normalize": normalize, "stretch": stretch, "chance": chance}
        return self._multiplier(self.rule, x, **given, step_size=step_size, parameters=parameters)

    def signed_slope(
        self, x, *, forward: str | HardFunction = "sign", normalize="none", stretch=None, chance=None, **parameters
    ) -> tf.Tensor | None:
        """The multiplier n(x) of the size of the gradient from above, where the page has one (`signed`).

        Args:
            x: as in `slope`.
            forward: as in `slope`.
            normalize: as in `gain`.
            stretch: as in `slope`.
            chance: as in `slope`.
            **parameters: as in `slope`.

        Returns:
            As `slope`; None where the page has none.

        Raises:
            UserError: as `slope`.
            Unsupported: as `slope`.
        """
        if self.signed is None:
            return None
        given = {"forward": forward, "normalize": normalize, "stretch": stretch, "chance": chance}
        return self._multiplier(self.signed, x, **given, parameters=parameters)

    def _multiplier(
        self, rule, x, *, parameters, forward="sign", normalize="none", stretch=None, chance=None, step_size=None
    ):
        """A function of the distance from the nearest jump, as `slope` makes it of the page's rule."""
        x, function = floating(x), as_hard_function(forward)
        self.check(**parameters)
        if function.mixes:
            raise Unsupported(f"{function.name} mixes the elements of the last axis, and has no slope.")
        values = {k: as_constant(v, x.dtype) for k, v in {**self.parameters, **parameters}.items()}
        if step_size is not None:
            x = x / self._step(x, step_size, function, parameters)
        if self.random:
            if not hasattr(chance, "uniform"):
                raise UserError(f"{self.name} is random in its backward pass: give it chance, to draw from.")
            values["chance"] = chance
        away = function.from_jump(x)
        if stretch is not None:
            factor = one_number("stretch", stretch)
            if factor is not None and factor not in positive:
                raise UserError(f"stretch is {factor:g}, but must be {positive}.")
            stretch = as_constant(stretch, x.dtype)
            away = away * (1 / stretch)
        m = rule(away, **values)
        self.check_slope(m, x)
        if not isinstance(normalize, str) or normalize != "none":
            numbers = {name: values[name] for name in self.parameters}
            m = m * as_constant(self.gain(normalize, forward=function, stretch=stretch, **numbers), x.dtype)
        return tf.where(tf.math.is_nan(x), x, function.masked(m, x))

    def multiplier(self, x, **choice) -> np.ndarray:
        """The multiplier m(x) as NumPy has it: `slope`, for those who work without tensors.

        Args:
            x: numbers, any shape; floating ones keep their dtype, whole ones count as float64.
            **choice: as in `slope`.

        Returns:
            An array of the shape of x.

        Raises:
            UserError: as `slope`.
            Unsupported: as `slope`.
        """
        x = np.asarray(x)
        with tf.device("/cpu:0"):
            return self.slope(x if x.dtype.kind not in "iub" else x.astype("float64"), **choice).numpy()

    def hard(
        self,
        x,
        *,
        forward: str | HardFunction | Mapping = "sign",
        at_zero: int | None = None,
        normalize="none",
        stretch=None,
        chance=None,
        noise=None,
        step_size=None,
        **parameters,
    ):
        """The operation: hard in the forward pass, the upstream gradient times the slope in the backward pass.

        Works eagerly, in tf.function, under XLA and in tf.vectorized_map, for tapes and, tangent times slope, for
        accumulators (tf.autodiff.ForwardAccumulator). The parameters get no gradient.

        Args:
            x: as in `slope`.
            forward: the hard function, or its name, or a mapping as {"name": "round", "bits": 4}.
            at_zero: the sign that zero is given, as in `function.value`; None: the function's own.
            normalize: as in `gain`.
            stretch: as in `slope`.
            chance: as in `slope`.
            noise: what is added to x before the hard function decides, of the shape and dtype of x, where its values
                are drawn (HardFunction.law); the slope is that at x. None: nothing, and the likeliest value is taken.
            step_size: of a quantizer that learns its step s, so that the value is s·Q(x/s): what the page's rule
                (`Surrogate.step_size`) makes the step of, by default the step itself. A number or a tensor, of one
                number or of as many as x has at its last axis, which gets a gradient. None: the step is 1.
            **parameters: as in `slope`.

        Returns:
            The hard function's value at x, of the shape and dtype of x.

        Raises:
            UserError: as `slope` and `function.value`; for a lack of chance only when the slope is asked for; and for a
                step that is not above 0, or one of a real function.
            Unsupported: when the slope is asked for, for a normalisation that cannot be.
        """
        x = floating(x)
        self.check(**parameters)
        function = as_hard_function(forward)
        if at_zero is not None:
            function = function.fixed(at_zero=at_zero)
        given = {"forward": function, "normalize": normalize, "stretch": stretch, "chance": chance, **parameters}
        if noise is not None and step_size is not None:
            raise UserError(f"{function.name} is drawn and has no step: leave step_size out.")
        value = function.value if noise is None else lambda x: function.value(x + noise)
        if function.mixes:
            return self._choosing(x, function, value, normalize, stretch, step_size, parameters)
        if step_size is None:
            signed = self.signed and (lambda x: (self.signed_slope(x, **given),))
            return replaced(value, lambda x: (self.slope(x, **given),), signed)(x)

        def slopes(x, step):
            v = x / step
            m = self.slope(v, **given)
            return m, self.step_size.slope(v, function.value(v), m, function)

        def of_size(x, step):
            v = x / step
            n = self.signed_slope(v, **given)
            return n, self.step_size.slope(v, tf.zeros_like(v), n, function)

        step = tf.broadcast_to(self._step(x, step_size, function, parameters), tf.shape(x))
        return replaced(lambda x, step: step * function.value(x / step), slopes, self.signed and of_size)(x, step)

    def _choosing(self, x, function, value, normalize, stretch, step_size, parameters):
        """`hard` where the function mixes elements."""
        reason = self.unsupported_reason(normalize if isinstance(normalize, str) else "none", function)
        if reason:
            raise Unsupported(reason)
        if stretch is not None or step_size is not None:
            raise UserError(f"{function.name} has no slope to stretch and no step: leave stretch and step_size out.")
        pull, values = self.pull, {**self.parameters, **parameters}
        assert pull is not None  # unsupported_reason has asked
        values = {name: as_constant(v, x.dtype) for name, v in values.items()}
        return with_backward(value, lambda upstream, x: (pull(x, upstream, **values),))(x)

    def _step(self, x, step_size, function, parameters):
        """The step of a quantizer at x, to which a gradient passes as the page's rule has it."""
        if function.exact:
            raise UserError(f"{function.name} is no quantizer and has no step: leave step_size out.")
        values = {name: as_constant(v, x.dtype) for name, v in {**self.parameters, **parameters}.items()}
        return self.step_size.step(x, as_constant(step_size, x.dtype), function, **values)

    def check_slope(self, m, x: tf.Tensor) -> None:
        """Refuses what is no slope at x.

        Args:
            m: what the page's rule returned.
            x: the tensor that it was given.

        Raises:
            UserError: where m is no tensor, or one of another dtype or shape.
        """
        if not tf.is_tensor(m):
            if isinstance(m, (np.ndarray, np.generic)):
                raise UserError(f"{self.name} returned a NumPy array; build the slope from tensor operations.")
            kind = "None" if m is None else f"a {type(m).__name__}"
            raise UserError(f"{self.name} returned {kind} for a {x.dtype.name} x, but must return a tensor.")
        if m.dtype != x.dtype:
            raise UserError(f"{self.name} returned {m.dtype.name} for a {x.dtype.name} x.")
        if not m.shape.is_compatible_with(x.shape):
            raise UserError(f"{self.name} returned the shape {m.shape} for an x of shape {x.shape}.")

    def _gain(self, kind, function, stretch, parameters):
        if kind == "peak":
            return 1.0 / self.trait(kind, **parameters)
        if kind == "period":
            return function.rise / _over_period(self, function, stretch, {**self.parameters, **parameters})
        gain = function.rise / self.trait(kind, **parameters)
        return gain if stretch is None else gain / stretch


def _over_period(surrogate: Surrogate, function: HardFunction, stretch, parameters: Mapping[str, Any]):
    """The integral of the slope over one step of a staircase, around a jump: by the smooth function whose derivative it
    is.

    Returns:
        A float64 scalar tensor.
    """
    assert surrogate.counterpart is not None  # unsupported_reason has asked
    values = {name: as_constant(value, tf.float64) for name, value in parameters.items()}
    stretch = as_constant(1.0 if stretch is None else stretch, tf.float64)
    half = function.step_length / 2 / stretch
    ends = tf.stack([half, -half])
    high, low = tf.unstack(surrogate.counterpart(ends, **values))
    return stretch * (high - low)


@functools.cache
def _half_width(surrogate: Surrogate, parameters: tuple[tuple[str, float], ...]) -> float:
    """As Surrogate.half_width, once for the same numbers: a run asks for each of its replicas."""
    numbers: dict[str, Any] = dict(parameters)
    reach = surrogate.trait("support", **numbers)
    corners = [float(x) for x in (*surrogate.trait("corners", **numbers), reach, -reach)]
    return half_width(lambda x: surrogate.slope(tf.constant(x, tf.float64), **numbers).numpy(), corners)


def surrogate(**traits) -> Callable:
    """Registers a surrogate under the function's name.

    Args:
        **traits: the fields of `Surrogate`, but `name` and `rule`.

    Returns:
        The decorator of a rule. It gives the rule as it is, and raises UserError where the name is taken.

    Raises:
        UserError: for a trait that there is not, and for `known` in another form.
    """
    names = {one.name for one in fields(Surrogate)} - {"name", "rule"}
    for name in traits.keys() - names:
        raise UserError(f"@surrogate has no trait '{name}'{did_you_mean(name, names)}")
    if any(np.shape(pair) != (2,) for pair in traits.get("known", ())):
        raise UserError(f"known is {traits['known']!r}, but must be pairs of x and m(x), as ((0.0, 1.0), (2.0, 0.5)).")

    def register(rule):
        registry.register(rule.__name__, Surrogate(name=rule.__name__, rule=rule, **traits))
        return rule

    return register


def replaced(forward: Callable, slopes: Callable, signed: Callable | None = None) -> Callable:
    """The operation of tensors forward(*inputs) whose derivatives are replaced: by slopes(*inputs), one for each input.

    Going backward the upstream gradient is multiplied by the slopes, going forward the tangents are.

    Args:
        forward: a function of tensors of one shape, with an output of that shape.
        slopes: a function of the same tensors, which gives a tuple of tensors of that shape.
        signed: the same for what the size of the upstream gradient is multiplied by, which is added; and that of a
            tangent.

    Returns:
        The operation, a function of tensors (`with_backward`).
    """

    def backward(upstream, *inputs):
        down = [upstream * m for m in slopes(*inputs)]
        if signed is None:
            return down
        return [each + tf.abs(upstream) * n for each, n in zip(down, signed(*inputs), strict=True)]

    return with_backward(forward, backward)


def with_backward(forward: Callable, down: Callable) -> Callable:
    """The operation of tensors forward(*inputs) that hands down what is said.

    A tape or an accumulator belongs inside the function that tf.vectorized_map is given: the map keeps no custom
    gradient, of whatever operation, and from outside of it TensorFlow finds zero or None.

    Args:
        forward: a function of tensors of one shape, with an output of that shape.
        down: down(upstream, *inputs) -> what comes down to each input. Where it is linear in `upstream`, an accumulator
            finds its transpose.

    Returns:
        The operation, a function of tensors.
    """

    @tf.custom_gradient
    def operation(*inputs):
        def backward(upstream):
            return down(upstream, *inputs)

        # An accumulator keeps the first tangent that it finds for the output: there must be none but the slope's.
        return forward(*map(tf.stop_gradient, inputs)), backward

    def call(*inputs):
        # In a graph tf.custom_gradient is one operation with all its inputs and outputs, and an accumulator inside that
        # graph takes it for the identity. It does transpose the gradient of a function, and so finds the slope.
        inside = not tf.executing_eagerly() and any(map(_accumulated, inputs))
        return tf.function(operation, autograph=False)(*inputs) if inside else operation(*inputs)

    return call


def _accumulated(x):
    """Whether an accumulator follows x in this graph: it alone asks an operation at once, and this one refuses it."""
    try:
        tf.raw_ops.PreventGradient(input=x, message="asked for by an accumulator")
    except LookupError:
        return True
    return False
