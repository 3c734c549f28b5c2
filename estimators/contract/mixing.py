"""What functions that mix elements promise, and what an estimator promises that hands something down through them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from estimators.contract.numerics import (
    FLOATS,
    check_close,
    compiled_ways,
    format_parameters,
    four_values,
)
from estimators.function import HardFunction, functions
from estimators.surrogate import Surrogate
from steeplechase.contract import ContractError

_DRAW = np.random.Generator(np.random.PCG64(7))
# Groups of five: drawn near each other, far apart, with the largest twice, all equal.
GROUPS = np.concatenate(
    [
        _DRAW.normal(0, 0.4, [24, 5]),
        _DRAW.normal(0, 6.0, [8, 5]),
        [[1.0, 3.0, 3.0, 0.0, 3.0], [-0.0, 0.0, -0.0, 0.0, -1.0], [2.0] * 5],
    ]
)
UPSTREAM = _DRAW.normal(0, 1.0, GROUPS.shape)


# Of the function


def chooses_the_largest(function: HardFunction) -> None:
    """Of each group it gives its upper level to the first of the largest and its lower one to all others, whatever is
    added to all of them, in every type; of what it gave it gives the same again.

    Raises:
        ContractError: with the group where it does not.
    """
    low, high = function.outputs
    for dtype in FLOATS:
        x = tf.cast(tf.constant(GROUPS), dtype)
        held = tf.cast(x, tf.float64).numpy()
        known = np.where(np.arange(5) == held.argmax(1)[:, None], high, low)
        for given in (x, x + tf.cast(2.0, dtype) if dtype == "float64" else x, function.value(x)):
            y = function.value(given)
            if y.dtype != x.dtype or y.shape != x.shape:
                raise ContractError(f"{function.name} changes shape or type in {dtype}.")
            if (other := (tf.cast(y, tf.float64).numpy() != known).any(1)).any():
                raise ContractError(f"{function.name} does not choose the first of the largest of {held[other][0]}.")


def nan_stays(function: HardFunction) -> None:
    """NaN stays NaN, so that divergence shows.

    Raises:
        ContractError: with the type in which it does not.
    """
    for dtype in FLOATS:
        y = function.value(tf.cast([[1.0, float("nan"), 0.0], [float("nan")] * 3], dtype))
        if not (tf.math.is_nan(y[0, 1]) and tf.reduce_all(tf.math.is_nan(y[1]))):
            raise ContractError(f"{function.name} hides a NaN in {dtype}.")


def same_of_many(function: HardFunction) -> None:
    """Eager, in a graph, under XLA and vectorised it is the same.

    Raises:
        ContractError: with the way in which it is another one.
    """
    _same(function.name, function.value, (tf.constant(GROUPS, tf.float32),), exact=True)


# Of the estimator


def hands_down_through_choices(page: Surrogate) -> None:
    """Where the hard function mixes elements it hands down what it declares: finite, of the type of x, a multiple of
    what comes from above; where that adds up to zero, of two elements the slope at their difference; NaN stays.

    Raises:
        ContractError: with what is handed down instead.
    """
    if page.pull is None:
        return
    for function in (function for function in functions.values() if function.mixes):
        for chosen in page.example_parameters():
            named = f"{page.name}{format_parameters(chosen)}"
            down = _handed_down(page, function, GROUPS, UPSTREAM, chosen)
            if not np.isfinite(down).all():
                raise ContractError(f"{named} hands down what is not finite.")
            twice = _handed_down(page, function, GROUPS, -2 * UPSTREAM, chosen)
            check_close(twice, -2 * down, 1e-9, f"{named} hands down no multiple of what comes from above")
            if np.allclose(down.sum(1), 0, atol=1e-9):
                pairs, above = GROUPS[:, :2], UPSTREAM[:, :2]
                apart = pairs[:, 0] - pairs[:, 1]
                own: dict[str, Any] = dict(chosen)
                m = page.slope(tf.constant(apart), **own).numpy() * (above[:, 0] - above[:, 1])
                found = _handed_down(page, function, pairs, above, chosen)
                check_close(found, np.stack([m, -m], 1), 1e-7, f"{named} hands down another slope between two")
        for dtype in FLOATS:
            x = tf.cast(tf.constant(GROUPS), dtype)
            down = _handed_down(page, function, x, tf.cast(tf.constant(UPSTREAM), dtype), {}, dtype)
            if down.dtype != x.dtype or not np.isfinite(tf.cast(down, tf.float64)).all():
                raise ContractError(f"{page.name} hands down another type, or what is not finite, in {dtype}.")
        each = {name: tf.constant(four_values(page, name), tf.float32) for name in page.parameters}
        x = tf.reshape(tf.constant(GROUPS[:32], tf.float32), [4, 8, 5])
        above = tf.reshape(tf.constant(UPSTREAM[:32], tf.float32), [4, 8, 5])

        def through(x, upstream, parameters, function=function):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = page.hard(x, forward=function, **parameters)
            return tape.gradient(y, x, output_gradients=upstream)

        _same(page.name, through, (x, above, each), exact=False)


def _handed_down(page, function, x, upstream, chosen: Mapping[str, Any], dtype="float64"):
    x = tf.constant(x, dtype)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = page.hard(x, forward=function, **chosen)
    down = tape.gradient(y, x, output_gradients=tf.constant(upstream, dtype))
    if down is None or not tf.is_tensor(down) or down.shape != x.shape:
        raise ContractError(f"{page.name} hands down None, or another shape, through {function.name}.")
    return down.numpy() if dtype == "float64" else down


def _same(name: str, call: Callable, arguments: tuple, exact: bool) -> None:
    """Refuses what is another one in a graph, vectorised or under XLA."""

    def rows(*arguments):
        return tf.vectorized_map(lambda replica: call(*replica), arguments, fallback_to_while_loop=False)

    count = arguments[0].shape[0]
    eager = np.stack([call(*tf.nest.map_structure(lambda t, i=i: t[i], arguments)).numpy() for i in range(count)])
    for way, other in compiled_ways(rows).items():
        check_close(other(*arguments).numpy(), eager, 0 if exact else 2e-5, f"{name} is another one {way}")


CHECKS: tuple[Callable[[HardFunction], None], ...] = (nan_stays, chooses_the_largest, same_of_many)
