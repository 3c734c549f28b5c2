"""What every hard function promises, and how it is held against the function: the contract.

A promise is a function of a HardFunction that raises ContractError with one sentence. Real functions, which stand in
the place of hard ones, have derivatives of their own and are held to those by the tests.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from estimators.contract import mixing
from estimators.contract.numerics import FLOATS, GRID, format_parameters
from estimators.function import EQUAL_STEPS, HardFunction
from estimators.parameters import one_number
from steeplechase.contract import Check, ContractError, first_sentence
from steeplechase.errors import UserError, first_line

_FAR = (1e5, 3e38, math.inf)
_OUT = 1e9  # beyond all jumps
_EPSILON = dict(zip(FLOATS, (2.0**-10, 2.0**-7, 2.0**-23, 2.0**-52), strict=True))


def check_all(
    function: HardFunction, checks: Sequence[Callable[[HardFunction], None]] | None = None
) -> Iterator[Check]:
    """Each promise in words, and how the function breaks it, or "" where it keeps it; at all its example parameters.

    Args:
        function: a hard one.
        checks: functions of a hard function that raise ContractError; None: CHECKS, or those of a function that mixes
            elements.

    Yields:
        Each promise, with its first fault.
    """
    for check in checks or (MIXING if function.mixes else CHECKS):
        fault = ""
        for chosen in function.example_parameters():
            try:
                check(function.fixed(**chosen))
            except (ContractError, UserError) as broken:
                fault = f"{broken}"
            except (Exception, SystemExit) as error:  # it can fail in any way: that, too, is a broken promise
                fault = f"{type(error).__name__}: {first_line(error)}"
            if fault:
                break
        yield Check(first_sentence(check), fault, check in FORM)


def is_documented(function: HardFunction) -> None:
    """It has a label that figures can print, and a docstring.

    Raises:
        ContractError: with what is lacking.
    """
    if not function.label.strip() or "$" in function.label or not function.label.isprintable():
        raise ContractError(f"{function.name}'s label {function.label!r} cannot be printed as it is in figures.")
    if not (function.rule.__doc__ or "").strip():
        raise ContractError(f"{function.name} has no docstring.")


def has_its_levels_alone(function: HardFunction) -> None:
    """Between its jumps it has the levels that it declares, all of them in rising order and nothing else, in every type
    that can hold them; far out it has the outermost.

    Raises:
        ContractError: with the x where it has another value, or the level that it never has.
    """
    levels = np.array(function.outputs)
    if levels.size < 2 or not (np.diff(levels) > 0).all():
        raise ContractError(f"{_named(function)} declares the levels {function.outputs}, but they must rise.")
    x, _, places = _tried(function)
    values = function.value(tf.constant(x)).numpy()
    which = _which(levels, values, _rounding(levels, "float64"))
    if (other := which < 0).any():
        raise ContractError(
            f"{_named(function)} is {values[other][0]:g} at x = {x[other][0]:g}, which is none of its levels."
        )
    if lacking := sorted({*range(levels.size)} - {*which}):
        raise ContractError(
            f"{_named(function)} declares the level {levels[lacking[0]]:g}, but never has it, at points "
            f"{_period(function) / 8:g} apart: an eighth of its period."
        )
    if (np.diff(which) < 0).any():
        raise ContractError(f"{_named(function)} falls somewhere.")
    at_jumps = np.unique(function.value(tf.constant(places)))  # which need be none of its levels: sign's 0 at 0
    for dtype in FLOATS:
        kind, rounding, least = tf.as_dtype(dtype), _rounding(levels, dtype), np.diff(levels).min()
        if rounding > least / 4 and not _holds(dtype, levels).all():
            continue  # a short type does not tell these levels apart
        allowed = min(rounding, least / 4)
        far = function.value(tf.cast([-end for end in _FAR], kind)), function.value(tf.cast(list(_FAR), kind))
        for value, at in zip(far, (0, levels.size - 1), strict=True):
            if value.dtype != kind or (_which(levels, tf.cast(value, tf.float64).numpy(), allowed) != at).any():
                raise ContractError(f"{_named(function)} is not {levels[at]:g} far out in {dtype}.")
        near = tf.cast(function.value(tf.cast(tf.constant(x[np.abs(x) < 1e3]), kind)), tf.float64).numpy()
        if (np.maximum(_which(levels, near, allowed), _which(at_jumps, near, allowed)) < 0).any():
            raise ContractError(f"{_named(function)} has values of its own in {dtype}.")


def jumps_where_it_declares(function: HardFunction) -> None:
    """It rises by what it declares where it declares a jump, and is constant everywhere else.

    Raises:
        ContractError: with the place where it does not.
        UserError: where it declares several rises or periods.
    """
    rise = one_number(f"{_named(function)}'s rise", function.rise, f"one number: {EQUAL_STEPS}")
    x, away, places = _tried(function)
    if len(places) != len(function.outputs) - 1:
        raise ContractError(f"{_named(function)} has {len(function.outputs)} levels, but {len(places)} jumps.")
    beside = 1e-6 * _period(function)
    low, high = (function.value(tf.constant(places + side)).numpy() for side in (-beside, beside))
    if (other := ~np.isclose(high - low, rise, rtol=1e-9, atol=0)).any():
        raise ContractError(
            f"{_named(function)} rises by {(high - low)[other][0]:.9g} at x = {places[other][0]:g}, and not by "
            f"{rise:.9g}: {EQUAL_STEPS}."
        )
    middles = (places[1:] + places[:-1]) / 2
    if not np.allclose(np.abs(away), np.abs(x - places[np.searchsorted(middles, x)]), atol=beside):
        raise ContractError(f"{_named(function)} does not find the nearest jump.")
    apart = np.diff(places)
    if not np.allclose(apart, function.step_length, rtol=1e-6, atol=0):
        several = "" if np.allclose(apart, apart[0]) else f" to {apart.max():g}"
        raise ContractError(
            f"{_named(function)} declares a period of {function.step_length:g}, but its jumps are "
            f"{apart.min():g}{several} apart: {EQUAL_STEPS}."
        )


def passes_gradients_between_its_jumps(function: HardFunction) -> None:
    """Where it lets gradients pass is one interval, which holds all its jumps, or everywhere.

    Raises:
        ContractError: with the x where none passes.
    """
    x, _, places = _tried(function)
    passed = function.masked(tf.ones_like(x), tf.constant(x)).numpy() != 0
    inside = (x > places[0]) & (x < places[-1])
    if not passed[inside].all():
        raise ContractError(f"{_named(function)} lets no gradient pass at x = {x[inside & ~passed][0]:g}.")
    if (np.diff(passed.astype(int)) != 0).sum() > 2 or not passed.any():
        raise ContractError(f"{_named(function)} lets gradients pass in several places.")


def nan_shape_and_type_stay(function: HardFunction) -> None:
    """NaN stays NaN, so that divergence shows, and shape and type are those of x.

    Raises:
        ContractError: with the type in which it does not.
    """
    for dtype in FLOATS:
        for shape in ([], [0], [2, 3]):
            x = tf.fill(shape, tf.constant(math.nan, dtype))
            y = function.value(x)
            if y.dtype != x.dtype or y.shape != x.shape or not tf.reduce_all(tf.math.is_nan(y)):
                raise ContractError(f"{_named(function)} hides a NaN, or changes shape or type, in {dtype}.")


def same_everywhere(function: HardFunction) -> None:
    """Eager, in a graph, under XLA and vectorised it is the same, at its jumps as well.

    Raises:
        ContractError: with the way in which it is another one.
    """
    points, _, places = _tried(function)
    levels = np.array(function.outputs)
    # Where float32 rounds its levels or its jumps, the last digit decides on which side of a jump x is.
    sharp = places[_holds("float32", places) & _holds("float32", levels).all()]
    chosen = [*sharp[:: len(sharp) // 100 + 1], -0.0, 0.0, *points[:: len(points) // 100 + 1]]
    x = tf.constant(np.resize(chosen, [4, 60]), tf.float32)

    def all_of_it(x):
        return function.value(x), function.from_jump(x), function.masked(tf.ones_like(x), x)

    def rows(x):
        return tf.vectorized_map(all_of_it, x, fallback_to_while_loop=False)

    eager = [part.numpy() for part in all_of_it(x)]
    near = 4 * _EPSILON["float32"] * (np.abs(x) + _period(function))
    ways = {"in a graph": tf.function(all_of_it, autograph=False), "vectorised": rows}
    ways["under XLA"] = tf.function(rows, jit_compile=True, autograph=False)
    for way, call in ways.items():
        for part, one, allowed in zip(call(x), eager, (_rounding(levels, "float32"), near, 0), strict=True):
            if not (np.abs(part - one) <= allowed).all():
                raise ContractError(f"{_named(function)} is another one {way}.")


CHECKS: tuple[Callable[[HardFunction], None], ...] = (
    is_documented,
    nan_shape_and_type_stay,
    has_its_levels_alone,
    jumps_where_it_declares,
    passes_gradients_between_its_jumps,
    same_everywhere,
)
MIXING = (is_documented, *mixing.CHECKS)
FORM = (is_documented,)


def _named(function: HardFunction) -> str:
    numbers = {name: value for name, value in function.given.items() if not isinstance(value, str)}
    words = "".join(f", {name} {value}" for name, value in function.given.items() if isinstance(value, str))
    return f"{function.name}{format_parameters(numbers)}{words}"


def _period(function: HardFunction) -> float:
    """The length in which it is tried: how far its jumps are apart, and 1 where it declares one jump alone."""
    return function.step_length or 1.0


def _tried(function: HardFunction) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where it is tried: from well below its jumps to well above at eighths of a period, and at some points far beyond.

    Returns:
        (the points, rising and none of them at a jump; each of them less the nearest jump; the jumps, rising and to
        9 decimals of a period): float64, as it declares them.
    """
    period, ends = _period(function), np.array([-_OUT, _OUT])
    first, last = np.sort(ends - function.from_jump(tf.constant(ends)).numpy())
    stride = max(1.0, np.ceil((last - first) / (8 * len(function.outputs) * period)))  # what is wrong has its end, too
    fine = np.arange(first - 4 * period, last + 4 * period, stride * period / 8) + 1e-3 * math.sqrt(2) * period
    x = np.union1d(fine, GRID)
    away = function.from_jump(tf.constant(x)).numpy()
    near = np.abs(away) < 8 * period  # what is far from a jump knows fewer digits of it
    places = period * np.unique(np.round((x - away)[near] / period, 9))
    between = np.abs(away) > 1e-6 * period
    return x[between], away[between], places


def _holds(dtype: str, numbers: np.ndarray) -> np.ndarray:
    """Which of these numbers a type has exactly."""
    return tf.cast(tf.cast(numbers, dtype), tf.float64).numpy() == numbers


def _rounding(levels: np.ndarray, dtype: str) -> float:
    """How far from a level a value may be that was computed in this type."""
    return 4 * _EPSILON[dtype] * np.abs(levels).max()


def _which(levels: np.ndarray, values: np.ndarray, allowed: float) -> np.ndarray:
    """Which of the rising levels each value is, to within what is allowed; −1 where it is none."""
    nearest = np.searchsorted((levels[1:] + levels[:-1]) / 2, values)
    return np.where(np.abs(values - levels[nearest]) <= allowed, nearest, -1)
