"""The contract's checks of how a slope is computed: in every type, compiled, vectorised, scheduled."""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

from estimators.contract.numerics import (
    EXTREMES,
    FLOATS,
    GRID,
    Unbounded,
    away_from,
    check_close,
    compiled_ways,
    contract_stream,
    corners_of,
    format_parameters,
    four_values,
    slope_at,
)
from estimators.function import functions
from estimators.surrogate import BESIDE, Surrogate
from steeplechase import schedules
from steeplechase.contract import ContractError


def finite_at_extremes(page: Surrogate) -> None:
    """It is finite at 0, −0, ±1e-30, ±1e4, ±3e38 and at infinity, in every type, and wherever it is looked at; NaN
    stays NaN.

    Raises:
        Unbounded: where it is infinite or NaN at a point of the grid, so that nothing can be compared there.
        ContractError: where it is not finite in one of the types, or hides a NaN.
    """
    for chosen in page.example_parameters():
        x = np.unique([*EXTREMES[:3], *GRID, *corners_of(page, chosen)])
        m = slope_at(page, x, **chosen)
        for fault, points in (("has no finite bound", np.isinf(m)), ("is NaN", np.isnan(m))):
            if points.any():
                raise Unbounded(f"{page.name}{format_parameters(chosen)} {fault} at x = {min(x[points], key=abs):g}.")
    for dtype in FLOATS:
        for chosen in page.example_parameters():
            x = tf.cast(tf.constant([*EXTREMES, *(-x for x in EXTREMES)], tf.float64), dtype)
            m = tf.cast(page.slope(x, chance=contract_stream(), **chosen), tf.float64).numpy()
            if not np.isfinite(m).all():
                at = tf.cast(x, tf.float64).numpy()[~np.isfinite(m)][0]
                raise ContractError(
                    f"{page.name}{format_parameters(chosen)} is {m[~np.isfinite(m)][0]} at x = {at:g} in {dtype}."
                )
        nan = page.slope(tf.constant([math.nan, 1.0], dtype), chance=contract_stream())
        if not tf.math.is_nan(nan[0]):
            raise ContractError(f"{page.name} hides a NaN in {dtype}.")


def same_in_every_type(page: Surrogate) -> None:
    """In float32 it is what it is in float64, also where it is small, and in the short types to their precision.

    Raises:
        ContractError: with the type and the x where it is not.
    """
    for chosen in page.example_parameters():
        for dtype, tolerance, far in (("float32", 2e-5, 60), ("float16", 0.05, 4), ("bfloat16", 0.05, 4)):
            x = tf.cast(away_from(corners_of(page, chosen), 0.1), dtype)
            x = tf.boolean_mask(x, tf.abs(x) <= far)
            wide = slope_at(page, tf.cast(x, tf.float64).numpy(), **chosen)
            found = tf.cast(page.slope(x, chance=contract_stream(), **chosen), tf.float64).numpy()
            what = f"{page.name}{format_parameters(chosen)} in {dtype} is not what it is in float64"
            check_close(found, wide, tolerance, what, x)
            early = (found == 0) & (np.abs(wide) > 1e-12 * np.abs(wide).max(initial=0))
            if dtype == "float32" and early.any():
                at = float(tf.boolean_mask(x, early)[0])
                raise ContractError(f"{what}: 0 instead of {wide[early][0]:.3g} at x = {at:g}, a loss of all digits.")


def upstream_times_slope(page: Surrogate) -> None:
    """The operation is hard, keeps shape and type, and hands down the upstream gradient times the slope, and what
    its size is multiplied by where that is declared; never None.

    Raises:
        ContractError: with the type or the hard function for which it does not.
    """
    for dtype in FLOATS:
        x = tf.cast(tf.reshape(tf.linspace(-2.0, 2.0, 24), [2, 3, 4]), dtype)
        upstream = tf.cast(tf.reshape(tf.range(24.0) - 7, [2, 3, 4]), dtype)
        for function in (function for function in functions.values() if not function.mixes):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = page.hard(x, forward=function, chance=contract_stream())
            down = tape.gradient(y, x, output_gradients=upstream)
            if down is None or down.dtype != x.dtype or y.dtype != x.dtype or y.shape != x.shape:
                raise ContractError(f"{page.name}'s operation changes shape or type, or hands down None, in {dtype}.")
            if not function.exact and not set(np.unique(tf.cast(y, tf.float64))) <= set(function.outputs):
                raise ContractError(f"{page.name}'s operation is not hard for forward={function.name}.")
            wanted = upstream * page.slope(x, forward=function, chance=contract_stream())
            signed = page.signed_slope(x, forward=function, chance=contract_stream())
            if signed is not None:
                wanted += tf.abs(upstream) * signed
            if not (tf.cast(down, tf.float64).numpy() == tf.cast(wanted, tf.float64).numpy()).all():
                raise ContractError(f"{page.name}'s operation does not hand down upstream × slope in {dtype}.")


def element_by_element(page: Surrogate) -> None:
    """The slope at x depends on x alone, unless the page says that it does not.

    Raises:
        ContractError: where it depends on other elements.
    """
    if page.elementwise and not page.random:
        x = tf.constant(GRID[::9])
        alone = np.array([page.slope(one).numpy() for one in x])
        check_close(slope_at(page, x), alone, 1e-12, f"{page.name} depends on other elements of x, too", x.numpy())


def chance_decides(page: Surrogate) -> None:
    """The same chance gives the same slope, and, where the page is random, another chance another one.

    Raises:
        ContractError: where it draws from something else, or does not say truly whether it is random.
    """
    x = tf.constant(GRID)
    slopes = [page.slope(x, chance=contract_stream(seed)).numpy() for seed in (0, 0, 1)]
    if not np.array_equal(slopes[0], slopes[1], equal_nan=True):
        raise ContractError(f"{page.name} gives other slopes for the same chance: it draws from something else.")
    if page.random == np.array_equal(slopes[0], slopes[2], equal_nan=True):
        raise ContractError(f"{page.name} {'does not use' if page.random else 'uses'} chance.")


def same_everywhere(page: Surrogate) -> None:
    """Eager, in a graph, under XLA and vectorised over replicas it is the same, each replica with its own numbers.

    Raises:
        ContractError: with the way in which it is another one.
    """
    x = tf.constant(np.resize(GRID, [4, 80]), tf.float32)
    own = {name: tf.constant(four_values(page, name), tf.float32) for name in page.parameters}

    def gradients(x, parameters):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = page.hard(x, chance=contract_stream(), **parameters)
        return y, tape.gradient(y, x)

    def rows(x, parameters):
        return tf.vectorized_map(lambda row: gradients(*row), (x, parameters), fallback_to_while_loop=False)

    each = [gradients(x[i], {name: value[i] for name, value in own.items()}) for i in range(4)]
    eager = [np.stack(part) for part in zip(*each, strict=True)]
    for way, call in compiled_ways(rows).items():
        y, m = (part.numpy() for part in call(x, own))
        if not (y == eager[0]).all():
            raise ContractError(f"{page.name}'s hard output is another one {way}.")
        check_close(m, eager[1], 2e-6, f"{page.name} is another one {way}", x.numpy())


def schedules_act(page: Surrogate) -> None:
    """A schedule of any parameter acts inside a compiled program: the next gradient has the next value.

    Raises:
        ContractError: with the parameter whose schedule does nothing, or something else.
    """
    for name in page.parameters:
        if page.roles.get(name) in BESIDE:
            continue
        ends = [float(value) for value in four_values(page, name)[:2]]
        values = {"from": ends[0], "to": ends[1], "shape": "linear"}
        coded = tf.constant(schedules.encode(name, values), tf.float64)

        @tf.function(jit_compile=True, autograph=False)
        def slope(progress, name=name, coded=coded):
            return page.slope(tf.constant(GRID), chance=contract_stream(), **{name: schedules.value(coded, progress)})

        found = [slope(tf.constant(progress, tf.float64)).numpy() for progress in (0.0, 1.0)]
        if (found[0] == found[1]).all():
            raise ContractError(
                f"{page.name}.{name} changes nothing when its schedule goes from {ends[0]:g} to {ends[1]:g}."
            )
        for m, value in zip(found, ends, strict=True):
            check_close(
                m, slope_at(page, GRID, **{name: value}), 1e-9, f"{page.name}.{name} does not follow its schedule", GRID
            )
