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
from estimators.contract.numerics import FLOATS, format_parameters
from estimators.function import HardFunction
from steeplechase.contract import Check, ContractError, first_sentence
from steeplechase.errors import UserError, first_line

_FAR = (1e5, 3e38, math.inf)


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
    levels, x = np.array(function.outputs), _between_jumps(function)
    if levels.size < 2 or not (np.diff(levels) > 0).all():
        raise ContractError(f"{_named(function)} declares the levels {function.outputs}, but they must rise.")
    values = function.value(tf.constant(x, tf.float64)).numpy()
    if (other := ~np.isin(values, levels)).any():
        raise ContractError(
            f"{_named(function)} is {values[other][0]:g} at x = {x[other][0]:g}, which is none of its levels."
        )
    if lacking := sorted({*levels} - {*values}):
        raise ContractError(f"{_named(function)} declares the level {lacking[0]:g}, but never has it.")
    if (np.diff(values) < 0).any():
        raise ContractError(f"{_named(function)} falls somewhere.")
    for dtype in FLOATS:
        kind = tf.as_dtype(dtype)
        held = tf.cast(tf.cast(levels, kind), tf.float64).numpy()
        if not (held == levels).all():
            continue  # a short type does not hold these levels
        far = function.value(tf.cast([-end for end in _FAR], kind)), function.value(tf.cast(list(_FAR), kind))
        for value, level in zip(far, (levels[0], levels[-1]), strict=True):
            if value.dtype != kind or (tf.cast(value, tf.float64).numpy() != level).any():
                raise ContractError(f"{_named(function)} is not {level:g} far out in {dtype}.")
        near = tf.cast(tf.constant(x[np.abs(x) < 1e3]), kind)
        if not {*tf.cast(function.value(near), tf.float64).numpy()} <= {*levels, *_at_jumps(function)}:
            raise ContractError(f"{_named(function)} has values of its own in {dtype}.")


def jumps_where_it_declares(function: HardFunction) -> None:
    """It rises by what it declares where it declares a jump, and is constant everywhere else.

    Raises:
        ContractError: with the place where it does not.
    """
    x = _between_jumps(function)
    away, places = function.from_jump(tf.constant(x)).numpy(), _jumps(function)
    if len(places) != len(function.outputs) - 1:
        raise ContractError(f"{_named(function)} has {len(function.outputs)} levels, but {len(places)} jumps.")
    low, high = (function.value(tf.constant(places + side, tf.float64)).numpy() for side in (-1e-8, 1e-8))
    if (other := high - low != function.rise).any():
        raise ContractError(
            f"{_named(function)} rises by {(high - low)[other][0]:g} at x = {places[other][0]:g}, and not by "
            f"{function.rise:g}."
        )
    middles = (places[1:] + places[:-1]) / 2
    if not np.allclose(np.abs(away), np.abs(x - places[np.searchsorted(middles, x)]), atol=1e-9):
        raise ContractError(f"{_named(function)} does not find the nearest jump.")
    if not np.allclose(np.diff(places), function.step_length):
        raise ContractError(
            f"{_named(function)} declares a period of {function.step_length:g}, but its jumps are not so far apart."
        )


def passes_gradients_between_its_jumps(function: HardFunction) -> None:
    """Where it lets gradients pass is one interval, which holds all its jumps, or everywhere.

    Raises:
        ContractError: with the x where none passes.
    """
    x, places = tf.constant(_between_jumps(function)), _jumps(function)
    passed = function.masked(tf.ones_like(x), x).numpy() != 0
    inside = (x.numpy() > places[0]) & (x.numpy() < places[-1])
    if not passed[inside].all():
        raise ContractError(f"{_named(function)} lets no gradient pass at x = {x.numpy()[inside & ~passed][0]:g}.")
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
    x = _between_jumps(function)
    x = tf.constant(np.resize([*_jumps(function), -0.0, 0.0, *x[:: max(1, len(x) // 100)]], [4, 60]), tf.float32)

    def all_of_it(x):
        return function.value(x), function.from_jump(x), function.masked(tf.ones_like(x), x)

    def rows(x):
        return tf.vectorized_map(all_of_it, x, fallback_to_while_loop=False)

    eager = [part.numpy() for part in all_of_it(x)]
    ways = {"in a graph": tf.function(all_of_it, autograph=False), "vectorised": rows}
    ways["under XLA"] = tf.function(rows, jit_compile=True, autograph=False)
    for way, call in ways.items():
        if not all((part.numpy() == one).all() for part, one in zip(call(x), eager, strict=True)):
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


def _between_jumps(function: HardFunction) -> np.ndarray:
    """Points from well below the lowest level to well above the highest, none of them at a jump: float64, rising."""
    low, high = min(*function.outputs, -4.0), max(*function.outputs, 4.0)
    return np.arange(low - 4, high + 4, 0.125) + 1e-3 * math.sqrt(2)


def _jumps(function: HardFunction) -> np.ndarray:
    """Where it declares its jumps: float64, rising, to 9 decimals."""
    x = _between_jumps(function)
    return np.unique(np.round(x - function.from_jump(tf.constant(x)).numpy(), 9))


def _at_jumps(function: HardFunction) -> set[float]:
    """The values that it has exactly at its jumps, which need be none of its levels: sign's 0 at 0."""
    return {*function.value(tf.constant(_jumps(function))).numpy()}
