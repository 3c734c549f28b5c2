"""What the contract measures with: grids, corners, integrals, and how two arrays are held together."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from scipy import integrate

from estimators.surrogate import BESIDE, Surrogate
from steeplechase.contract import ContractError
from steeplechase.random import Chance, key

FLOATS = ("float16", "bfloat16", "float32", "float64")
EXTREMES = (0.0, 1e-30, 1e4, 3e38, math.inf)
ROLES = ("height", "width", "tail", *BESIDE)
_SIDE = np.array([*np.geomspace(1e-4, 60, 160), 1e3, 1e6])
GRID = np.concatenate([-_SIDE[::-1], [0.0], _SIDE])  # dense where slopes are narrow, and far enough for their tails


class Unbounded(ContractError):
    """The slope is infinite or NaN somewhere."""


def over_grid(page: Surrogate) -> np.ndarray:
    """The slope at the points of the contract's grid, float64."""
    return slope_at(page, GRID)


# What they share


def contract_stream(seed: int = 0) -> Chance:
    """The stream that random slopes draw from while the contract is held against them."""
    return Chance(key(seed)).of("contract")


def parameters_as(page, dtype, **chosen):
    """The page's parameters as tensors.

    Args:
        page: the surrogate.
        dtype: of the tensors.
        **chosen: numbers in place of the defaults.

    Returns:
        Scalar tensors by name; and a stream of chance under "chance" where the page is random.
    """
    own = {name: tf.constant(value, dtype) for name, value in {**page.parameters, **chosen}.items()}
    return {**own, "chance": contract_stream()} if page.random else own


def slope_at(page, x, **chosen):
    """The slope in float64.

    Args:
        page: the surrogate.
        x: numbers of any shape.
        **chosen: parameters, and what else `Surrogate.slope` takes.

    Returns:
        float64 of the shape of x.
    """
    return page.slope(tf.constant(x, tf.float64), chance=contract_stream(), **chosen).numpy()


def corners_of(page, chosen):
    """Where the slope may jump or bend: as declared, and at the ends of its support; and zero.

    Args:
        page: the surrogate.
        chosen: parameters in place of the defaults.

    Returns:
        float64 [corners], finite, in no order.
    """
    reach = float(page.trait("support", **chosen))
    ends = [-reach, reach] if math.isfinite(reach) else []
    return np.array([0.0, *ends, *(float(x) for x in page.trait("corners", **chosen))])


def away_from(corners, share):
    """The grid without what lies near to a corner.

    Args:
        corners: float64 [corners].
        share: how near that is, as a share of |x|, which counts as 0.001 below that.

    Returns:
        float64 [points], rising.
    """
    near = share * np.maximum(np.abs(GRID), 1e-3)
    return GRID[np.abs(GRID[:, None] - corners).min(1, initial=math.inf) > near]


def integral_over(page, lows, highs, chosen):
    """The integral of the slope over several pieces, together.

    Args:
        page: the surrogate.
        lows: where each piece begins, −∞ allowed.
        highs: where each ends, ∞ allowed.
        chosen: parameters in place of the defaults.

    Returns:
        float64 scalar, by tanh-sinh quadrature.
    """
    return integrate.tanhsinh(lambda x: slope_at(page, x, **chosen), np.array(lows), np.array(highs)).integral.sum()


def largest_slope(page, chosen):
    """The largest value, also where it is only approached: next to a corner.

    Args:
        page: the surrogate.
        chosen: parameters in place of the defaults.

    Returns:
        float64 scalar.
    """
    corners = corners_of(page, chosen)
    near = [corners, *(corners + sign * 1e-9 * np.maximum(np.abs(corners), 1e-3) for sign in (-1, 1))]
    x = np.unique(np.concatenate([GRID, *near]))
    for _ in range(2):
        m = slope_at(page, x, **chosen)
        at = m.argmax()
        x = np.unique([*x, *np.linspace(x[max(at - 1, 0)], x[min(at + 1, len(x) - 1)], 2001)])
    return slope_at(page, x, **chosen).max()


def half_width(page, chosen):
    """How wide the slope is at half its peak.

    Args:
        page: the surrogate.
        chosen: parameters in place of the defaults.

    Returns:
        In x; never exactly zero. Of a page that declares itself even, from zero on.
    """
    x = np.linspace(0, 60, 60001) if page.even else np.linspace(-60, 60, 60001)
    x = np.unique([*x, *np.geomspace(1e-5, 60, 4001)])
    m = np.abs(slope_at(page, x, **chosen))
    wide = x[m >= m.max() / 2]
    return float(wide.max() - wide.min()) + 1e-12


def compiled_ways(call: Callable) -> dict[str, Callable]:
    """The ways in which a function of tensors is run, beside eagerly.

    Args:
        call: which is vectorised.

    Returns:
        By words that say how.
    """
    graph = tf.function(call, autograph=False)
    xla = tf.function(lambda *tensors: graph(*tensors), jit_compile=True, autograph=False)  # traced once for both
    return {"in a graph": graph, "vectorised": call, "under XLA": xla}


def four_values(page, name):
    """Four values that a parameter may have.

    Args:
        page: the surrogate.
        name: of the parameter.

    Returns:
        float64 [4], the default first; repeated where there are fewer.
    """
    allowed = [chosen[name] for chosen in page.example_parameters() if name in chosen]
    return np.resize([page.parameters[name], *allowed], 4)


def check_close(values, expected, tolerance, what, x=None):
    """Holds two arrays together.

    Args:
        values: what was found, of any shape and type that float64 holds.
        expected: what it is held against, of a shape that broadcasts with it.
        tolerance: how far apart they may be, as a share of the largest finite value expected.
        what: the beginning of the sentence.
        x: where the values stand, for the sentence; None: it names no place.

    Raises:
        ContractError: with the two numbers that are farthest apart.
    """
    values, expected = np.asarray(values, np.float64), np.asarray(expected, np.float64)
    values, expected = np.broadcast_arrays(values, expected)
    largest = np.abs(expected).max(initial=0, where=np.isfinite(expected))
    allowed = tolerance * max(largest, 1e-300) + 1e-300
    with np.errstate(invalid="ignore"):
        gap = np.where(values == expected, 0.0, np.abs(values - expected))  # infinity is itself, though ∞ − ∞ is NaN
    apart = ~(gap <= allowed)
    if apart.any():
        at = np.unravel_index(np.argmax(np.where(np.isnan(gap), math.inf, gap)), gap.shape)
        where = "" if x is None else f" at x = {np.broadcast_to(x, values.shape)[at]:g}"
        shown = [f"{value[at]:.10g}" for value in (values, expected)]
        if shown[0] == shown[1]:  # they part in later digits
            shown = [f"{value[at]:.17g}" for value in (values, expected)]
        raise ContractError(f"{what}: {shown[0]} instead of {shown[1]}{where}.")


def format_parameters(chosen):
    """Parameters as they are printed after a name: "(scale=2)", or ""."""
    return f"({', '.join(f'{name}={value:g}' for name, value in chosen.items())})" if chosen else ""
